"""The part of a photo that a person points at: `--roi x,y,w,h`.

Tools give pixels, apps give shares of the picture; both mean the upright picture, as it is seen. What a newcomer would
get wrong: a phone stores a photo on its side, so a part of what is stored is another part of what is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from edge_identify.edge_runtime.errors import PhotoError, SetupError

MAX_DIGITS = 9  # no picture has more pixels along a side, and no share needs more places

_PIXELS = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")
_SHARE = re.compile(rf"[0-9]{{0,3}}\.[0-9]{{1,{MAX_DIGITS}}}")
_PERCENT = re.compile(rf"([0-9]{{1,3}}(?:\.[0-9]{{1,{MAX_DIGITS}}})?)%")
_ZERO = re.compile(r"0+")
_ROUNDING = 1e-6  # a third and two thirds, written with seven digits, are one

_HOW = "give x,y,w,h in pixels (120,80,400,300), as shares (0.1,0.1,0.5,0.5) or in percent (10%,10%,50%,50%)"


class Unit(StrEnum):
    """What the numbers of a region count."""

    PIXELS = "pixels"
    SHARES = "shares"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of an upright picture.

    Attributes:
        left: Distance from the picture's left edge.
        top: Distance from its top edge.
        width: Above 0.
        height: Above 0.
        unit: What these count: whole pixels, or shares of the picture's width and height.
    """

    left: float
    top: float
    width: float
    height: float
    unit: Unit

    def box(self, size: tuple[int, int], *, name: str) -> tuple[int, int, int, int]:
        """Return (left, top, right, bottom) in pixels, at least one each way.

        Args:
            size: Width and height of the upright picture.
            name: What error messages call the picture.

        Raises:
            PhotoError: The region is not inside the picture.
        """
        left, right = _span(self.left, self.width, size[0], self.unit)
        top, bottom = _span(self.top, self.height, size[1], self.unit)
        if right > size[0] or bottom > size[1]:
            raise PhotoError(
                f"{name}: the part from {left},{top} to {right},{bottom} is not inside the picture, "
                f"which has {size[0]} x {size[1]} pixels; choose --roi within it"
            )
        return left, top, right, bottom


def parse_region(text: str) -> Region:
    """Read `x,y,w,h`: whole numbers are pixels; with a point or a percent sign they are shares; 0 is either.

    Raises:
        SetupError: Not four such numbers, pixels and shares mixed, an empty region, or shares that leave the picture.
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
        raise SetupError(f"{text!r} reaches beyond the picture, which ends at 1 (100 %)")
    return Region(left=left, top=top, width=width, height=height, unit=unit)


def _unit(word: str, text: str) -> str:
    for unit, pattern in (("pixels", _PIXELS), ("shares", _SHARE), ("percent", _PERCENT)):
        if pattern.fullmatch(word):
            return unit
    raise SetupError(f"{text!r}: {word!r} is no number of pixels, share or percentage; {_HOW}")


def _number(word: str) -> float:
    return float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)


def _span(start: float, length: float, size: int, unit: Unit) -> tuple[int, int]:
    """Return the first pixel and the one past the last; a share thinner than a pixel is the pixel it lies in."""
    if unit is Unit.PIXELS:
        return int(start), int(start + length)
    first = min(round(start * size), size - 1)
    return first, min(size, max(first + 1, round((start + length) * size)))
