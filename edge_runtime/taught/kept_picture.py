"""The picture that is kept of a taught thing: an upright JPEG without metadata.

Embeddings and points are always made from the kept picture, never from the photo. So another encoder, or the maker of
the pack, gets the same picture that the device has. A photo's EXIF, its position included, is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.photos.small_jpegs import small_jpeg

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
    from edge_identify.edge_runtime.photos.regions import Region

KEPT_SIDE_PX = 1024  # encoders take 224 to 448 pixels, points 640; a maker needs some detail to judge
KEPT_QUALITY = 90
MAX_PICTURE_BYTES = 2 * 2**20  # 1024 x 1024 pixels of noise have 0.9 MiB at this quality
MAX_PICTURE_SIDE_PX = 2048
_JPEG_START = b"\xff\xd8\xff"


def kept_picture(photo: OpenedPhoto, region: Region | None = None) -> bytes:
    """Return what is kept of a photo: a JPEG, its longer side at most `KEPT_SIDE_PX`.

    Args:
        photo: The photo.
        region: The part that shows the thing; None for all of it.

    Raises:
        PhotoError: The photo cannot be used, or the region is not inside it.
    """
    image = photo.decode(enough_px=KEPT_SIDE_PX, region=region).image
    return small_jpeg(image.copy(), KEPT_SIDE_PX, KEPT_QUALITY)


def decode_kept_picture(data: bytes, *, name: str) -> Image:
    """Decode a kept picture, which may come from a stranger, to upright RGB.

    Raises:
        PhotoError: It is no JPEG, damaged, longer than `MAX_PICTURE_BYTES`, or a side is longer than
            `MAX_PICTURE_SIDE_PX`. The sides are checked before pixels are decoded.
    """
    if len(data) > MAX_PICTURE_BYTES:
        raise PhotoError(f"{name}: {len(data)} bytes; a kept picture has {MAX_PICTURE_BYTES} at most")
    if not data.startswith(_JPEG_START):
        raise PhotoError(f"{name}: is no JPEG; kept pictures are JPEGs")
    return decode_image(data, name=name, max_side_px=MAX_PICTURE_SIDE_PX)
