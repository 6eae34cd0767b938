"""Opening an image file safely, as upright RGB. Reference images and photos are both opened here.

Traps:
- Phones store a photo sideways and note that in EXIF; see `exif_orientation`.
- A 200-megapixel file of 100 kB takes gigabytes when decoded at full size; see `_check_size`.
- With Pillow's `LOAD_TRUNCATED_IMAGES`, a truncated JPEG decodes to grey without an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import heif_files
from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto
from edge_identify.edge_runtime.photos.decoding_cost import UNKNOWN_COST, DecodingCost, cost_of
from edge_identify.edge_runtime.photos.doubts import tell_doubt
from edge_identify.edge_runtime.photos.exif_orientation import orientation_of, turned, upright_origin, upright_size
from edge_identify.edge_runtime.photos.image_opening import (
    JPEGS,
    opened_bytes,
    pillow_errors_explained,
    pillow_warnings_ignored,
)
from edge_identify.edge_runtime.photos.jpeg_structure import (
    JpegScans,
    has_progressive_frame,
    jpeg_scans,
    lacks_end_marker,
)
from edge_identify.edge_runtime.photos.pillow_errors import PILLOW_RAISES
from edge_identify.edge_runtime.photos.rgb_pixels import as_rgb, grey_scale, scale_transparent_colour

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    from edge_identify.edge_runtime.photos.regions import Region

#: File name endings of images in a folder.
SUFFIXES = (
    frozenset({".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".jfi", ".pjpeg", ".pjp"})  # browsers save .jfif, Windows .jpe
    | frozenset({".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"})
    | heif_files.SUFFIXES
)

MAX_SIDE_PX = 100_000  # resampling keeps whole rows or columns in memory; a longer side is hostile
MAX_PIXELS = 100_000_000  # decoded: 400 MB, since Pillow keeps RGB in 4 bytes
MAX_JPEG_PIXELS = 500_000_000  # in the file: phones take 200 megapixels, and stitch panoramas; decoded smaller
_MAX_COEFFICIENT_BYTES = 640_000_000  # a progressive JPEG of 200 megapixels with halved colour has 604 million
_MAX_SCANS = 100  # encoders write about 10; thousands keep libjpeg busy for hours
_MAX_SCANNED_PIXELS = 3_000_000_000  # pixels x scans: empty ones take 3.5 s of CPU; 200 megapixels in 12 scans have 2.4
_ROW_BY_ROW = JpegScans(coefficient_bytes=0, count=1)
_REDUCTIONS = (1, 2, 4, 8)  # the factors that the decoder of JPEG offers
MAX_FILE_BYTES = 256 * 2**20  # read whole into memory; a larger file is not a photo


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
            data = file.read(length_bytes + 1)  # `read` takes as much memory as it is asked for
            if len(data) > length_bytes:  # the file has grown since
                data += file.read(MAX_FILE_BYTES + 1 - len(data))
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
    """Decode an image to upright RGB, at full size. A JPEG of more than `MAX_PIXELS` is decoded smaller.

    EXIF orientation is applied. The first frame of an animation is used. Transparency is laid over white. ICC profiles
    are ignored, so that every platform can repeat the pixels. 16-bit greyscale is scaled to 8 bits. See `rgb_pixels`.

    Args:
        data: The file's bytes.
        name: The image's name in error messages.
        max_side_px: Maximum side; a longer one is refused before any pixel is decoded.

    Returns:
        A Pillow image in mode RGB, at least 1 x 1 pixel.

    Raises:
        PhotoError: No accepted format, damaged or truncated, a side too long, or more than `MAX_PIXELS` pixels (a JPEG:
            `MAX_JPEG_PIXELS`).
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
        enough_px: Least length of each side after decoding, if the photo has as many pixels, and `MAX_PIXELS` allow it.
            None decodes at full size, or a JPEG of more than `MAX_PIXELS` at the largest size within them.
        region: The part to return, as a photo of its own. `enough_px` then applies to the region's sides.
        max_side_px: Maximum side; a longer one is refused before any pixel is decoded.

    Raises:
        PhotoError: As for `decode_image`, or the region is not inside the photo.
    """

    def decode(whole: bytes) -> DecodedPhoto:
        return _decode(whole, name, enough_px, region, max_side_px)

    with pillow_warnings_ignored(), pillow_errors_explained(data, name=name, limit=_too_many_pixels(MAX_PIXELS)):
        if lacks_end_marker(data):
            from edge_identify.edge_runtime.photos.jpeg_ending import decode_without_end_marker

            photo = decode_without_end_marker(data, decode, name=name)
        else:
            photo = _decode_mended(data, decode)
        return photo if region is None else photo.cut(region.box(photo.full_size, name=name))


def decoding_cost(data: bytes, *, name: str, enough_px: int | None) -> DecodingCost:
    """Return what `decode_photo` would take, by the file's header. No pixel is decoded.

    Args:
        data: The file's bytes.
        name: The photo's name in error messages.
        enough_px: As for `decode_photo`.

    Raises:
        PhotoError: The photo has too many pixels, or passes another limit of `decode_photo`.
    """
    from PIL.Image import DecompressionBombError

    with pillow_warnings_ignored():
        try:
            image = opened_bytes(data, name=name)
            width, height = image.size
            _check_size(image, data, name, MAX_SIDE_PX)
            scans = jpeg_scans(data) if image.format in JPEGS else _ROW_BY_ROW
            _draft(image, enough_px, None, name)
        except PhotoError:
            raise
        except (*PILLOW_RAISES, DecompressionBombError):  # `decode_photo` explains it
            return UNKNOWN_COST
    return cost_of(image, file_pixels=width * height, coefficient_bytes=scans.coefficient_bytes, scans=scans.count)


def _decode_mended(data: bytes, decode: Callable[[bytes], DecodedPhoto]) -> DecodedPhoto:
    """Decode a file; if Pillow refuses it, decode it in a form that Pillow reads, if it has all its pixels."""
    try:
        return decode(data)
    except MemoryError:
        raise
    except PILLOW_RAISES:
        from edge_identify.edge_runtime.photos import container_repair as repair
        from edge_identify.edge_runtime.photos.png_repair import png_of_pixels

        mended = png_of_pixels(data) or repair.webp_of_whole_chunks(data)
        if mended is not None and mended != data:
            return decode(mended)
        negative = repair.grey_tiff_negative(data)
        if negative is None:
            raise
        photo = decode(negative)
        return replace(photo, image=_inverted(photo.image))


def _inverted(image: Image) -> Image:
    from PIL import ImageChops

    return ImageChops.invert(image)


def _decode(data: bytes, name: str, enough_px: int | None, region: Region | None, max_side_px: int) -> DecodedPhoto:
    image = opened_bytes(data, name=name)  # safe in threads: each call decodes into an image of its own
    size = image.size
    _check_size(image, data, name, max_side_px)
    reduced_by = _draft(image, enough_px, region, name)
    scale = grey_scale(image, name=name)
    scale_transparent_colour(image, data)
    _decode_at_once(image, len(data))
    image.load()
    if image.format == "TIFF" and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        from edge_identify.edge_runtime.photos.container_repair import tiff_with_own_colours

        own = tiff_with_own_colours(data)
        if own is not None:
            return _decode(own, name, enough_px, region, max_side_px)
    if image.mode == "CMYK" and image.format in JPEGS and "adobe" not in image.info:
        tell_doubt(name, "does not say how its four inks are stored; read as Adobe's programs store them, inverted")
    orientation = orientation_of(image)
    upright = as_rgb(turned(image, orientation), scale, name=name)
    full_size = upright_size(size, orientation)
    return DecodedPhoto(
        image=upright,
        full_size=full_size,
        reduced_by=reduced_by,
        origin=upright_origin(upright.size, full_size, reduced_by, orientation),
        format_name=image.format or "unknown",
    )


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
    with pillow_warnings_ignored(), pillow_errors_explained(b"", name=name, limit=_too_many_pixels(MAX_PIXELS)):
        scale = grey_scale(image, name=name)
        image.load()  # an image that was opened and not read yet
        upright = as_rgb(turned(image, orientation_of(image)), scale, name=name)
    return DecodedPhoto(image=upright, full_size=upright.size, reduced_by=1, origin=(0, 0))


def open_image(path: Path) -> Image:
    """Read and decode an image file; see `read_image_file` and `decode_image` for arguments and errors."""
    return decode_image(read_image_file(path), name=str(path))


def open_photo(path: Path, *, enough_px: int | None, region: Region | None = None) -> DecodedPhoto:
    """Read and decode a photo's file; see `read_image_file` and `decode_photo` for arguments and errors."""
    return decode_photo(read_image_file(path), name=str(path), enough_px=enough_px, region=region)


