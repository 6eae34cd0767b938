"""Opening a picture from anywhere, safely, as upright RGB.

What a newcomer would get wrong: phones store a photo sideways and say so in EXIF; a transparent PNG has a colour
under its transparency; a 200-megapixel file of 100 kB takes gigabytes when decoded; a truncated JPEG decodes to
grey without complaint when Pillow is told to be lenient. References and photos both come through here.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import heif_files

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.regions import Region

#: Pillow's names of the formats that are read, with `HEIF` and `AVIF` where that can be (`formats_of`). Anything
#: else is refused, since each decoder is attack surface.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # JPEG includes MPO, which many phones write

#: File name endings that a folder is searched for.
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"}) | heif_files.SUFFIXES

MAX_SIDE_PX = 100_000  # resampling keeps whole rows or columns; a longer side is a trick and not a photo
MAX_PIXELS = 100_000_000  # 300 MB as RGB: the largest phone photo in use (50 MP) twice over
_SIXTEEN_BITS = 65535
_JPEGS = ("JPEG", "MPO")  # whose decoder can reduce
_REDUCTIONS = (1, 2, 4, 8)  # by which it can
_ORIENTATION_TAG = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)  # orientations that swap width and height
_LEFT_AND_RIGHT_CHANGED = (2, 3, 6, 7)  # the upright picture's left was stored last in its row or column
_TOP_AND_BOTTOM_CHANGED = (3, 4, 7, 8)

#: What Pillow's decoders and its reading of metadata raise for broken files, found by feeding them some.
PILLOW_RAISES = (
    OSError, ValueError, SyntaxError, IndexError, KeyError, EOFError, OverflowError, TypeError, AttributeError,
    ZeroDivisionError, MemoryError, struct.error, RuntimeError,
)  # fmt: skip
MAX_FILE_BYTES = 256 * 2**20  # read whole into memory; a larger one is not a photo


START_BYTES = 256  # of a file, enough for `formats_of`


def formats_of(start: bytes, *, name: str) -> tuple[str, ...]:
    """Return Pillow's names of the formats that a picture may have.

    Args:
        start: The file's first bytes, or all.
        name: What error messages call the picture.

    Raises:
        PhotoError: It is HEIC or AVIF, and nothing here decodes that.
    """
    found = heif_files.heif_format(start, name=name)
    return FORMATS if found is None else (found,)


def read_image_file(path: Path) -> bytes:
    """Read a picture's bytes, refusing what cannot be a picture before it takes memory.

    Raises:
        PhotoError: The file is missing, a folder, empty, unreadable, or larger than `MAX_FILE_BYTES`.
    """
    try:
        length_bytes = path.stat().st_size
        if not path.is_file():
            raise PhotoError(f"{path}: is not a file; give the path of a picture")
        if length_bytes > MAX_FILE_BYTES:
            raise PhotoError(
                f"{path}: {length_bytes / 2**20:.0f} MiB, more than the {MAX_FILE_BYTES // 2**20} MiB limit"
            )
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)  # the file may have grown since
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file") from error
    except OSError as error:
        raise PhotoError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a path with a NUL
        raise PhotoError(f"{str(path)!r}: is not a path") from error
    if len(data) > MAX_FILE_BYTES:
        raise PhotoError(f"{path}: more than the {MAX_FILE_BYTES // 2**20} MiB limit")
    if not data:
        raise PhotoError(f"{path}: the file is empty (0 bytes)")
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPhoto:
    """A photo that may have been decoded smaller than it is.

    Attributes:
        image: Upright RGB.
        full_size: Width and height of the upright photo itself.
        reduced_by: 1, 2, 4 or 8: how many pixels of the photo, along each side, became one of `image`.
        origin: Where in `image` the photo begins, in pixels of the full photo. Sides are rounded up when they are
            reduced, and a turned photo has the pixel that is not quite filled at its left or top; a part of a photo
            may begin within a pixel.
    """

    image: Image
    full_size: tuple[int, int]
    reduced_by: int
    origin: tuple[int, int]


def decode_image(data: bytes, *, name: str, max_side_px: int = MAX_SIDE_PX) -> Image:
    """Decode a picture to upright RGB, exactly.

    EXIF orientation is applied, the first frame of an animation is taken, transparency is laid over white, ICC
    profiles are ignored (so that every platform can repeat the pixels), 16-bit greyscale is scaled to 8 bits.

    Args:
        data: The file's bytes.
        name: What error messages call the picture.
        max_side_px: A longer side is refused before any pixel is decoded.

    Returns:
        A Pillow image in mode RGB, at least 1 x 1 pixel.

    Raises:
        PhotoError: No format of `formats_of`, truncated, a side too long, or more than `MAX_PIXELS` pixels.
    """
    return decode_photo(data, name=name, enough_px=None, max_side_px=max_side_px).image


def decode_photo(
    data: bytes,
    *,
    name: str,
    enough_px: int | None,
    region: Region | None = None,
    max_side_px: int = MAX_SIDE_PX,
) -> DecodedPhoto:
    """Decode a photo to upright RGB; a JPEG at a half, a quarter or an eighth of its size where that is enough.

    Args:
        data: The file's bytes.
        name: What error messages call the photo.
        enough_px: Each side keeps at least this many pixels, if it has them. None decodes in full.
        region: The part that is looked at: it becomes the photo, and its sides are those that keep enough pixels.
        max_side_px: A longer side is refused before any pixel is decoded.

    Raises:
        PhotoError: As `decode_image`; or the region is not inside the photo.
    """
    from PIL import Image as PillowImage
    from PIL import UnidentifiedImageError

    try:
        # Pillow warns about bombs by its own cap and about broken metadata; the cap below is ours, and metadata
        # is not used.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Not shared by threads: each call decodes into an image of its own, from bytes that nobody changes.
            image = PillowImage.open(io.BytesIO(data), formats=formats_of(data, name=name))
            width, height = image.size
            if max(width, height) > max_side_px:
                raise PhotoError(f"{name}: {width} x {height} pixels; a side may have {max_side_px} at most")
            if width * height > MAX_PIXELS:
                raise PhotoError(
                    f"{name}: {width} x {height} pixels, more than the {MAX_PIXELS // 1_000_000}-megapixel limit; "
                    "make it smaller first"
                )
            reduced_by = 1 if enough_px is None else _draft(image, enough_px, region, name)
            _decode_at_once(image, len(data))
            image.load()
            orientation = _orientation(image)
            upright = _as_rgb(_turned(image, orientation), name)
            full_size = _upright_size((width, height), orientation)
            photo = DecodedPhoto(
                image=upright,
                full_size=full_size,
                reduced_by=reduced_by,
                origin=_origin(upright.size, full_size, reduced_by, orientation),
            )
            return photo if region is None else _cut(photo, region.box(full_size, name=name))
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{name}: is not a picture in a known format (JPEG, PNG, GIF, BMP, WebP, TIFF, HEIC, AVIF)"
        ) from error
    except PillowImage.DecompressionBombError as error:
        raise PhotoError(
            f"{name}: more than the {MAX_PIXELS // 1_000_000}-megapixel limit; make it smaller first"
        ) from error
    except PILLOW_RAISES as error:
        raise PhotoError(f"{name}: is damaged or cut short ({error})") from error


def decoded_image(image: Image, *, name: str) -> DecodedPhoto:
    """Return a Pillow image of any mode as upright RGB, by the rules of `decode_image`.

    Args:
        image: At least 1 x 1 pixel; not changed.
        name: The name in error messages.

    Raises:
        PhotoError: The pixels cannot be read, or there are more than `MAX_PIXELS`.
    """
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise PhotoError(f"{name}: {width} x {height} pixels; 1 to {MAX_PIXELS // 1_000_000} million are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()  # an image that was opened and not read yet
            upright = _as_rgb(_turned(image, _orientation(image)), name)
    except PILLOW_RAISES as error:
        raise PhotoError(f"{name}: is damaged or cut short ({error})") from error
    return DecodedPhoto(image=upright, full_size=upright.size, reduced_by=1, origin=(0, 0))


def open_image(path: Path) -> Image:
    """Read and decode a picture file; see `read_image_file` and `decode_image` for what is refused."""
    return decode_image(read_image_file(path), name=str(path))


def open_photo(path: Path, *, enough_px: int | None, region: Region | None = None) -> DecodedPhoto:
    """Read and decode a photo's file; see `read_image_file` and `decode_photo` for what is refused."""
    return decode_photo(read_image_file(path), name=str(path), enough_px=enough_px, region=region)


