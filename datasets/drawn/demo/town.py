"""The demo town: its mosaics with names and positions.

About one mosaic in three shares its design with another one (a sibling), as in real towns. Without siblings,
identification would be too easy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.demo.demo_mosaics import Mosaic, choose_mosaic, choose_sibling
from edge_identify.datasets.drawn.demo.pixel_figures import draw_figure

if TYPE_CHECKING:
    import numpy as np

UNIQUE, SHARED = "unique", "shared-design"  # kinds of queries, evaluated separately

_SYLLABLES = "ba bo da do fi ga ki ko la lu ma mi no pa pi ra ri so ta tu va wo xi zu".split()  # noqa: SIM905
_CENTRE = (48.8566, 2.3522)  # latitude and longitude in degrees
_SPREAD = 0.02  # degrees, about two kilometres


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhabitant:
    """A mosaic in the town.

    Attributes:
        id: Id of the reference.
        name: For people: design, glazes and wall.
        design: Name of the design; siblings share it.
        kind: `UNIQUE`, or `SHARED` if another mosaic has the same design.
        latitude: Degrees.
        longitude: Degrees.
        mosaic: Its appearance.
    """

    id: str
    name: str
    design: str
    kind: str
    latitude: float
    longitude: float
    mosaic: Mosaic


def people_town(rng: np.random.Generator, count: int, *, id_prefix: str) -> list[Inhabitant]:
    """Choose the mosaics of a town.

    Args:
        rng: Random generator.
        count: Number of mosaics.
        id_prefix: Prefix of their ids.

    Returns:
        `count` mosaics. Siblings are adjacent.
    """
    inhabitants: list[Inhabitant] = []
    while len(inhabitants) < count:
        design = _choose_name(rng)
        family = [choose_mosaic(rng, draw_figure(rng))]
        if rng.uniform() < 0.2 and len(inhabitants) + 1 < count:
            family.append(choose_sibling(rng, family[0]))
        kind = SHARED if len(family) > 1 else UNIQUE
        for mosaic in family:
            number = len(inhabitants) + 1
            inhabitants.append(_settle(rng, mosaic, f"{id_prefix}-{number:03d}", design, kind))
    return inhabitants


def _settle(rng: np.random.Generator, mosaic: Mosaic, identifier: str, design: str, kind: str) -> Inhabitant:
    glazes = mosaic.body if mosaic.body == mosaic.second else f"{mosaic.body} and {mosaic.second}"
    return Inhabitant(
        id=identifier,
        name=f"{design}, {glazes}, on {mosaic.wall.kind}",
        design=design,
        kind=kind,
        latitude=round(_CENTRE[0] + rng.normal(0, _SPREAD), 6),
        longitude=round(_CENTRE[1] + rng.normal(0, _SPREAD), 6),
        mosaic=mosaic,
    )


def _choose_name(rng: np.random.Generator) -> str:
    return "".join(str(part) for part in rng.choice(_SYLLABLES, int(rng.integers(2, 4)))).capitalize()