def _check_size(image: Image, data: bytes, name: str, max_side_px: int) -> None:
    """Raise `PhotoError` if decoding would take too much memory or time. No pixel is decoded yet."""
    width, height = image.size
    if max(width, height) > max_side_px:
        raise PhotoError(f"{name}: {width} x {height} pixels; a side may have {max_side_px} at most")
    if image.format not in JPEGS:
        if width * height > MAX_PIXELS:
            raise PhotoError(f"{name}: {width} x {height} pixels, {_too_many_pixels(MAX_PIXELS)}")
        if image.format == "TIFF" and "jpeg" in str(image.info.get("compression")) and has_progressive_frame(data):
            raise PhotoError(f"{name}: holds a progressive JPEG, which a TIFF must not (TIFF Technical Note 2)")
        return
    if width * height > MAX_JPEG_PIXELS:
        raise PhotoError(
            f"{name}: {width} x {height} pixels, more than the limit of "
            f"{MAX_JPEG_PIXELS // 1_000_000} megapixels of a JPEG; make it smaller first"
        )
    scans = jpeg_scans(data)
    if width * height > MAX_PIXELS and scans.coefficient_bytes > _MAX_COEFFICIENT_BYTES:
        raise PhotoError(
            f"{name}: {width} x {height} pixels in a progressive JPEG, which takes "
            f"{scans.coefficient_bytes / 2**20:.0f} MiB to decode; save it as a baseline JPEG, or make it smaller"
        )
    if scans.coefficient_bytes and scans.count > _MAX_SCANS:
        raise PhotoError(f"{name}: has {scans.count} scans, more than the limit of {_MAX_SCANS}; save it anew")
    if scans.coefficient_bytes and scans.count * width * height > _MAX_SCANNED_PIXELS:
        raise PhotoError(
            f"{name}: has {scans.count} scans of {width} x {height} pixels, which take long to decode; "
            "save it as a baseline JPEG"
        )