def _draft(image: Image, enough_px: int, region: Region | None, name: str) -> int:
    """Have the decoder reduce the picture, and return by how much."""
    if image.format not in _JPEGS:
        return 1
    sides = image.size
    if region is not None:
        left, top, right, bottom = region.box(_upright_size(sides, _orientation(image)), name=name)
        sides = (right - left, bottom - top)
    factor = max((step for step in _REDUCTIONS if step * enough_px <= min(sides)), default=1)
    width, height = image.size
    drafted = image.draft(None, (width // factor, height // factor))
    return 1 if drafted is None else round(width / drafted[1][2])


def _cut(photo: DecodedPhoto, box: tuple[int, int, int, int]) -> DecodedPhoto:
    """Return a part of a photo as a photo; `box` counts the full photo's pixels.

    It is cut out, and not only named: a resampling filter looks past the edge of what it is told to keep.
    """
    step, (across, down) = photo.reduced_by, photo.origin
    left, top = (box[0] + across) // step, (box[1] + down) // step
    right, bottom = -(-(box[2] + across) // step), -(-(box[3] + down) // step)
    right, bottom = min(right, photo.image.width), min(bottom, photo.image.height)
    return DecodedPhoto(
        image=photo.image.crop((left, top, right, bottom)),
        full_size=(box[2] - box[0], box[3] - box[1]),
        reduced_by=step,
        origin=(box[0] + across - left * step, box[1] + down - top * step),
    )


def _decode_at_once(image: Image, length_bytes: int) -> None:
    """Hand a JPEG's decoder the whole file rather than 64 KiB at a time.

    Between two pieces it asks for Python's lock, and waits 5 ms for it where another thread is busy importing.
    """
    if image.format in _JPEGS:
        image.decodermaxblock = length_bytes  # type: ignore[attr-defined]  # of ImageFile, which Image.open returns


def _orientation(image: Image) -> int:
    """Return the EXIF orientation, 1 to 8; broken metadata means nothing, that is 1."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except PILLOW_RAISES:
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in _ON_ITS_SIDE else size


def _origin(size: tuple[int, int], full_size: tuple[int, int], reduced_by: int, orientation: int) -> tuple[int, int]:
    left = size[0] * reduced_by - full_size[0] if orientation in _LEFT_AND_RIGHT_CHANGED else 0
    top = size[1] * reduced_by - full_size[1] if orientation in _TOP_AND_BOTTOM_CHANGED else 0
    return left, top


def _turned(image: Image, orientation: int) -> Image:
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
    # Not ImageOps.exif_transpose: it writes the EXIF anew, and fails on what cameras and editors leave there.
    return image.transpose(turns[orientation]) if orientation in turns else image


def _as_rgb(image: Image, name: str) -> Image:
    from PIL import Image as PillowImage

    if image.mode.startswith("I") or image.mode == "F":
        return _sixteen_bit_to_grey(image, name).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = PillowImage.new("RGBA", rgba.size, (255, 255, 255, 255))
        return PillowImage.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _sixteen_bit_to_grey(image: Image, name: str) -> Image:
    # Pillow's own convert("L") clips 16-bit values at 255, which turns a scan white.
    import numpy as np
    from PIL import Image as PillowImage

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > _SIXTEEN_BITS:
        raise PhotoError(f"{name}: has numbers beyond 16 bits for pixels; save it with 8 bits a channel")
    return PillowImage.fromarray(np.rint(values * (255 / _SIXTEEN_BITS)).astype(np.uint8))
