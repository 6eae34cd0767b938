"""Text as a terminal shows it: how wide it is, cut or wrapped to fit, and coloured where that is wanted.

A newcomer would count characters: a Chinese one takes two columns, an accent of its own takes none, and a table that
counts them as one each is ragged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO
from unicodedata import category, east_asian_width

PLAIN_WIDTH = 100  # columns where nobody says how many there are: a file, a pipe
LEAST_WIDTH = 20  # a terminal that says less is hidden or broken, and a word still needs room
_TAKES_NO_COLUMN = ("Mn", "Me", "Cf")  # accents that are drawn over what stands before, and signs for layout
_HANGUL_VOWELS_AND_ENDS = range(0x1160, 0x1200)  # drawn into the syllable that the letter before them began


class Style(StrEnum):
    """What stands out; the values are ECMA-48's numbers of them."""

    BOLD = "1"
    FAINT = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What text is written to.

    Attributes:
        width: Columns.
        is_coloured: Whether it shows styles.
    """

    width: int = PLAIN_WIDTH
    is_coloured: bool = False

    def styled(self, text: str, *styles: Style) -> str:
        """Return text that stands out where the screen can show that, and plain text elsewhere."""
        if not self.is_coloured or not styles or not text:
            return text
        return f"\x1b[{';'.join(styles)}m{text}\x1b[0m"


def screen_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Screen:
    """Return what a stream writes to; https://no-color.org says what `NO_COLOR` means."""
    if not stream.isatty():
        return Screen()
    uncoloured = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    # The console that Windows had before its Terminal prints the codes themselves.
    knows_codes = sys.platform != "win32" or "WT_SESSION" in environ
    return Screen(width=max(LEAST_WIDTH, _columns(stream)), is_coloured=knows_codes and not uncoloured)


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or PLAIN_WIDTH
    except OSError:  # a stream without a file, or a terminal that does not know
        return PLAIN_WIDTH


def display_width(text: str) -> int:
    """Return how many columns a printable text takes."""
    return sum(map(_columns_of, text))


def _columns_of(sign: str) -> int:
    if sign.isascii():
        return 1
    if category(sign) in _TAKES_NO_COLUMN or ord(sign) in _HANGUL_VOWELS_AND_ENDS:
        return 0
    return 2 if east_asian_width(sign) in ("W", "F") else 1


def shortened(text: str, width: int) -> str:
    """Return text that takes at most `width` columns, at least 1; an ellipsis ends what was cut."""
    if display_width(text) <= width:
        return text
    return _beginning(text, width - 1) + "…"


def padded(text: str, width: int) -> str:
    """Return text followed by spaces, so that it takes at least `width` columns."""
    return text + " " * (width - display_width(text))


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yield text in lines of at most `width` columns, broken between words.

    A longer word has a line for itself and is not broken: it may be an address, which is there to be copied.
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
