"""From an upright RGB picture to the pixels an encoder takes: one implementation for references and photos.

Mean, standard deviation and channel order are inside the encoder's graph (see FORMAT.md), so what is left is
geometry. The recipe is data in the manifest, and a phone can repeat it bit by bit: Pillow's antialiased bicubic
in 8 bits, no draft decoding, crop offsets rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

MAX_SIZE_PX = 1024  # the largest input of any open_clip model is 512; more is a mistake


class ResizeMode(StrEnum):
    """How a picture of any shape becomes a square."""

    SHORTEST_SIDE = "shortest-side"  # scale so that the shorter side fits, then cut the middle out
    SQUASH = "squash"  # scale both sides, giving up the proportions


class Interpolation(StrEnum):
    """The resampling filter, by Pillow's definition with antialiasing."""

    BICUBIC = "pillow-bicubic"
    BILINEAR = "pillow-bilinear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The recipe recorded in a pack.

    Attributes:
        size_px: Side of the square the encoder takes.
        resize_mode: How the picture's shape becomes a square.
        interpolation: The resampling filter.
    """

    size_px: int
    resize_mode: ResizeMode
    interpolation: Interpolation


def preprocess(image: Image, recipe: Preprocessing) -> NDArray[np.uint8]:
    """Turn an upright RGB picture into the encoder's pixels.

    Resizing only the part that is kept gives the pixels of "resize the whole, then crop" (a test holds them
    together) and bounds the memory for a picture of 1 x 100,000 pixels.

    Args:
        image: RGB, any size of at least 1 x 1 pixel.
        recipe: The recipe recorded in the pack.

    Returns:
        uint8, shape [size, size, 3], RGB, row by row from the top.
    """
    import numpy as np
    from PIL.Image import Resampling

    resampling = Resampling.BICUBIC if recipe.interpolation is Interpolation.BICUBIC else Resampling.BILINEAR
    square = image.resize((recipe.size_px, recipe.size_px), resampling, box=kept_box(image.size, recipe))
    return np.asarray(square, dtype=np.uint8)


def kept_box(size: tuple[int, int], recipe: Preprocessing) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom), in the picture's own pixels, of the part that reaches the encoder.

    For `SHORTEST_SIDE`: the picture is scaled so that its shorter side has `size_px` pixels and the longer one
    `size_px * long / short` rounded down (torchvision's Resize); of it the middle is kept, offset rounded down.
    """
    width, height = size
    if recipe.resize_mode is ResizeMode.SQUASH:
        return 0.0, 0.0, float(width), float(height)
    left, right = _kept_span(width, height, recipe.size_px)
    top, bottom = _kept_span(height, width, recipe.size_px)
    return left, top, right, bottom


def _kept_span(length: int, other: int, size_px: int) -> tuple[float, float]:
    if length <= other:
        return 0.0, float(length)
    scaled = size_px * length // other
    offset = (scaled - size_px) // 2
    return offset * length / scaled, (offset + size_px) * length / scaled
