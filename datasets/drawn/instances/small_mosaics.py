"""Small drawn street mosaics for training: quick to draw (about a hundred a second) and of many styles.

`datasets.drawn.demo.demo_mosaics` draws larger and more detailed ones. The wall belongs to a mosaic: its photo shows
the wall of its reference image, and two mosaics of one design on two walls are two references.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.colours import choose_palette, shifted
from edge_identify.datasets.drawn.instances.pixel_art import COLOURS, draw_design, with_few_changed, with_panel
from edge_identify.datasets.drawn.textures import as_image, draw_surface
from edge_identify.datasets.drawn.walls import WallKind, choose_wall, draw_wall

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.drawn.instances.pixel_art import Cells, Images

_CELL_PX = 8
_GROUT_TONES = (30, 60, 90, 130, 160, 200, 225)


@dataclass(frozen=True, slots=True, kw_only=True)
class TiledDesign:
    """A mosaic without its wall.

    Attributes:
        cells: Palette indices, uint8 [rows, columns]; 0 is the bare wall.
        palette: float32 [COLOURS + 1, 3], RGB, 0 to 255; the first row is not used.
        grout: Brightness of the grout, 0 to 255.
        grout_strength: Opacity of the grout, 0 to 1.
    """

    cells: Cells
    palette: NDArray[np.float32]
    grout: int
    grout_strength: float


def choose_tiled_design(rng: np.random.Generator, images: Images) -> TiledDesign:
    """Choose a design with its colours; `images` as for `draw_design`."""
    cells = draw_design(rng, images)
    return TiledDesign(
        cells=with_panel(rng, cells) if rng.uniform() < 0.55 else cells,
        palette=choose_palette(rng, COLOURS + 1),
        grout=int(rng.choice(_GROUT_TONES)),
        grout_strength=float(rng.uniform(0.1, 0.85)),
    )


def choose_look_alike(rng: np.random.Generator, design: TiledDesign, images: Images) -> TiledDesign:
    """Choose a look-alike: the same figure, the same colours, or both except for a few tiles."""
    choice = rng.uniform()
    if choice < 0.35:
        return replace(design, palette=choose_palette(rng, COLOURS + 1))
    # Rare: in many photos the different tile is cut off, covered or blurred, and such pairs add label noise.
    if choice < 0.5:
        return choose_near_twin(rng, design)
    if choice < 0.65:
        return design  # the same design on another wall
    return replace(choose_tiled_design(rng, images), palette=design.palette, grout=design.grout)


def choose_near_twin(rng: np.random.Generator, design: TiledDesign) -> TiledDesign:
    """Choose a mosaic with one colour changed, or one to five tiles."""
    import numpy as np

    if rng.uniform() < 0.5:
        return replace(design, cells=with_few_changed(rng, design.cells))
    palette = design.palette.copy()
    used = np.unique(design.cells[design.cells > 0])
    number = int(rng.choice(used))
    palette[number] = shifted(rng, palette[number])
    return replace(design, palette=palette)


def draw_tiled(rng: np.random.Generator, design: TiledDesign, *, side_px: int, images: Images) -> NDArray[np.uint8]:
    """Draw the mosaic on a wall.

    Args:
        rng: Random generator of the wall, the irregularities and the place.
        design: The mosaic.
        side_px: Side of the image.
        images: Some walls are pieces of these images; may be empty.

    Returns:
        uint8 [side, side, 3], RGB.
    """
    import numpy as np

    image = _draw_behind(rng, side_px, images)
    tiles, mask = _lay(rng, design, long_side_px=int(side_px * rng.uniform(0.6, 0.97)))
    left, top = (int(rng.uniform(0.2, 0.8) * (side_px - side)) for side in tiles.size)
    image.paste(tiles, (left, top), mask)
    return np.asarray(image)


def _draw_behind(rng: np.random.Generator, side_px: int, images: Images) -> Image:
    import PIL.Image
    from PIL.Image import Resampling

    choice = rng.uniform()
    if choice < 0.2 and len(images):
        image = PIL.Image.fromarray(images[int(rng.integers(len(images)))])
        left, top = rng.uniform(0, 0.4, 2) * image.size
        box = (left, top, left + 0.6 * image.width, top + 0.6 * image.height)
        return image.resize((side_px, side_px), Resampling.BICUBIC, box=box)
    if choice < 0.45:
        return draw_surface(rng, (side_px, side_px))
    return draw_wall(choose_wall(rng, list(WallKind)[int(rng.integers(len(WallKind)))]), rng, (side_px, side_px))


def _lay(rng: np.random.Generator, design: TiledDesign, *, long_side_px: int) -> tuple[Image, Image]:
    """Return the tiles and their mask."""
    import numpy as np
    import PIL.Image
    from PIL.Image import Resampling

    rows, columns = design.cells.shape
    tints = 1 + rng.normal(0, rng.uniform(0.01, 0.1), (rows, columns, 1)) + rng.normal(0, 0.012, (rows, columns, 3))
    coloured = design.palette[design.cells] * tints
    pixels = coloured.repeat(_CELL_PX, axis=0).repeat(_CELL_PX, axis=1)
    lines = np.zeros((*pixels.shape[:2], 1), dtype=np.float32)
    lines[::_CELL_PX] = lines[:, ::_CELL_PX] = design.grout_strength
    pixels = pixels * (1 - lines) + design.grout * lines
    filled = (design.cells > 0).astype(np.uint8) * 255
    mask = PIL.Image.fromarray(filled.repeat(_CELL_PX, axis=0).repeat(_CELL_PX, axis=1))
    scale = long_side_px / max(mask.size)
    size = (max(4, round(mask.width * scale)), max(4, round(mask.height * scale)))
    return as_image(pixels.astype(np.float32)).resize(size, Resampling.BOX), mask.resize(size, Resampling.BOX)
