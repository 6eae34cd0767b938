"""What decoding an image takes, told from its header. For programs that decode images of strangers in parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.photos.image_opening import JPEGS

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# Bytes for each pixel at the peak of `decode_photo`, measured with images of 16 megapixels (VmHWM, Pillow 13).
_PLAIN = 4  # PNG, BMP and JPEG in RGB: Pillow's own image
_WITH_ALPHA = 9  # and a second image without transparency, or of another mode
_BY_FORMAT = {"WEBP": 16, "AVIF": 10, "HEIF": 9, "TIFF": 9, "GIF": 9}  # their libraries hold copies
_MORE_FOR_ALPHA = 5
_LARGE_BYTES = 64 * 2**20  # an image of 16 megapixels at full size; phones take 12
_LARGE_PIXELS = 400_000_000  # pixels x scans: half a second


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingCost:
    """What decoding takes.

    Attributes:
        memory_bytes: Memory at the peak, an estimate.
        scanned_pixels: Pixels in the file x scans.
    """

    memory_bytes: int
    scanned_pixels: int

    @property
    def is_large(self) -> bool:
        """Whether it takes much more memory or time than a phone's photo."""
        return self.memory_bytes > _LARGE_BYTES or self.scanned_pixels > _LARGE_PIXELS


#: Of a file whose header cannot be read: a repair may find an image of any size.
UNKNOWN_COST = DecodingCost(memory_bytes=_LARGE_BYTES + 1, scanned_pixels=0)


def cost_of(image: ImageFile, *, file_pixels: int, coefficient_bytes: int, scans: int) -> DecodingCost:
    """Return what decoding an opened image takes.

    Args:
        image: The image, with the size that it is decoded at.
        file_pixels: Pixels in the file.
        coefficient_bytes: As `JpegScans.coefficient_bytes`.
        scans: As `JpegScans.count`.
    """
    return DecodingCost(
        memory_bytes=image.width * image.height * _bytes_per_pixel(image) + coefficient_bytes,
        scanned_pixels=file_pixels * scans,
    )


def _bytes_per_pixel(image: ImageFile) -> int:
    is_plain = image.mode in ("RGB", "L", "1") and "transparency" not in image.info
    if image.format in JPEGS:
        return _PLAIN if image.mode == "RGB" else 2 * _PLAIN
    if image.format in _BY_FORMAT:
        return _BY_FORMAT[image.format] + (0 if is_plain else _MORE_FOR_ALPHA)
    return _PLAIN if is_plain and image.mode == "RGB" else _WITH_ALPHA
