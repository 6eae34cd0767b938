"""Reading a `Range` header as RFC 9110 means it: one piece, or the whole.

Werkzeug answers 416 to a header it cannot read and to one that asks for several pieces. The standard says to
ignore the former, and lets a server send the whole for the latter; a client that resumes then still gets its
file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# 18 digits are beyond any file; a longer number is not one.
_SINGLE_RANGE = re.compile(
    r"bytes=[ \t]*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))[ \t]*", re.I
)


class UnsatisfiableRangeError(Exception):
    """The header is right, but the file has no such byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """A piece of a file.

    Attributes:
        first: Its first byte, from 0.
        last: Its last byte, which is part of it.
    """

    first: int
    last: int

    @property
    def length_bytes(self) -> int:
        """How many bytes it has; at least 1."""
        return self.last - self.first + 1


def requested_range(header: str | None, length_bytes: int) -> ByteRange | None:
    """Return the piece that a `Range` header asks for; None for the whole.

    Args:
        header: The header's value, or None.
        length_bytes: Length of the file.

    Raises:
        UnsatisfiableRangeError: The piece lies behind the file's end.
    """
    match = _SINGLE_RANGE.fullmatch(header or "")
    if match is None:
        return None
    if match["suffix"] is not None:
        return _suffix(int(match["suffix"]), length_bytes)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else first
    if last < first:
        return None  # malformed, says RFC 9110, and so to be ignored
    if first >= length_bytes:
        raise UnsatisfiableRangeError
    return ByteRange(first=first, last=min(last, length_bytes - 1) if match["last"] else length_bytes - 1)


def _suffix(suffix_bytes: int, length_bytes: int) -> ByteRange | None:
    if suffix_bytes == 0:
        raise UnsatisfiableRangeError
    if length_bytes == 0:
        return None  # satisfiable, but no Content-Range can name a piece of nothing
    return ByteRange(first=max(0, length_bytes - suffix_bytes), last=length_bytes - 1)
