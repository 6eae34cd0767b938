"""EXIF orientation: phones store a photo sideways and note in EXIF how to turn it.

The tag has values 1 to 8 (CIPA DC-008, Exif 2.32, section 4.6.4). 1 means upright.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.photos.pillow_errors import PILLOW_RAISES

if TYPE_CHECKING:
    from PIL.Image import Image

_ORIENTATION_TAG = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)  # orientations that swap width and height
_LEFT_AND_RIGHT_CHANGED = (2, 3, 6, 7)  # the upright image's left was stored last in its row or column
_TOP_AND_BOTTOM_CHANGED = (3, 4, 7, 8)


def orientation_of(image: Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if the metadata is missing or broken."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except PILLOW_RAISES:
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return width and height of the upright image, from the stored ones."""
    return (size[1], size[0]) if orientation in _ON_ITS_SIDE else size


def upright_origin(
    size: tuple[int, int], full_size: tuple[int, int], reduced_by: int, orientation: int
) -> tuple[int, int]:
    """Return where a photo begins in its reduced, upright image; see `DecodedPhoto.origin`.

    Args:
        size: Width and height of the reduced, upright image.
        full_size: Width and height of the full, upright photo.
        reduced_by: How many pixels of the photo, along each side, became one pixel of the image.
        orientation: EXIF orientation of the stored photo.
    """
    left = size[0] * reduced_by - full_size[0] if orientation in _LEFT_AND_RIGHT_CHANGED else 0
    top = size[1] * reduced_by - full_size[1] if orientation in _TOP_AND_BOTTOM_CHANGED else 0
    return left, top


def turned(image: Image, orientation: int) -> Image:
    """Return a stored image turned upright."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    # Not ImageOps.exif_transpose: it rewrites the EXIF, and fails on what some cameras and editors leave there.
    return image.transpose(turns[orientation]) if orientation in turns else image
