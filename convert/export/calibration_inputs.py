"""The inputs that set the ranges of int8 activations, and by which the forms of int8 weights are chosen.

They are drawn and the same for every catalogue. So an exported encoder depends on its model alone: packs of one model
share its files, and a new version of a pack has the encoder of the version before. Measured on an EfficientNet-Lite0,
160 real photos: centred cosine .990 with ranges of drawn images, .990 with ranges of other photos of the same kind.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.datasets.drawn.instances import draw_families
from edge_identify.datasets.drawn.simulated_photo import long_side_px_for, simulate_photo
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWN_THINGS = 64  # each as it is and in a photo
_SEED = 20_261_201  # arbitrary; fixed, so that a build repeats the same bytes

#: Plain captions; a text tower's weights are quantised without measured ranges, so a few suffice.
CAPTIONS = (
    "a photo of a cat",
    "a photo of a red car in the street",
    "a bottle of milk on a shelf",
    "a mosaic on a wall",
    "a painting of a woman",
    "green leaves of a tree",
    "a blue sign with white letters",
    "two people walking on a beach",
)


def draw_calibration_pixels(recipe: Preprocessing) -> NDArray[np.uint8]:
    """Draw things and simulated photos of them, alternately, uint8 [n, size, size, 3].

    Args:
        recipe: The encoder's preprocessing.
    """
    from PIL import Image

    rng = np.random.default_rng(_SEED)
    families = [family[0] for family in islice(draw_families(rng, ()), DRAWN_THINGS)]
    pixels = []
    for thing, behind in zip(families, families[1:] + families[:1], strict=True):
        image = Image.fromarray(thing.pixels)
        background = Image.fromarray(np.ascontiguousarray(behind.pixels[..., :3])) if rng.uniform() < 0.5 else None
        photo = simulate_photo(
            image,
            rng,
            difficulty=float(rng.uniform(0.5, 2)),
            background=background,
            long_side_px=long_side_px_for(recipe.size_px),
        )
        pixels += [preprocess(image.convert("RGB"), recipe), preprocess(photo, recipe)]
    return np.stack(pixels)
