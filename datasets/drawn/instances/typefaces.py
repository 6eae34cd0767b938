"""Typefaces of the machine where pictures are drawn, and words printed with them as large as a box allows."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

Ink = tuple[int, int, int]  # RGB, 0 to 255
Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of a sheet's width and height

_FONT_PX = 48  # drawn large, then reduced
_SOME_LETTERS, _NO_LETTER = "AgR8", "\uffff"


def find_typefaces(folder: Path) -> tuple[str, ...]:
    """Return the paths of the TrueType and OpenType files in a folder and below that have Latin letters, sorted."""
    found = sorted(str(path) for path in folder.rglob("*") if path.suffix.lower() in {".ttf", ".otf"})
    return tuple(face for face in found if _prints_latin(face))


def print_fitting(sheet: Image, face: str | None, words: str, box: Box, ink: Ink) -> None:
    """Print words in the middle of a box, as large as it allows.

    Args:
        sheet: Printed on in place.
        face: File of the typeface; None for Pillow's.
        words: What to print.
        box: Where.
        ink: The colour.
    """
    import PIL.Image
    from PIL import ImageDraw
    from PIL.Image import Resampling

    left, top, right, bottom = pixels_of(sheet.size, box)
    width, height = right - left, bottom - top
    font = _font(face)
    inked = font.getbbox(words)
    size = (int(inked[2] - inked[0]) + 2, int(inked[3] - inked[1]) + 2)
    if min(width, height, *size) < 2:
        return
    mask = PIL.Image.new("L", size, 0)
    ImageDraw.Draw(mask).text((1 - inked[0], 1 - inked[1]), words, fill=255, font=font)
    scale = min(width / size[0], height / size[1])
    mask = mask.resize((max(1, int(size[0] * scale)), max(1, int(size[1] * scale))), Resampling.BOX)
    sheet.paste(ink, (left + (width - mask.width) // 2, top + (height - mask.height) // 2), mask)


def pixels_of(size: tuple[int, int], box: Box) -> tuple[int, int, int, int]:
    """Return a box in pixels of a sheet of that width and height."""
    left, top, right, bottom = box
    return int(left * size[0]), int(top * size[1]), int(right * size[0]), int(bottom * size[1])


def _prints_latin(face: str) -> bool:
    """Return whether a typeface has letters of its own for Latin ones, and not the box for what it lacks."""
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(face, _FONT_PX)
        missing, *letters = (bytes(font.getmask(sign)) for sign in (_NO_LETTER, *_SOME_LETTERS))
    except OSError:  # not a typeface, or one of bitmaps in another size
        return False
    return len({missing, *letters}) == 1 + len(letters)


@lru_cache(maxsize=256)
def _font(face: str | None) -> FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.truetype(face, _FONT_PX) if face else ImageFont.load_default(_FONT_PX)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; install Pillow from its published wheels")
    return font
