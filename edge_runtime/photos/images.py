"""Opening an image file safely, as upright RGB. Reference images and photos are both opened here.

Traps:
- Phones store a photo sideways and note that in EXIF; see `exif_orientation`.
- A transparent PNG has a colour under its transparency.
- A 200-megapixel file of 100 kB takes gigabytes when decoded.
- With Pillow's `LOAD_TRUNCATED_IMAGES`, a truncated JPEG decodes to grey without an error.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import heif_files
from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto
from edge_identify.edge_runtime.photos.exif_orientation import orientation_of, turned, upright_origin, upright_size
from edge_identify.edge_runtime.photos.pillow_errors import PILLOW_RAISES

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.regions import Region

#: Pillow's names of the accepted formats, beside `HEIF` and `AVIF` (see `formats_of`). Other formats are refused,
#: since each decoder is attack surface.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # JPEG includes MPO, which many phones write

#: File name endings of images in a folder.
SUFFIXES = (
    frozenset({".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".jfi", ".pjpeg", ".pjp"})  # browsers save .jfif, Windows .jpe
    | frozenset({".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"})
    | heif_files.SUFFIXES
)

MAX_SIDE_PX = 100_000  # resampling keeps whole rows or columns in memory; a longer side is hostile
MAX_PIXELS = 100_000_000  # 300 MB as RGB: the largest phone photo in use (50 MP) twice over
_SIXTEEN_BITS = 65535
_JPEGS = ("JPEG", "MPO")  # formats that can be decoded at a reduced size
_REDUCTIONS = (1, 2, 4, 8)  # the factors that their decoder offers
MAX_FILE_BYTES = 256 * 2**20  # read whole into memory; a larger file is not a photo
START_BYTES = 256  # enough of a file for `formats_of`


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


def read_image_file(path: Path) -> bytes:
    """Read an image file. Its length is checked before it is read into memory.

    Raises:
        PhotoError: The file is missing, a folder, empty, unreadable, or larger than `MAX_FILE_BYTES`.
    """
    try:
        length_bytes = path.stat().st_size
        if not path.is_file():
            raise PhotoError(f"{path}: is not a file; give the path of an image")
        if length_bytes > MAX_FILE_BYTES:
            raise PhotoError(
                f"{path}: {length_bytes / 2**20:.0f} MiB, more than the {MAX_FILE_BYTES // 2**20} MiB limit"
            )
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)  # the file may have grown since `stat`
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file") from error
    except OSError as error:
        raise PhotoError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a path with a NUL byte
        raise PhotoError(f"{str(path)!r}: is not a path") from error
    if len(data) > MAX_FILE_BYTES:
        raise PhotoError(f"{path}: more than the {MAX_FILE_BYTES // 2**20} MiB limit")
    if not data:
        raise PhotoError(f"{path}: the file is empty (0 bytes)")
    return data


def decode_image(data: bytes, *, name: str, max_side_px: int = MAX_SIDE_PX) -> Image:
    """Decode an image to upright RGB, at full size.

    EXIF orientation is applied. The first frame of an animation is used. Transparency is laid over white. ICC profiles
    are ignored, so that every platform can repeat the pixels. 16-bit greyscale is scaled to 8 bits.

    Args:
        data: The file's bytes.
        name: The image's name in error messages.
        max_side_px: Maximum side; a longer one is refused before any pixel is decoded.

    Returns:
        A Pillow image in mode RGB, at least 1 x 1 pixel.

    Raises:
        PhotoError: No accepted format, damaged or truncated, a side too long, or more than `MAX_PIXELS` pixels.
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
    """Decode a photo to upright RGB. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size if that is enough.

    Args:
        data: The file's bytes.
        name: The photo's name in error messages.
        enough_px: Least length of each side after decoding, if the photo has as many pixels. None decodes at full size.
        region: The part to return, as a photo of its own. `enough_px` then applies to the region's sides.
        max_side_px: Maximum side; a longer one is refused before any pixel is decoded.

    Raises:
        PhotoError: As for `decode_image`, or the region is not inside the photo.
    """
    from PIL import Image as PillowImage
    from PIL import UnidentifiedImageError

    try:
        # Pillow warns about large images and broken metadata. The limit below replaces the first warning, and the
        # metadata is not used.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Safe in threads: each call decodes into an image of its own.
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
            orientation = orientation_of(image)
            upright = _as_rgb(turned(image, orientation), name)
            full_size = upright_size((width, height), orientation)
            photo = DecodedPhoto(
                image=upright,
                full_size=full_size,
                reduced_by=reduced_by,
                origin=upright_origin(upright.size, full_size, reduced_by, orientation),
            )
            return photo if region is None else photo.cut(region.box(full_size, name=name))
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{name}: is not an image in a known format (JPEG, PNG, GIF, BMP, WebP, TIFF, HEIC, AVIF)"
        ) from error
    except PillowImage.DecompressionBombError as error:
        raise PhotoError(
            f"{name}: more than the {MAX_PIXELS // 1_000_000}-megapixel limit; make it smaller first"
        ) from error
    except PILLOW_RAISES as error:
        raise PhotoError(f"{name}: is damaged or truncated ({error})") from error


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
            upright = _as_rgb(turned(image, orientation_of(image)), name)
    except PILLOW_RAISES as error:
        raise PhotoError(f"{name}: is damaged or truncated ({error})") from error
    return DecodedPhoto(image=upright, full_size=upright.size, reduced_by=1, origin=(0, 0))


def open_image(path: Path) -> Image:
    """Read and decode an image file; see `read_image_file` and `decode_image` for arguments and errors."""
    return decode_image(read_image_file(path), name=str(path))


def open_photo(path: Path, *, enough_px: int | None, region: Region | None = None) -> DecodedPhoto:
    """Read and decode a photo's file; see `read_image_file` and `decode_photo` for arguments and errors."""
    return decode_photo(read_image_file(path), name=str(path), enough_px=enough_px, region=region)


def _draft(image: Image, enough_px: int, region: Region | None, name: str) -> int:
    """Tell the decoder to reduce the image, and return the factor."""
    if image.format not in _JPEGS:
        return 1
    sides = image.size
    if region is not None:
        left, top, right, bottom = region.box(upright_size(sides, orientation_of(image)), name=name)
        sides = (right - left, bottom - top)
    factor = max((step for step in _REDUCTIONS if step * enough_px <= min(sides)), default=1)
    width, height = image.size
    drafted = image.draft(None, (width // factor, height // factor))
    return 1 if drafted is None else round(width / drafted[1][2])


def _decode_at_once(image: Image, length_bytes: int) -> None:
    """Give a JPEG's decoder the whole file instead of 64 KiB at a time.

    Between two pieces it takes Python's lock (the GIL), and waits 5 ms for it while another thread imports modules.
    """
    if image.format in _JPEGS:
        image.decodermaxblock = length_bytes  # type: ignore[attr-defined]  # of ImageFile, which Image.open returns


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
        raise PhotoError(f"{name}: has pixel values beyond 16 bits; save it with 8 bits a channel")
    return PillowImage.fromarray(np.rint(values * (255 / _SIXTEEN_BITS)).astype(np.uint8))
