"""Opening an image file with Pillow: the accepted formats, and what one decoding may cost.

Traps:
- `PIL.Image.open` refuses every image of more than 179 megapixels. A JPEG can be decoded smaller, so JPEGs are opened
  without it.
- A progressive JPEG cannot be decoded row by row: libjpeg keeps all its coefficients, however small the result is.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import heif_files
from edge_identify.edge_runtime.photos.pillow_errors import PILLOW_RAISES

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

#: Pillow's names of the accepted formats, beside `HEIF` and `AVIF` (see `formats_of`). Other formats are refused,
#: since each decoder is attack surface.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # JPEG includes MPO, which many phones write

#: Pillow's names of the formats that can be decoded at a reduced size.
JPEGS = ("JPEG", "MPO")

START_BYTES = 256  # enough of a file for `formats_of`
_JPEG_START = b"\xff\xd8\xff"
#: First bytes of files of an accepted format; HEIC and AVIF are recognised by `heif_files`.
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "PNG", b"GIF8": "GIF", b"BM": "BMP", b"RIFF": "WebP", b"II*\0": "TIFF", b"MM\0*": "TIFF",
    b"II+\0": "TIFF", b"MM\0+": "TIFF", _JPEG_START: "JPEG",
}  # fmt: skip


def formats_of(start: bytes, *, name: str) -> tuple[str, ...]:
    """Return Pillow's names of the formats that a file may have.

    Args:
        start: The file's first `START_BYTES` bytes, or more.
        name: The image's name in error messages.

    Raises:
        PhotoError: The file is HEIC or AVIF, and no decoder is installed.
    """
    found = heif_files.heif_format(start, name=name)
    return FORMATS if found is None else (found,)


def opened_image(file: BinaryIO, *, name: str) -> ImageFile:
    """Open an image without decoding its pixels. Call it within `pillow_warnings_ignored`.

    Args:
        file: The file, open for reading at its beginning. It must stay open.
        name: The image's name in error messages.

    Raises:
        PhotoError: The file is HEIC or AVIF, and no decoder is installed.
        PIL.UnidentifiedImageError: It has no accepted format, or its beginning is damaged.
        PIL.Image.DecompressionBombError: It is no JPEG, and has more than 179 megapixels.
        Exception: One of `PILLOW_RAISES`.
    """
    from PIL import Image, UnidentifiedImageError

    start = file.read(START_BYTES)
    file.seek(0)
    if not start.startswith(_JPEG_START):
        return Image.open(file, formats=formats_of(start, name=name))
    from PIL.JpegImagePlugin import jpeg_factory

    try:
        return jpeg_factory(file, "")
    except (SyntaxError, IndexError, TypeError, struct.error) as error:
        raise UnidentifiedImageError(str(error)) from error


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Ignore Pillow's warnings: of large images, which have limits here, and of metadata, which is not used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def pillow_errors_explained(data: bytes, *, name: str, limit: str) -> Iterator[None]:
    """Turn Pillow's errors into `PhotoError`.

    Args:
        data: The file's bytes.
        name: The image's name in error messages.
        limit: What to say of an image with too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: {_what_it_is_not(data)}") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: {limit}") from error
    except MemoryError as error:
        raise PhotoError(f"{name}: there is too little memory to decode it; make it smaller first") from error
    except PILLOW_RAISES as error:
        raise PhotoError(f"{name}: is damaged or truncated ({error})") from error


def opened_bytes(data: bytes, *, name: str) -> ImageFile:
    """Open an image in memory; see `opened_image`."""
    return opened_image(io.BytesIO(data), name=name)


def _what_it_is_not(data: bytes) -> str:
    kind = next((kind for start, kind in _STARTS.items() if data.startswith(start)), None)
    if kind is None:
        return "is not an image in a known format (JPEG, PNG, GIF, BMP, WebP, TIFF, HEIC, AVIF)"
    return f"is damaged, or a kind of {kind} that cannot be read; save it anew as JPEG or as PNG with 8 bits a channel"
