"""Random colours of painted, printed and glazed things: float32 RGB, 0 to 255.

They are mostly saturated, or white, grey or black. Three independent random numbers would mostly give brownish grey.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GREYS = (0, 20, 60, 128, 200, 235, 255)
_GREY_SHARE = 0.27


def choose_colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """Choose a colour; shape [3]."""
    import numpy as np

    if rng.uniform() < _GREY_SHARE:
        return np.full(3, rng.choice(_GREYS), dtype=np.float32)
    rgb = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.35, 1), rng.uniform(0.3, 1))
    return np.asarray(rgb, dtype=np.float32) * 255


def choose_palette(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Choose distinguishable colours in random order of brightness; shape [count, 3]."""
    import numpy as np

    candidates = np.stack([choose_colour(rng) for _ in range(3 * count)])
    chosen = [candidates[0]]
    for _ in range(count - 1):
        distances = np.min([np.abs(candidates - colour).sum(axis=1) for colour in chosen], axis=0)
        # Any of the most different ones: the farthest would always be black, white and the primaries.
        chosen.append(candidates[rng.choice(np.argsort(distances)[-count:])])
    return np.stack(chosen)


def shifted(rng: np.random.Generator, colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a clearly different colour: another hue or another brightness; shape [3]."""
    import numpy as np

    hue, saturation, value = colorsys.rgb_to_hsv(*(colour / 255).tolist())
    if saturation < 0.2:
        return np.full(3, (value * 255 + rng.uniform(80, 175)) % 255, dtype=np.float32)
    turned = colorsys.hsv_to_rgb((hue + rng.uniform(0.12, 0.88)) % 1, saturation, value)
    return np.asarray(turned, dtype=np.float32) * 255
