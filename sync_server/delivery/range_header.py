"""Parse a `Range` header by RFC 9110: one range, or the whole file.

Werkzeug answers 416 to an unreadable header and to several ranges. RFC 9110 says to ignore an unreadable header, and
permits the whole file for several ranges. So a client that resumes always gets its file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# 18 digits exceed the length of any file.
_SINGLE_RANGE = re.compile(
    r"bytes=[ \t]*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))[ \t]*", re.I
)


class UnsatisfiableRangeError(Exception):
    """The header is valid, but the range starts after the end of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """A range of a file.

    Attributes:
        first: First byte, from 0.
        last: Last byte, inclusive.
    """

    first: int
    last: int

    @property
    def length_bytes(self) -> int:
        """Number of bytes, at least 1."""
        return self.last - self.first + 1


def requested_range(header: str | None, length_bytes: int) -> ByteRange | None:
    """Return the range of a `Range` header; None for the whole file.

    Args:
        header: The header's value, or None.
        length_bytes: Length of the file.

    Raises:
        UnsatisfiableRangeError: The range starts after the end of the file, or is an empty suffix.
    """
    match = _SINGLE_RANGE.fullmatch(header or "")
    if match is None:
        return None
    if match["suffix"] is not None:
        return _suffix(int(match["suffix"]), length_bytes)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else first
    if last < first:
        return None  # invalid by RFC 9110, and therefore ignored
    if first >= length_bytes:
        raise UnsatisfiableRangeError
    return ByteRange(first=first, last=min(last, length_bytes - 1) if match["last"] else length_bytes - 1)


def _suffix(suffix_bytes: int, length_bytes: int) -> ByteRange | None:
    if suffix_bytes == 0:
        raise UnsatisfiableRangeError
    if length_bytes == 0:
        return None  # satisfiable, but no Content-Range can describe a range of an empty file
    return ByteRange(first=max(0, length_bytes - suffix_bytes), last=length_bytes - 1)
