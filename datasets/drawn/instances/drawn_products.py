"""Drawn products: cartons, boxes, bottles and cans with real print, each seen from two sides.

A package is a solid body with print all around. Its reference shows it as a catalogue does. The other view is turned
and tipped, as in a hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.product_print import print_around
from edge_identify.datasets.drawn.instances.solid_packages import Pose, draw_body

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.drawn.instances.pixel_art import Images
    from edge_identify.datasets.drawn.instances.product_lines import ProductLine

_DRAWN_LARGER = 2  # than the views, so that small print is print and not noise


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnProduct:
    """One product from two sides, uint8 [side, side, 4], RGBA. It is opaque; elsewhere white and transparent.

    Attributes:
        shown: As its reference shows it.
        held: As somebody holds it.
    """

    shown: NDArray[np.uint8]
    held: NDArray[np.uint8]


def draw_product(rng: np.random.Generator, line: ProductLine, *, side_px: int, images: Images) -> DrawnProduct:
    """Draw one product of a line.

    Args:
        rng: Random generator of the product's own features and of the sides it is seen from.
        line: Its line.
        side_px: Side of the pictures.
        images: Images to print on it; may be empty.
    """
    large = side_px * _DRAWN_LARGER
    printed = print_around(rng, line, large, images)
    yaw = float(rng.uniform(0.15, 0.6) * rng.choice([-1, 1]))
    held_yaw = yaw + float(rng.normal(0, 0.45))
    poses = [Pose(yaw=yaw, pitch=float(rng.uniform(0, 0.25))), Pose(yaw=held_yaw, pitch=float(rng.normal(0.1, 0.3)))]
    shown, held = (_reduced(draw_body(printed, line, pose, large), side_px) for pose in poses)
    return DrawnProduct(shown=shown, held=held)


def _reduced(large: Image, side_px: int) -> NDArray[np.uint8]:
    import numpy as np
    import PIL.Image
    from PIL.Image import Resampling

    white = PIL.Image.new("RGB", large.size, "white")
    white.paste(large, (0, 0), large)
    # Each by itself: where nothing is, the white must stay.
    size = (side_px, side_px)
    colours, alpha = (each.resize(size, Resampling.BOX) for each in (white, large.getchannel("A")))
    return np.dstack([np.asarray(colours), np.asarray(alpha)])
