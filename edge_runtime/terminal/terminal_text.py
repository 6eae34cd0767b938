"""Text on a terminal: its width in columns, shortened or wrapped to fit, coloured.

Trap: a Chinese character takes two columns and a combining accent none, so `len` is not the width.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO
from unicodedata import category, east_asian_width

PLAIN_WIDTH = 100  # columns of a stream that is not a terminal: a file, a pipe
LEAST_WIDTH = 20  # a terminal that reports less is hidden or broken
_TAKES_NO_COLUMN = ("Mn", "Me", "Cf")  # combining marks and format characters
_HANGUL_VOWELS_AND_ENDS = range(0x1160, 0x1200)  # combine with the letter before them


class Style(StrEnum):
    """Styles; the values are their ECMA-48 numbers."""

    BOLD = "1"
    FAINT = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Properties of an output stream.

    Attributes:
        width: Width in columns.
        is_coloured: Whether it shows styles.
    """

    width: int = PLAIN_WIDTH
    is_coloured: bool = False

    def styled(self, text: str, *styles: Style) -> str:
        """Return styled text for a screen with colours, otherwise the plain text."""
        if not self.is_coloured or not styles or not text:
            return text
        return f"\x1b[{';'.join(styles)}m{text}\x1b[0m"


def screen_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Screen:
    """Return the properties of a stream. `NO_COLOR` (https://no-color.org) turns colours off."""
    if not stream.isatty():
        return Screen()
    uncoloured = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    # The old console of Windows, before Windows Terminal, prints the codes as text.
    knows_codes = sys.platform != "win32" or "WT_SESSION" in environ
    return Screen(width=max(LEAST_WIDTH, _columns(stream)), is_coloured=knows_codes and not uncoloured)


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or PLAIN_WIDTH
    except OSError:  # a stream without a file, or a terminal without a width
        return PLAIN_WIDTH


def display_width(text: str) -> int:
    """Return the width of a printable text in columns."""
    return sum(map(_columns_of, text))


def _columns_of(sign: str) -> int:
    if sign.isascii():
        return 1
    if category(sign) in _TAKES_NO_COLUMN or ord(sign) in _HANGUL_VOWELS_AND_ENDS:
        return 0
    return 2 if east_asian_width(sign) in ("W", "F") else 1


def shortened(text: str, width: int) -> str:
    """Return text of at most `width` columns, at least 1; shortened text ends with an ellipsis."""
    if display_width(text) <= width:
        return text
    return _beginning(text, width - 1) + "…"


def padded(text: str, width: int) -> str:
    """Return text padded with spaces to at least `width` columns."""
    return text + " " * (width - display_width(text))


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yield text in lines of at most `width` columns, broken between words.

    A longer word gets its own line and is not broken: it may be a URL to copy.
    """
    line = ""
    for word in text.split():
        if line and display_width(line) + 1 + display_width(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _beginning(text: str, width: int) -> str:
    taken = 0
    for position, sign in enumerate(text):
        taken += _columns_of(sign)
        if taken > width:
            return text[:position]
    return text
