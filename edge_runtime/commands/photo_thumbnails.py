"""A photo as a small JPEG to show beside its answer: upright, and without a word of what else its file says.

A newcomer would save a resized photo and give away where it was taken: Pillow carries comments, and on demand EXIF,
from the picture it opened to the one it writes.
"""

from __future__ import annotations

import io
from pathlib import Path

from edge_identify.edge_runtime.images import open_photo

THUMBNAIL_SIDE_PX = 320  # two beside each other fill a phone's screen
_JPEG_QUALITY = 80


def photo_thumbnail(path: Path) -> bytes:
    """Return a photo's file as an upright JPEG without metadata, its longer side at most `THUMBNAIL_SIDE_PX`.

    Raises:
        PhotoError: The picture cannot be used.
    """
    image = open_photo(path, enough_px=THUMBNAIL_SIDE_PX).image
    image.thumbnail((THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX))
    image.info.clear()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
