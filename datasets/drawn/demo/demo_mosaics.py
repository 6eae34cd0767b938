"""A drawn street mosaic and its reference image: a figure in glazed tiles on a wall.

Two mosaics of one design are different references. So colours, wall and tiles belong to the mosaic, not to the design.
The mosaic's fields and its `seed` determine all of them: its reference image and its photos show the same tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.demo.pixel_figures import BODY, EYE, SECOND, Figure
from edge_identify.datasets.drawn.demo.tiles import lay_tiles
from edge_identify.datasets.drawn.walls import Wall, WallKind, choose_wall, draw_wall

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

#: Colours of glazed tiles, by name.
GLAZES = {
    "red": (190, 38, 40),
    "orange": (226, 112, 30),
    "yellow": (236, 192, 44),
    "green": (52, 136, 66),
    "turquoise": (38, 162, 164),
    "sky blue": (92, 160, 214),
    "dark blue": (34, 54, 132),
    "violet": (114, 62, 148),
    "pink": (226, 122, 160),
    "brown": (110, 70, 46),
    "white": (234, 232, 224),
    "black": (32, 32, 36),
}
_PANEL = EYE + 1  # a cell of the panel around the figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """One mosaic. All glazes are names in `GLAZES`.

    Attributes:
        figure: The design.
        body: Glaze of the body.
        second: Glaze of the pattern on the body.
        eye: Glaze of the eyes.
        panel: Glaze of the tiles around the figure; None for the bare wall.
        grout: Brightness of the grout, 0 to 255.
        wall: The wall.
        seed: Seed of all irregularities.
    """

    figure: Figure
    body: str
    second: str
    eye: str
    panel: str | None
    grout: int
    wall: Wall
    seed: int


def choose_mosaic(rng: np.random.Generator, figure: Figure) -> Mosaic:
    """Choose glazes and a wall for a design.

    Args:
        rng: Random generator.
        figure: The design.
    """
    body, second, panel = (str(name) for name in rng.choice(list(GLAZES), 3, replace=False))
    eye = "black" if _brightness(body) > 120 else "white"
    return Mosaic(
        figure=figure,
        body=body,
        second=second,
        eye=eye,
        panel=panel if rng.uniform() < 0.45 else None,
        grout=int(rng.integers(70, 215)),
        wall=choose_wall(rng, list(WallKind)[int(rng.integers(len(WallKind)))]),
        seed=int(rng.integers(2**31)),
    )


def choose_sibling(rng: np.random.Generator, mosaic: Mosaic) -> Mosaic:
    """Choose another mosaic of the same design: other glazes, or the same glazes on another wall."""
    other = choose_mosaic(rng, mosaic.figure)
    if rng.uniform() < 0.6:
        return other
    kinds = [kind for kind in WallKind if kind is not mosaic.wall.kind]
    wall = choose_wall(rng, kinds[int(rng.integers(len(kinds)))])
    return replace(mosaic, wall=wall, grout=other.grout, seed=other.seed)


def draw_cutout(mosaic: Mosaic, *, tile_px: int) -> Image:
    """Draw a mosaic without its wall: RGBA, with a shadow and a margin of one cell."""
    import numpy as np

    glazes = {BODY: GLAZES[mosaic.body], SECOND: GLAZES[mosaic.second], EYE: GLAZES[mosaic.eye]}
    if mosaic.panel is not None:
        glazes[_PANEL] = GLAZES[mosaic.panel]
    rng = np.random.default_rng([mosaic.seed, 0])
    return lay_tiles(_laid_cells(mosaic), glazes, grout=mosaic.grout, rng=rng, tile_px=tile_px)


def draw_reference(mosaic: Mosaic, *, long_side_px: int) -> Image:
    """Draw a mosaic on its wall, from the front in even light.

    Args:
        mosaic: The mosaic.
        long_side_px: Longer side of the image.

    Returns:
        RGB. The mosaic fills most of the image.
    """
    import numpy as np

    rows, columns = _laid_cells(mosaic).shape
    longer, shorter = max(rows, columns), min(rows, columns)
    short_side_px = round(long_side_px * max(0.75, shorter / longer))
    size = (long_side_px, short_side_px) if columns > rows else (short_side_px, long_side_px)
    cutout = draw_cutout(mosaic, tile_px=long_side_px // longer)
    image = draw_wall(mosaic.wall, np.random.default_rng([mosaic.seed, 1]), size)
    image.paste(cutout, ((size[0] - cutout.width) // 2, (size[1] - cutout.height) // 2), cutout)
    return image


def _laid_cells(mosaic: Mosaic) -> NDArray[np.uint8]:
    """Return the cells with the panel, if any, and a margin of one empty cell."""
    import numpy as np

    cells = mosaic.figure.cells
    if mosaic.panel is not None:
        framed = np.pad(cells, 1)
        cells = np.where(framed == 0, _PANEL, framed).astype(np.uint8)
    return np.pad(cells, 1)


def _brightness(glaze: str) -> float:
    red, green, blue = GLAZES[glaze]
    return 0.3 * red + 0.59 * green + 0.11 * blue
