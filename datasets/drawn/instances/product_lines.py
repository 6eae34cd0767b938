"""What the products of a line have in common: body, colours, logo and typefaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.colours import choose_colour
from edge_identify.datasets.drawn.instances.printed_matter import choose_words
from edge_identify.datasets.drawn.instances.typefaces import Ink

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROUND_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLine:
    """What the products of a line have in common.

    Attributes:
        is_round: A bottle or a can; otherwise a carton or a box.
        size: Width, depth and height of the body; the height is 1.
        neck: For round ones: radius of the neck as a share of the body's, and share of the height above the shoulder.
        has_coloured_top: For others: the top has the product's own colour.
        ground: Colour of the body.
        accent: Colour of the bands.
        logo: The large word.
        logo_face: File of the logo's typeface; None for Pillow's.
        face: The same of all other print.
        layout_seed: Of what is where.
    """

    is_round: bool
    size: tuple[float, float, float]
    neck: tuple[float, float]
    has_coloured_top: bool
    ground: Ink
    accent: Ink
    logo: str
    logo_face: str | None
    face: str | None
    layout_seed: int


def choose_line(rng: np.random.Generator, typefaces: Sequence[str]) -> ProductLine:
    """Choose a line.

    Args:
        rng: Random generator.
        typefaces: Files to choose from; empty for Pillow's own.
    """
    is_round = bool(rng.uniform() < _ROUND_SHARE)
    width = float(rng.uniform(0.34, 0.6) if rng.uniform() < 0.75 else rng.uniform(0.6, 1.1))
    depth = width if is_round else float(width * rng.uniform(0.3, 1.0))
    is_bottle = rng.uniform() < 0.6
    tone = rng.uniform()
    ground = choose_colour(rng)
    if tone < 0.4:
        ground = 255 - (255 - ground) * float(rng.uniform(0, 0.15))
    elif tone < 0.55:
        ground = ground * 0.25
    return ProductLine(
        is_round=is_round,
        size=(width, depth, 1.0),
        neck=(float(rng.uniform(0.3, 0.55)), float(rng.uniform(0.15, 0.35))) if is_bottle else (0.95, 0.03),
        has_coloured_top=not is_round and bool(rng.uniform() < 0.55),
        ground=as_ink(ground),
        accent=as_ink(choose_colour(rng)),
        logo=choose_words(rng, count=1),
        logo_face=str(rng.choice(typefaces)) if typefaces else None,
        face=str(rng.choice(typefaces)) if typefaces else None,
        layout_seed=int(rng.integers(2**31)),
    )


def as_ink(colour: NDArray[np.float32]) -> Ink:
    """Return a colour, float32 [3], as Pillow takes it."""
    red, green, blue = (max(0, min(255, int(value))) for value in colour)
    return red, green, blue
