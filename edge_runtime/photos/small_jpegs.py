"""Pictures as small JPEGs to show beside an answer: upright, and without a word of what else their files say.

A newcomer would save a resized photo and give away where it was taken: Pillow carries comments, and on demand EXIF,
from the picture it opened to the one it writes. Or put a pack's thumbnail into a page as it is: a picture of a few
bytes may have a million pixels, which a browser would make room for.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.photos.images import open_photo

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.regions import Region

THUMBNAIL_SIDE_PX = 320  # two beside each other fill a phone's screen
_JPEG_QUALITY = 80


def photo_thumbnail(path: Path, region: Region | None = None) -> bytes:
    """Return a photo's file as an upright JPEG without metadata, its longer side at most `THUMBNAIL_SIDE_PX`.

    Args:
        path: The photo's file.
        region: The part of it that is shown; None for all.

    Raises:
        PhotoError: The picture cannot be used, or the region is not inside it.
    """
    return small_jpeg(open_photo(path, enough_px=THUMBNAIL_SIDE_PX, region=region).image)


def small_jpeg(image: Image, side_px: int = THUMBNAIL_SIDE_PX, quality: int = _JPEG_QUALITY) -> bytes:
    """Return an upright RGB picture as a JPEG without metadata.

    Args:
        image: The picture, which is changed.
        side_px: Of the longer side, at most.
        quality: Of the JPEG, as Pillow counts it.
    """
    image.thumbnail((side_px, side_px))
    image.info.clear()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
