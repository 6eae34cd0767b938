"""What the metadata of a picture file tells of the person who took it.

Looked for: EXIF's position, owner, author and serial numbers, and a position in XMP. A newcomer would look at EXIF
alone; photo editors write the position into XMP and keep it there when EXIF is removed. Makers' own notes and IPTC
records are not read.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.images import FORMATS

if TYPE_CHECKING:
    from PIL.Image import Image

# CIPA DC-008 (Exif 2.32), sections 4.6.3 to 4.6.6; XPAuthor is Windows Explorer's.
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_LATITUDE, _LONGITUDE = 2, 4
_NAMED = {0x013B: "artist", 0x9C9D: "author"}
_NAMED_IN_EXIF = {0xA430: "owner's name", 0xA431: "camera's serial number", 0xA435: "lens's serial number"}
_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")  # JPEG, WebP and newer PNG; older PNG
_XMP_POSITION = b"GPSLatitude"

POSITION = "where it was taken"

#: What Pillow's reading of metadata raises for broken files, found by feeding it some.
_BROKEN = (
    OSError, ValueError, SyntaxError, IndexError, KeyError, EOFError, OverflowError, TypeError, AttributeError,
    ZeroDivisionError, MemoryError, struct.error, RecursionError,
)  # fmt: skip


def personal_data(data: bytes) -> tuple[str, ...]:
    """Return what a picture file tells, in words, each once; nothing of a file whose metadata cannot be read.

    Args:
        data: The file's bytes.
    """
    import PIL.Image

    found: list[str] = []
    try:
        with warnings.catch_warnings():  # Pillow warns about broken metadata
            warnings.simplefilter("ignore")
            with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as image:
                found.extend(_of_xmp(image))
                found.extend(_of_exif(image))
    except (*_BROKEN, PIL.Image.DecompressionBombError):
        pass  # what was read before it broke counts
    return tuple(dict.fromkeys(found))


def _of_exif(image: Image) -> Iterator[str]:
    exif = image.getexif()
    yield from (name for tag, name in _NAMED.items() if _says(exif.get(tag)))
    gps = exif.get_ifd(_GPS_IFD)
    if _LATITUDE in gps or _LONGITUDE in gps:
        yield POSITION
    camera = exif.get_ifd(_EXIF_IFD)
    yield from (name for tag, name in _NAMED_IN_EXIF.items() if _says(camera.get(tag)))


def _of_xmp(image: Image) -> Iterator[str]:
    for key in _XMP_KEYS:
        packet = image.info.get(key, b"")
        if _XMP_POSITION in (packet.encode() if isinstance(packet, str) else packet):
            yield POSITION


def _says(value: object) -> bool:
    text = value.decode("utf-16-le", "replace") if isinstance(value, bytes) else str(value or "")
    return bool(text.strip("\0 "))
