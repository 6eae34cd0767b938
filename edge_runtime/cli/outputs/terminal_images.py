"""Images in the terminal: the photo, and beside it the reference it was identified as.

Two protocols are in use: Kitty graphics (sw.kovidgoyal.net/kitty/graphics-protocol) and the inline images of iTerm2
(iterm2.com/documentation-images.html). Trap: a terminal that does not understand a query prints it as text, and its
reply arrives as typed input. So terminals are not queried. They are recognised by the environment variables that they
document, and not within tmux or screen, which do not pass images on.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.decision import Decision

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
    from edge_identify.edge_runtime.terminal.terminal_text import Screen

ROWS = 8  # height of the images in rows of text: the answer stays on one screen of 24
_HEIGHT_PX = 160  # 20 for each of those rows, as a terminal of today has them
_GAP_PX = 10
_COLUMNS_PER_HEIGHT = 2 * ROWS  # columns of a square image: a character is half as wide as high
_MOST_REFERENCES = 3  # beside a photo: the first three look-alikes
_KITTY_CHUNK = 4096  # letters of base64 in one command, by Kitty's protocol

#: Set by programs that draw a terminal of their own, without images, and pass on the variables of the outer one.
_WITHIN_ANOTHER = frozenset({"TMUX", "STY", "INSIDE_EMACS", "VIM_TERMINAL", "NVIM"})


class TerminalImageProtocol(StrEnum):
    """The protocol of images in a terminal."""

    KITTY = "kitty"
    ITERM2 = "iterm2"


def protocol_of(environ: Mapping[str, str]) -> TerminalImageProtocol | None:
    """Return the protocol of the terminal that set these variables; None if it shows no images."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if term == "dumb" or term.startswith(("screen", "tmux")) or not _WITHIN_ANOTHER.isdisjoint(environ):
        return None
    # These two first: a terminal that is started from within another inherits the rest of its variables.
    if program in ("iTerm.app", "WezTerm", "mintty"):
        return TerminalImageProtocol.ITERM2
    if term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
        return TerminalImageProtocol.KITTY
    if not program and environ.get("LC_TERMINAL") == "iTerm2":  # which ssh carries to another machine
        return TerminalImageProtocol.ITERM2
    return None


def image_codes(png: bytes, protocol: TerminalImageProtocol) -> str:
    """Return the control codes that show a PNG, `ROWS` rows high, with the cursor below it afterwards."""
    if protocol is TerminalImageProtocol.ITERM2:
        shape = f"inline=1;size={len(png)};height={ROWS};preserveAspectRatio=1"
        return f"\x1b]1337;File={shape}:{base64.b64encode(png).decode()}\x07\n"
    return "".join(_kitty_commands(base64.b64encode(png).decode())) + "\n"


def _kitty_commands(text: str) -> Iterator[str]:
    """Yield the commands that send and show a PNG: its bytes in pieces, and nothing to be answered (`q=2`)."""
    for start in range(0, len(text), _KITTY_CHUNK):
        more = int(start + _KITTY_CHUNK < len(text))
        keys = f"a=T,f=100,q=2,r={ROWS},m={more}" if start == 0 else f"q=2,m={more}"
        yield f"\x1b_G{keys};{text[start : start + _KITTY_CHUNK]}\x1b\\"


class AnswerImages:
    """Shows answers as images: the photo, then the reference or the look-alikes."""

    def __init__(
        self, protocol: TerminalImageProtocol, screen: Screen, thumbnails: Mapping[str, ThumbnailTable]
    ) -> None:
        """Begin.

        Args:
            protocol: The protocol of the terminal.
            screen: Its width.
            thumbnails: Of references, by the name of their pack; packs without are missing.
        """
        self._protocol, self._screen, self._thumbnails = protocol, screen, thumbnails

    def codes(self, answer: Identification) -> str:
        """Return the codes that show an answer's images; empty without images."""
        from PIL import Image as PillowImage

        pictures: list[Image] = [PillowImage.open(io.BytesIO(thumbnail)) for thumbnail in answer.thumbnails[:1]]
        pictures += list(self._of_references(answer))
        return image_codes(_side_by_side(pictures, self._screen.width), self._protocol) if pictures else ""

    def _of_references(self, answer: Identification) -> Iterator[Image]:
        thumbnails = self._thumbnails.get(answer.pack_name)
        if thumbnails is None:
            return
        count = _MOST_REFERENCES if answer.decision is Decision.AMBIGUOUS else 1
        for match in answer.matches[:count]:
            picture = None if match.index_id is None else thumbnails.image(match.index_id)
            if picture is not None:
                yield picture


def _side_by_side(images: Sequence[Image], columns: int) -> bytes:
    """Return a PNG of as many of the images, at least the first, as fit into so many columns."""
    from PIL import Image as PillowImage

    alike = [image.resize((_width_px(image), _HEIGHT_PX)) for image in images]
    room_px = columns * _HEIGHT_PX // _COLUMNS_PER_HEIGHT
    while len(alike) > 1 and _together_px(alike) > room_px:
        alike.pop()
    row = PillowImage.new("RGBA", (min(_together_px(alike), room_px), _HEIGHT_PX))
    left = 0
    for image in alike:
        row.paste(image, (left, 0))
        left += image.width + _GAP_PX
    buffer = io.BytesIO()
    row.save(buffer, "PNG")
    return buffer.getvalue()


def _width_px(image: Image) -> int:
    """Return the width of an image at the height of the row; at most twice that, or a banner would fill the screen."""
    return min(max(1, round(image.width * _HEIGHT_PX / image.height)), 2 * _HEIGHT_PX)


def _together_px(images: Sequence[Image]) -> int:
    return sum(image.width for image in images) + _GAP_PX * (len(images) - 1)
