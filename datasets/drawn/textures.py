"""Random surfaces for the background of a simulated photo.

Real surfaces vary slowly, with a little grain on top; white noise never appears in a photo. All arrays here are float32
RGB from 0 to 255, shape [height, width, 3], unless stated otherwise.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


def smooth_noise(
    rng: np.random.Generator, size: tuple[int, int], *, cells: int, channels: int = 1
) -> NDArray[np.float32]:
    """Return low-frequency noise: about `cells` bumps along the longer side.

    Args:
        rng: Random generator.
        size: (width, height) in pixels.
        cells: Bumps along the longer side, at least 1.
        channels: Number of independent fields.

    Returns:
        float32, shape [height, width, channels], mean near 0, standard deviation below 1.
    """
    import numpy as np
    from PIL import Image
    from PIL.Image import Resampling

    width, height = size
    grid = [max(2, round(cells * side / max(size)) + 1) for side in (height, width)]
    fields = rng.standard_normal((channels, *grid), dtype=np.float32)
    grown = [np.asarray(Image.fromarray(field).resize(size, Resampling.BICUBIC)) for field in fields]
    return np.stack(grown, axis=-1)


def grain(rng: np.random.Generator, size: tuple[int, int], *, strength: float) -> NDArray[np.float32]:
    """Return grain of three sizes, equal in all channels; float32, shape [height, width, 1]."""
    import numpy as np

    width, height = size
    fine = rng.standard_normal((height, width, 1), dtype=np.float32)
    longest = max(size)
    medium = smooth_noise(rng, size, cells=max(2, longest // 4))
    coarse = smooth_noise(rng, size, cells=max(2, longest // 24))
    mixed: NDArray[np.float32] = np.float32(strength) * (0.35 * fine + 0.8 * medium + 0.8 * coarse)
    return mixed


def draw_surface(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """Draw a plain surface, such as a table or a painted wall, with an uneven tone.

    Args:
        rng: Random generator.
        size: (width, height) in pixels.

    Returns:
        RGB.
    """
    import numpy as np

    tone = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.03, 0.4), rng.uniform(0.3, 0.9))
    base = np.asarray(tone, dtype=np.float32) * 255
    tint = smooth_noise(rng, size, cells=3, channels=3) * np.float32(6)
    uneven = smooth_noise(rng, size, cells=4) * np.float32(rng.uniform(5, 22))
    return as_image(base + tint + uneven + grain(rng, size, strength=rng.uniform(2, 9)))


def as_image(pixels: NDArray[np.float32]) -> Image:
    """Return an array as an RGB image, rounded and clipped to 0 to 255."""
    import numpy as np
    from PIL import Image

    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
