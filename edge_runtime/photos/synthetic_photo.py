"""A synthetic 12-megapixel JPEG, drawn in memory, for measuring a machine.

A flat colour would be decoded in a quarter of the time of a real photo. This photo has smooth colours, edges and grain,
and its file is about as long as that of a phone's photo of the same size.
"""

from __future__ import annotations

import io

PHOTO_SIZE_PX = (4032, 3024)  # 12 megapixels, what most phones take

_FLOOR_CELLS = 24  # smooth colours: about this many maxima across
_TEXTURE_CELLS = 630  # edges about 6 pixels apart, as in foliage or brick
_TEXTURE_SHARE = 0.35  # gives 2.4 MB at the quality below, as phones do
_JPEG_QUALITY = 88


def drawn_photo(*, size_px: tuple[int, int] = PHOTO_SIZE_PX, seed: int = 0) -> bytes:
    """Draw a photo and return it as JPEG; the same arguments give the same photo.

    Args:
        size_px: Width and height in pixels.
        seed: Seed of the random numbers.
    """
    import numpy as np
    from PIL import Image, ImageDraw
    from PIL.Image import Resampling

    rng = np.random.default_rng(seed)
    width, height = size_px

    def noise(cells: int) -> Image.Image:
        grid = rng.integers(0, 256, (max(2, cells * height // width), cells, 3), dtype=np.uint8)
        return Image.fromarray(grid).resize(size_px, Resampling.BICUBIC)

    photo = Image.blend(noise(_FLOOR_CELLS), noise(_TEXTURE_CELLS), _TEXTURE_SHARE)
    draw = ImageDraw.Draw(photo)
    for left, top, *colour in rng.integers(0, 256, (40, 5)).tolist():
        at = left * width / 256, top * height / 256
        draw.rectangle((*at, at[0] + width / 12, at[1] + height / 12), fill=tuple(colour))
    buffer = io.BytesIO()
    photo.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
