"""Families of look-alikes: what an encoder must learn to distinguish, and test material for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.packages import choose_brand, draw_package
from edge_identify.datasets.drawn.instances.posters import draw_poster
from edge_identify.datasets.drawn.instances.small_mosaics import (
    choose_look_alike,
    choose_near_twin,
    choose_tiled_design,
    draw_tiled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.datasets.drawn.instances.pixel_art import Images

SIDE_PX = 144  # larger than an encoder input of 128 pixels, to allow zoom

_MOSAIC_SHARE, _PACKAGE_SHARE = 0.5, 0.32  # the rest are posters


class Kind(StrEnum):
    """The kind of a drawn instance."""

    MOSAIC = "mosaic"
    POSTER = "poster"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnInstance:
    """One thing as in its reference image.

    Attributes:
        kind: Its kind.
        pixels: uint8 [SIDE_PX, SIDE_PX, 4], RGBA. A package is on white that is transparent, since photos have another
            background. A mosaic includes its wall and is opaque.
    """

    kind: Kind
    pixels: NDArray[np.uint8]


def draw_families(rng: np.random.Generator, images: Images) -> Iterator[list[DrawnInstance]]:
    """Draw families, without end.

    Args:
        rng: Random generator.
        images: uint8 [height, width, 3] each, sides of at least 32 pixels, for prints and backgrounds; may be empty.

    Yields:
        One to eight look-alikes.
    """
    while True:
        choice = rng.uniform()
        if choice < _MOSAIC_SHARE:
            yield _mosaics(rng, images)
        elif choice < _MOSAIC_SHARE + _PACKAGE_SHARE:
            yield _packages(rng, images)
        else:
            yield [_instance(Kind.POSTER, draw_poster(rng, side_px=SIDE_PX, images=images))]


def draw_near_twins(rng: np.random.Generator, count: int) -> list[tuple[DrawnInstance, DrawnInstance]]:
    """Draw pairs of mosaics that differ in one colour or in one to five tiles, on the same wall.

    Args:
        rng: Random generator.
        count: Number of pairs.
    """
    import numpy as np

    pairs = []
    for _ in range(count):
        design = choose_tiled_design(rng, ())
        seed = int(rng.integers(2**31))
        one, other = (
            draw_tiled(np.random.default_rng(seed), each, side_px=SIDE_PX, images=())
            for each in (design, choose_near_twin(rng, design))
        )
        pairs.append((_instance(Kind.MOSAIC, one), _instance(Kind.MOSAIC, other)))
    return pairs


def _mosaics(rng: np.random.Generator, images: Images) -> list[DrawnInstance]:
    import numpy as np

    first = choose_tiled_design(rng, images)
    designs = [first] + [choose_look_alike(rng, first, images) for _ in range(int(rng.integers(0, 8)))]
    # Half of the families share one wall: the background must not distinguish two things.
    wall_seed = int(rng.integers(2**31)) if rng.uniform() < 0.5 else None
    drawn: list[DrawnInstance] = []
    for design in designs:
        own = rng if wall_seed is None else np.random.default_rng(wall_seed)
        pixels = draw_tiled(own, design, side_px=SIDE_PX, images=images)
        while any(np.array_equal(pixels, earlier.pixels[..., :3]) for earlier in drawn):
            # The same design on the same wall would be the same thing.
            pixels = draw_tiled(own, design, side_px=SIDE_PX, images=images)
        drawn.append(_instance(Kind.MOSAIC, pixels))
    return drawn


def _packages(rng: np.random.Generator, images: Images) -> list[DrawnInstance]:
    brand = choose_brand(rng, side_px=SIDE_PX)
    count = int(rng.integers(1, 7))
    return [_instance(Kind.PACKAGE, draw_package(rng, brand, side_px=SIDE_PX, images=images)) for _ in range(count)]


def _instance(kind: Kind, pixels: NDArray[np.uint8]) -> DrawnInstance:
    import numpy as np

    if pixels.shape[2] == 3:
        pixels = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, dtype=np.uint8)], axis=2)
    return DrawnInstance(kind=kind, pixels=pixels)
