"""Personal data in the metadata of an image file.

Read: position, owner, author and serial numbers in EXIF and XMP, names in a PNG's texts, and comments. `NOT_READ` says
what is not read.

Trap: EXIF alone is not enough. Photo editors copy its fields into XMP and keep them there when EXIF is removed.
XMP is searched for property names and not parsed, because XML entities can expand a small packet to gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.image_opening import opened_bytes, pillow_warnings_ignored
from edge_identify.edge_runtime.photos.pillow_errors import PILLOW_RAISES
from edge_identify.edge_runtime.photos.png_repair import png_of_pixels

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

# CIPA DC-008 (Exif 2.32), sections 4.6.3 to 4.6.6; XPAuthor is Windows Explorer's.
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_LATITUDE, _LONGITUDE = 2, 4
_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")  # JPEG, WebP, TIFF and newer PNG; older PNG

POSITION = "where it was taken"
NOT_READ = "in image files: maker notes, IPTC records and extended XMP; they may name people, too"
_AUTHOR, _OWNER = "author", "owner's name"
_CAMERA, _LENS = "camera's serial number", "lens's serial number"
_NAMED = {0x013B: "artist", 0x9C9D: _AUTHOR}
_NAMED_IN_EXIF = {0xA430: _OWNER, 0xA431: _CAMERA, 0xA435: _LENS}

#: Local names of XMP properties: Dublin Core, Exif, TIFF, Adobe's `aux` and `photoshop`, IPTC Core, XMP rights.
_XMP_PROPERTIES = {
    "GPSLatitude": POSITION,
    "creator": _AUTHOR,
    "Artist": "artist",
    "CaptionWriter": _AUTHOR,
    "CreatorContactInfo": _AUTHOR,
    "Owner": _OWNER,
    "OwnerName": _OWNER,
    "CameraOwnerName": _OWNER,
    "SerialNumber": _CAMERA,
    "BodySerialNumber": _CAMERA,
    "LensSerialNumber": _LENS,
}
_XMP_PROPERTY = re.compile(rb":(%s)[^\w]" % "|".join(_XMP_PROPERTIES).encode())

#: Keys of an image's texts: PNG's own, GIF's and JPEG's comments.
_TEXTS = {"Author": _AUTHOR, "Artist": "artist", "Comment": "a comment", "comment": "a comment"}
#: Beginnings of comments that programs write; they hold no personal data.
_PROGRAMS = ("CREATOR: gd-jpeg", "Created with ", "File written by Adobe", "LEAD Technologies", "Lavc", "AppleMark")


def personal_data(data: bytes) -> tuple[str, ...]:
    """Return the kinds of personal data in an image file, in words, without repeats.

    Metadata that cannot be read is ignored; what was read before it counts.

    Args:
        data: The file's bytes.
    """
    import PIL.Image

    found: list[str] = []
    try:
        with pillow_warnings_ignored(), _opened(data) as image:
            found.extend(_of_texts(image))
            found.extend(_of_exif(image))
            if image.format == "PNG":  # its texts may follow the pixels
                image.load()
                found.extend(_of_texts(image))
    except (*PILLOW_RAISES, PIL.Image.DecompressionBombError, PhotoError):
        pass  # what was read before it broke counts
    return tuple(dict.fromkeys(found))


def _opened(data: bytes) -> ImageFile:
    try:
        return opened_bytes(data, name="picture")
    except PILLOW_RAISES:
        png = png_of_pixels(data)  # without the texts that Pillow refuses
        if png is None:
            raise
        return opened_bytes(png, name="picture")


def _of_exif(image: Image) -> Iterator[str]:
    exif = image.getexif()
    yield from (name for tag, name in _NAMED.items() if _says(exif.get(tag)))
    gps = exif.get_ifd(_GPS_IFD)
    if _LATITUDE in gps or _LONGITUDE in gps:
        yield POSITION
    camera = exif.get_ifd(_EXIF_IFD)
    yield from (name for tag, name in _NAMED_IN_EXIF.items() if _says(camera.get(tag)))


def _of_texts(image: Image) -> Iterator[str]:
    for key in _XMP_KEYS:
        yield from _of_xmp(image.info.get(key, b""))
    for key, name in _TEXTS.items():
        text = image.info.get(key, "")
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        if _says(words) and not words.startswith(_PROGRAMS):
            yield name


def _of_xmp(packet: object) -> Iterator[str]:
    data = packet.encode() if isinstance(packet, str) else packet
    if isinstance(data, bytes):
        yield from (_XMP_PROPERTIES[name.decode()] for name in _XMP_PROPERTY.findall(data))


def _says(value: object) -> bool:
    text = value.decode("utf-16-le", "replace") if isinstance(value, bytes) else str(value or "")
    return bool(text.strip("\0 "))
