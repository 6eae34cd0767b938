"""A region of a photo: `--roi x,y,w,h`, in pixels or in shares of the photo's sides.

Trap: phones store photos sideways and note that in EXIF. A region refers to the upright photo, as a person sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from edge_identify.edge_runtime.errors import PhotoError, SetupError

MAX_DIGITS = 9  # more than the pixels of any side, and than the places that a share needs

_PIXELS = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")
_SHARE = re.compile(rf"[0-9]{{0,3}}\.[0-9]{{1,{MAX_DIGITS}}}")
_PERCENT = re.compile(rf"([0-9]{{1,3}}(?:\.[0-9]{{1,{MAX_DIGITS}}})?)%")
_ZERO = re.compile(r"0+")
_ROUNDING = 1e-6  # so that a third and two thirds, written with seven digits, may sum to 1

_HOW = "give x,y,w,h in pixels (120,80,400,300), as shares (0.1,0.1,0.5,0.5) or in percent (10%,10%,50%,50%)"


class Unit(StrEnum):
    """The unit of a region's numbers."""

    PIXELS = "pixels"
    SHARES = "shares"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of an upright photo.

    Attributes:
        left: Distance from the photo's left edge.
        top: Distance from its top edge.
        width: Above 0.
        height: Above 0.
        unit: Unit of the four numbers: whole pixels, or shares of the photo's width and height.
    """

    left: float
    top: float
    width: float
    height: float
    unit: Unit

    def box(self, size: tuple[int, int], *, name: str) -> tuple[int, int, int, int]:
        """Return (left, top, right, bottom) in pixels, at least one pixel wide and high.

        Args:
            size: Width and height of the upright photo in pixels.
            name: The photo's name in error messages.

        Raises:
            PhotoError: The region is not inside the photo.
        """
        left, right = _span(self.left, self.width, size[0], self.unit)
        top, bottom = _span(self.top, self.height, size[1], self.unit)
        if right > size[0] or bottom > size[1]:
            raise PhotoError(
                f"{name}: the region from {left},{top} to {right},{bottom} is not inside the photo, "
                f"which has {size[0]} x {size[1]} pixels; choose --roi within it"
            )
        return left, top, right, bottom


def parse_region(text: str) -> Region:
    """Read `x,y,w,h`: whole numbers are pixels, numbers with a point or a percent sign are shares, 0 may be either.

    Raises:
        SetupError: Not four such numbers, pixels and shares mixed, an empty region, or shares beyond the photo.
    """
    words = [word.strip() for word in text.split(",")]
    if len(words) != 4:
        raise SetupError(f"{text!r} has {len(words)} numbers, not four; {_HOW}")
    units = {_unit(word, text) for word in words if not _ZERO.fullmatch(word)}
    if len(units) > 1:
        raise SetupError(f"{text!r} mixes {' and '.join(sorted(units))}; {_HOW}")
    left, top, width, height = (_number(word) for word in words)
    if width <= 0 or height <= 0:
        raise SetupError(f"{text!r} has no width or no height; {_HOW}")
    unit = Unit.PIXELS if units == {"pixels"} else Unit.SHARES
    if unit is Unit.SHARES and max(left + width, top + height) > 1 + _ROUNDING:
        raise SetupError(f"{text!r} reaches beyond the photo, which ends at 1 (100 %)")
    return Region(left=left, top=top, width=width, height=height, unit=unit)


def _unit(word: str, text: str) -> str:
    for unit, pattern in (("pixels", _PIXELS), ("shares", _SHARE), ("percent", _PERCENT)):
        if pattern.fullmatch(word):
            return unit
    raise SetupError(f"{text!r}: {word!r} is not a number of pixels, a share or a percentage; {_HOW}")


def _number(word: str) -> float:
    return float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)


def _span(start: float, length: float, size: int, unit: Unit) -> tuple[int, int]:
    """Return the first pixel and the one after the last; a share below one pixel becomes the pixel that contains it."""
    if unit is Unit.PIXELS:
        return int(start), int(start + length)
    first = min(round(start * size), size - 1)
    return first, min(size, max(first + 1, round((start + length) * size)))
