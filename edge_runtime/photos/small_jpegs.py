"""Small upright JPEGs without metadata, to show beside an answer.

Two traps:
- Pillow copies comments, and on demand EXIF, from the opened image into the saved one. That would reveal where a photo
  was taken.
- An image of a few bytes may have millions of pixels, for which a browser would allocate memory. So a pack's thumbnail
  is decoded and written anew.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.photos.images import open_photo

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
    from edge_identify.edge_runtime.photos.regions import Region

THUMBNAIL_SIDE_PX = 320  # two of them fill the width of a phone's screen
_JPEG_QUALITY = 80


def photo_thumbnail(photo: Path | OpenedPhoto, region: Region | None = None) -> bytes:
    """Return a photo as an upright JPEG without metadata, its longer side at most `THUMBNAIL_SIDE_PX`.

    Args:
        photo: The photo's file, or the photo.
        region: The part to show; None for all.

    Raises:
        PhotoError: The photo cannot be used, or the region is not inside it.
    """
    if isinstance(photo, Path):
        return small_jpeg(open_photo(photo, enough_px=THUMBNAIL_SIDE_PX, region=region).image)
    return small_jpeg(photo.decode(enough_px=THUMBNAIL_SIDE_PX, region=region).image)


def small_jpeg(image: Image, side_px: int = THUMBNAIL_SIDE_PX, quality: int = _JPEG_QUALITY) -> bytes:
    """Return an upright RGB image as a JPEG without metadata.

    Args:
        image: The image. It is resized in place and loses its metadata.
        side_px: Maximum length of the longer side in pixels.
        quality: JPEG quality on Pillow's scale, 1 to 95.
    """
    image.thumbnail((side_px, side_px))
    image.info.clear()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
