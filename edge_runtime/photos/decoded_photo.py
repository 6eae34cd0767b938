"""A decoded photo, perhaps at a reduced size, that still knows the full photo's pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPhoto:
    """A photo that may have been decoded at a reduced size.

    Attributes:
        image: Upright RGB.
        full_size: Width and height of the full, upright photo.
        reduced_by: 1, 2, 4 or 8: how many pixels of the photo, along each side, became one pixel of `image`.
        origin: Where the photo begins in `image`, in pixels of the full photo. It differs from (0, 0) in two cases. The
            reduced sides are rounded up, and a turned photo has the incomplete pixel at its left or top. A region may
            begin within a reduced pixel.
        format_name: Pillow's name of the file's format; `unknown` if there was no file.
    """

    image: Image
    full_size: tuple[int, int]
    reduced_by: int
    origin: tuple[int, int]
    format_name: str = "unknown"

    def cut(self, box: tuple[int, int, int, int]) -> DecodedPhoto:
        """Return a region of the photo as a photo of its own.

        The region is cropped, since a resampling filter would otherwise read pixels beyond its edges.

        Args:
            box: (left, top, right, bottom) in pixels of the full photo.
        """
        step, (across, down) = self.reduced_by, self.origin
        left, top = (box[0] + across) // step, (box[1] + down) // step
        right, bottom = -(-(box[2] + across) // step), -(-(box[3] + down) // step)
        right, bottom = min(right, self.image.width), min(bottom, self.image.height)
        return DecodedPhoto(
            image=self.image.crop((left, top, right, bottom)),
            full_size=(box[2] - box[0], box[3] - box[1]),
            reduced_by=step,
            origin=(box[0] + across - left * step, box[1] + down - top * step),
            format_name=self.format_name,
        )