def _too_many_pixels(limit: int) -> str:
    return (
        f"more than the {limit // 1_000_000}-megapixel limit; make it smaller first, or save it as JPEG, "
        f"which may have {MAX_JPEG_PIXELS // 1_000_000} megapixels"
    )


def _draft(image: ImageFile, enough_px: int | None, region: Region | None, name: str) -> int:
    """Tell the decoder to reduce the image, and return the factor."""
    if image.format not in JPEGS:
        return 1
    width, height = image.size
    wanted = 1
    if enough_px is not None:
        sides = image.size
        if region is not None:
            left, top, right, bottom = region.box(upright_size(sides, orientation_of(image)), name=name)
            sides = (right - left, bottom - top)
        wanted = max((step for step in _REDUCTIONS if step * enough_px <= min(sides)), default=1)
    needed = next(
        step for step in _REDUCTIONS if _reduced_pixels(image.size, step) <= MAX_PIXELS or step == _REDUCTIONS[-1]
    )
    factor = max(wanted, needed)
    if factor == 1:
        return 1
    drafted = image.draft(None, (width // factor, height // factor))
    if image.width * image.height > MAX_PIXELS:
        raise PhotoError(f"{name}: {width} x {height} pixels, {_too_many_pixels(MAX_PIXELS)}")
    return 1 if drafted is None else round(width / drafted[1][2])


def _reduced_pixels(size: tuple[int, int], step: int) -> int:
    return -(-size[0] // step) * -(-size[1] // step)


def _decode_at_once(image: Image, length_bytes: int) -> None:
    """Give a JPEG's decoder the whole file instead of 64 KiB at a time.

    Between two pieces it takes Python's lock (the GIL), and waits 5 ms for it while another thread imports modules.
    """
    if image.format in JPEGS:
        image.decodermaxblock = length_bytes  # type: ignore[attr-defined]  # of ImageFile, which Image.open returns
