"""The position in a photo's EXIF. It is shown in the answer, and never stored, logged or sent elsewhere.

Traps:
- The hemisphere is a field of its own; a latitude without it means nothing.
- A camera without a fix writes 0, 0 or zero denominators.
- Metadata is often broken; a broken position counts as no position.
- In a PNG, EXIF may follow the pixels, and Pillow decodes the whole image to find it. `_png_exif` skips the pixels.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.image_opening import opened_image, pillow_warnings_ignored
from edge_identify.edge_runtime.photos.pillow_errors import PILLOW_RAISES

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

    from edge_identify.edge_runtime.photos.position import Position

# CIPA DC-008 (Exif 2.32), section 4.6.6.
_GPS_IFD = 0x8825
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_STATUS = 9  # "A" measured, "V" void
_ERROR_M = 31  # GPSHPositioningError

_PNG_SIGNATURE_BYTES, _PNG_CHECKSUM_BYTES = 8, 4
_MOST_PNG_CHUNKS = 100_000  # 800 MB of pixels as encoders cut them; 50 ms
_MOST_EXIF_BYTES = 2**20  # sixteen times what a JPEG has room for


def photo_position(photo: Path | BinaryIO) -> Position | None:
    """Return the position in a photo's EXIF; None if there is none or it cannot be read.

    Args:
        photo: Path of the file, or the file open for reading. Only its metadata is read.
    """
    import PIL.Image

    try:
        with pillow_warnings_ignored(), _opened(photo) as file:
            return position_of_gps(_exif_of_file(file).get_ifd(_GPS_IFD))
    except (*PILLOW_RAISES, PIL.Image.DecompressionBombError, PhotoError):
        return None


def image_position(image: Image) -> Position | None:
    """Return where the photo of a Pillow image was taken; None where its EXIF does not say so, or cannot be read."""
    try:
        with pillow_warnings_ignored():
            return position_of_gps(image.getexif().get_ifd(_GPS_IFD))
    except PILLOW_RAISES:
        return None


def _opened(photo: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return photo.open("rb") if isinstance(photo, Path) else nullcontext(photo)


def _exif_of_file(file: BinaryIO) -> Exif:
    try:
        image = opened_image(file, name="photo")
    except PILLOW_RAISES:
        return _loaded_exif(_png_exif(file))  # a PNG that Pillow refuses for its texts; `png_repair` reads its pixels
    return _exif(image)


def _exif(image: Image) -> Exif:
    """Return the EXIF of an image that was opened but not decoded. It stays undecoded."""
    import PIL.Image

    if image.format != "PNG" or "exif" in image.info:
        return image.getexif()
    behind = _png_exif(image.fp)  # type: ignore[attr-defined]  # of ImageFile, which Image.open returns
    if behind is None:
        return PIL.Image.Image.getexif(
            image
        )  # an older form of EXIF before the pixels; PNG's own method would decode the image
    return _loaded_exif(behind)


def _loaded_exif(data: bytes | None) -> Exif:
    import PIL.Image

    exif = PIL.Image.Exif()
    exif.load(data or b"")
    return exif


def _png_exif(file: BinaryIO) -> bytes | None:
    """Return the eXIf chunk of a PNG without reading the pixels; None without one (PNG, third edition, 5.3)."""
    file.seek(_PNG_SIGNATURE_BYTES)
    for _ in range(_MOST_PNG_CHUNKS):
        head = file.read(8)
        length_bytes, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            return None
        if kind == b"eXIf":
            return file.read(min(length_bytes, _MOST_EXIF_BYTES))
        file.seek(length_bytes + _PNG_CHECKSUM_BYTES, os.SEEK_CUR)
    return None


def position_of_gps(gps: Mapping[int, object]) -> Position | None:
    """Return the position in an EXIF GPS directory; None if it is missing, void, impossible, or exactly 0, 0.

    Args:
        gps: Values by tag, as Pillow reads them.
    """
    latitude = _degrees(gps.get(_LATITUDE), gps.get(_LATITUDE_REF), "N", "S")
    longitude = _degrees(gps.get(_LONGITUDE), gps.get(_LONGITUDE_REF), "E", "W")
    if latitude is None or longitude is None or _letter(gps.get(_STATUS)) == "V":
        return None
    if latitude == 0 and longitude == 0:  # a camera without a fix writes this
        return None
    from edge_identify.edge_runtime.photos.position import Position  # 2 ms, and most photos have none

    try:
        return Position(latitude=latitude, longitude=longitude, accuracy_m=_accuracy(gps.get(_ERROR_M)), source="photo")
    except ValueError:
        return None


def _degrees(value: object, reference: object, positive: str, negative: str) -> float | None:
    """Return an EXIF triple of degrees, minutes and seconds as degrees; None if it is malformed."""
    letter = _letter(reference)
    if letter not in (positive, negative) or not isinstance(value, Sequence) or len(value) != 3:
        return None
    degrees, minutes, seconds = (_number(part) for part in value)
    if not (degrees >= 0 and 0 <= minutes < 60 and 0 <= seconds <= 60):  # also refuses NaN
        return None
    total = degrees + minutes / 60 + seconds / 3600
    return total if letter == positive else -total


def _letter(value: object) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.strip("\0 ").upper()


def _accuracy(value: object) -> float | None:
    from edge_identify.edge_runtime.photos.position import MAX_ACCURACY_M

    accuracy = _number(value)
    return accuracy if 0 < accuracy <= MAX_ACCURACY_M else None


def _number(value: object) -> float:
    """Return a rational of Pillow's as a float; NaN for any other value and for a zero denominator."""
    try:
        number = float(value)  # type: ignore[arg-type]  # Pillow's IFDRational, or anything a hostile file holds
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return math.nan
    return number if math.isfinite(number) else math.nan
