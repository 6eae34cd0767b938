"""A photo that nobody took: a 12-megapixel JPEG, drawn in memory, to measure a machine with.

A newcomer would measure with one flat colour, which a JPEG decoder passes in a quarter of the time of a real
photo. This one has slow colours, edges and grain, and takes about as many bytes as a phone's picture of its size.
"""

from __future__ import annotations

import io

PHOTO_SIZE_PX = (4032, 3024)  # 12 megapixels, what most phones take

_FLOOR_CELLS = 24  # slow colours: about this many bumps across
_TEXTURE_CELLS = 630  # edges of about 6 pixels, as foliage or brick has them
_TEXTURE_SHARE = 0.35  # gives 2.4 MB at the quality below, as phones write
_JPEG_QUALITY = 88


def drawn_photo(*, size_px: tuple[int, int] = PHOTO_SIZE_PX, seed: int = 0) -> bytes:
    """Draw a photo and return it as JPEG; the same arguments give the same picture.

    Args:
        size_px: Width and height.
        seed: Chooses the picture.
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
