"""JPEG files whose end marker alone is missing.

Pillow calls such a file truncated, unless it is filled up with zeros: zeros decode as pixels. With the marker appended,
a file that really is truncated would decode too, in grey from where it ends. So the pixels are compared with those that
come of other bytes before the marker: only if nothing is missing do these bytes change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.doubts import tell_doubt

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto

_END = b"\xff\xd9"
_OTHER_BYTES = bytes(range(1, 255)) * 16  # no marker among them; enough to reach a few rows
_BAND_PX = 256  # rows that are hashed at once


def decode_without_end_marker(data: bytes, decode: Callable[[bytes], DecodedPhoto], *, name: str) -> DecodedPhoto:
    """Decode a JPEG that has no end marker.

    Args:
        data: The file's bytes.
        decode: Decodes the bytes of a file.
        name: The image's name in messages.

    Raises:
        PhotoError: Pixels are missing, too.
        Exception: `decode` raised it.
    """
    body = _without_padding(data)
    other = _pixels_sha256(decode(body + _OTHER_BYTES + _END).image)
    photo = decode(body + _END)
    if _pixels_sha256(photo.image) != other:
        raise PhotoError(f"{name}: is damaged or truncated (it ends before its last pixel)")
    tell_doubt(name, "its end marker is missing; all its pixels are there")
    return photo


def _without_padding(data: bytes) -> bytes:
    """Return a JPEG without zeros after its end, and without the first half of an end marker."""
    body = data.rstrip(b"\0")
    if not body.endswith(b"\xff"):
        return body
    return body + b"\0" if len(body) < len(data) else body.rstrip(b"\xff")  # `ff 00` is a byte of pixels


def _pixels_sha256(image: Image) -> bytes:
    digest = hashlib.sha256()
    for top in range(0, image.height, _BAND_PX):
        digest.update(image.crop((0, top, image.width, min(top + _BAND_PX, image.height))).tobytes())
    return digest.digest()
