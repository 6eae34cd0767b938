"""From an upright RGB image to the encoder's pixels: one implementation for reference images and photos.

Preprocessing here is geometry alone: mean, standard deviation and channel order are part of the encoder's graph (see
FORMAT.md). The recipe is data in the manifest, and a phone can repeat it bit by bit: Pillow's antialiased bicubic
in 8 bits, no draft decoding, crop offsets rounded down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto

#: A photo's JPEG may be decoded at a reduced size while each side keeps this many times the encoder's size. At 1, the
#: decoder's box filter would replace the recipe's; FORMAT.md has the measurement.
DRAFT_FACTOR = 2

MAX_SIZE_PX = 1024  # the largest input of any open_clip model is 512; more is a mistake


class ResizeMode(StrEnum):
    """How an image of any shape becomes a square."""

    SHORTEST_SIDE = "shortest-side"  # scale the shorter side to the square's, then crop the centre
    SQUASH = "squash"  # scale both sides; proportions change


class Interpolation(StrEnum):
    """The resampling filter, by Pillow's definition with antialiasing."""

    BICUBIC = "pillow-bicubic"
    BILINEAR = "pillow-bilinear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The recipe recorded in a pack.

    Attributes:
        size_px: Side of the encoder's square input.
        resize_mode: How the image's shape becomes a square.
        interpolation: The resampling filter.
        photo_views: One number for each view of a photo: the side of the view's centre crop as a share of the kept
            part's side, above 0 and at most 1. A closer view helps with a thing that fills only a part of the photo.
            Reference images have one view, the whole kept part.
    """

    size_px: int
    resize_mode: ResizeMode
    interpolation: Interpolation
    photo_views: tuple[float, ...] = (1.0,)


def preprocess(image: Image, recipe: Preprocessing) -> NDArray[np.uint8]:
    """Turn an upright RGB image into the encoder's pixels.

    Only the kept part is resized. That gives the same pixels as resizing the whole image, across and then down, and
    cropping (a test compares them). It bounds the memory for an image of 1 x 100,000 pixels.

    Args:
        image: RGB, any size of at least 1 x 1 pixel.
        recipe: The recipe recorded in the pack.

    Returns:
        uint8, shape [size, size, 3], RGB, row by row from the top.
    """
    return _square(image, kept_box(image.size, recipe), recipe)


def photo_views(photo: DecodedPhoto, recipe: Preprocessing) -> NDArray[np.uint8]:
    """Turn a photo into the encoder's pixels for each view of the recipe, uint8 [views, size, size, 3]."""
    views = [preprocess_photo(photo, recipe, share=share) for share in recipe.photo_views]
    import numpy as np  # as late as possible: another thread may still be loading it

    return np.stack(views)


def image_views(image: Image, recipe: Preprocessing) -> NDArray[np.uint8]:
    """Return the result of `photo_views` for an upright RGB image that was decoded at full size."""
    from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto

    return photo_views(DecodedPhoto(image=image, full_size=image.size, reduced_by=1, origin=(0, 0)), recipe)


def preprocess_photo(photo: DecodedPhoto, recipe: Preprocessing, *, share: float = 1.0) -> NDArray[np.uint8]:
    """Turn a photo into the encoder's pixels for one view. The photo may have been decoded at a reduced size.

    The kept part is computed in the pixels of the full photo. In those of the reduced photo, rounding would move it by
    up to a pixel of the result. That changes an embedding several times as much as the reduced decoding does.

    Args:
        photo: The decoded photo; `enough_px` returns its least size.
        recipe: The recipe recorded in the pack.
        share: Side of the view's centre crop as a share of the kept part's side.

    Returns:
        uint8, shape [size, size, 3]. With share 1 and full decoding, the same pixels as `preprocess`.
    """
    width, height = photo.image.size
    left, top, right, bottom = _middle(kept_box(photo.full_size, recipe), share)
    across, down = photo.origin
    box = (
        (left + across) / photo.reduced_by,
        (top + down) / photo.reduced_by,
        min((right + across) / photo.reduced_by, width),
        min((bottom + down) / photo.reduced_by, height),
    )
    return _square(photo.image, box, recipe)


def enough_px(recipe: Preprocessing) -> int:
    """Return the least length in pixels of each side of a decoded photo."""
    return math.ceil(DRAFT_FACTOR * recipe.size_px / min(recipe.photo_views))


def _middle(box: tuple[float, float, float, float], share: float) -> tuple[float, float, float, float]:
    if share == 1:
        return box
    left, top, right, bottom = box
    across, down = (right - left) * (1 - share) / 2, (bottom - top) * (1 - share) / 2
    return left + across, top + down, right - across, bottom - down


def _square(image: Image, box: tuple[float, float, float, float], recipe: Preprocessing) -> NDArray[np.uint8]:
    from PIL.Image import Resampling

    resampling = Resampling.BICUBIC if recipe.interpolation is Interpolation.BICUBIC else Resampling.BILINEAR
    size_px = recipe.size_px
    left, top, right, bottom = box
    first_row, last_row = _rows_reached(top, bottom, image.height, size_px)
    band = image if (first_row, last_row) == (0, image.height) else image.crop((0, first_row, image.width, last_row))
    # Two calls, across and then down: in one call, Pillow chooses the order by its version and the image's shape, and
    # rounding to 8 bits between the passes makes the results differ.
    across = band.resize((size_px, band.height), resampling, box=(left, 0, right, band.height))
    square = across.resize((size_px, size_px), resampling, box=(0, top - first_row, size_px, bottom - first_row))
    import numpy as np  # as late as possible: another thread may still be loading it

    return np.asarray(square, dtype=np.uint8)


def kept_box(size: tuple[int, int], recipe: Preprocessing) -> tuple[float, float, float, float]:
    """Return the part of an image that reaches the encoder: (left, top, right, bottom) in the image's pixels.

    For `SHORTEST_SIDE`, the image is scaled so that its shorter side has `size_px` pixels and the longer one
    `size_px * long / short`, rounded down (torchvision's Resize). The centre is kept, its offset rounded down.
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


def _rows_reached(top: float, bottom: float, height: int, size_px: int) -> tuple[int, int]:
    """Return the rows [first, last) that the filter reaches: bicubic looks two output pixels past the edge."""
    margin = 2 * max(1.0, (bottom - top) / size_px) + 1
    return max(0, math.floor(top - margin)), min(height, math.ceil(bottom + margin))
