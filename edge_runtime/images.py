"""Opening a picture from anywhere, safely, as upright RGB.

What a newcomer would get wrong: phones store a photo sideways and say so in EXIF; a transparent PNG has a colour
under its transparency; a 200-megapixel file of 100 kB takes gigabytes when decoded; a truncated JPEG decodes to
grey without complaint when Pillow is told to be lenient. References and photos both come through here.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pillow's names of the formats that are read; anything else is refused, since each decoder is attack surface.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # JPEG includes MPO, which many phones write

#: File name endings that a folder is searched for.
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})

MAX_PIXELS = 100_000_000  # 300 MB as RGB: the largest phone photo in use (50 MP) twice over
MAX_FILE_BYTES = 256 * 2**20  # read whole into memory; a larger one is not a photo


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
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file") from error
    except OSError as error:
        raise PhotoError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise PhotoError(f"{path}: the file is empty (0 bytes)")
    return data


def decode_image(data: bytes, *, name: str) -> Image:
    """Decode a picture to upright RGB.

    EXIF orientation is applied, the first frame of an animation is taken, transparency is laid over white, ICC
    profiles are ignored (so that every platform can repeat the pixels), 16-bit greyscale is scaled to 8 bits.

    Args:
        data: The file's bytes.
        name: What error messages call the picture.

    Returns:
        A Pillow image in mode RGB, at least 1 x 1 pixel.

    Raises:
        PhotoError: Not one of `FORMATS`, truncated, or more than `MAX_PIXELS` pixels.
    """
    from PIL import Image as PillowImage
    from PIL import ImageOps, UnidentifiedImageError

    try:
        # Pillow warns about bombs by its own cap and about broken metadata; the cap below is ours, and metadata
        # is not used.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = PillowImage.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise PhotoError(
                    f"{name}: {width} x {height} pixels, more than the {MAX_PIXELS // 1_000_000}-megapixel limit; "
                    "make it smaller first"
                )
            image.load()
            return _as_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: is not a picture in a known format (JPEG, PNG, GIF, BMP, WebP, TIFF)") from error
    except PillowImage.DecompressionBombError as error:
        raise PhotoError(
            f"{name}: more than the {MAX_PIXELS // 1_000_000}-megapixel limit; make it smaller first"
        ) from error
    except (OSError, ValueError, SyntaxError, IndexError, EOFError, OverflowError) as error:
        # Pillow's decoders raise all of these for broken files.
        raise PhotoError(f"{name}: is damaged or cut short ({error})") from error


def open_image(path: Path) -> Image:
    """Read and decode a picture file; see `read_image_file` and `decode_image` for what is refused."""
    return decode_image(read_image_file(path), name=str(path))


def _as_rgb(image: Image) -> Image:
    from PIL import Image as PillowImage

    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _sixteen_bit_to_grey(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = PillowImage.new("RGBA", rgba.size, (255, 255, 255, 255))
        return PillowImage.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _sixteen_bit_to_grey(image: Image) -> Image:
    # Pillow's own convert("L") clips 16-bit values at 255, which turns a scan white.
    import numpy as np
    from PIL import Image as PillowImage

    values = np.asarray(image, dtype=np.float32)
    top = 65535.0 if values.max(initial=0.0) > 255 else 255.0
    return PillowImage.fromarray(np.clip(values / top * 255.0, 0, 255).astype(np.uint8))
