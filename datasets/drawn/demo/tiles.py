"""Tiles in grout: from cells and colours to a cut-out with a shadow.

Hand-laid tiles are irregular: each is rotated and coloured a little differently, its glaze reflects light at the upper
edge, and grout shows between tiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.textures import as_image, smooth_noise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Glaze = tuple[int, int, int]  # red, green, blue

_DRAWN_AT = 2  # supersampling factor, for smooth tile edges
_GAP = 0.09  # grout between two tiles, in cells
_UNEVEN = 0.035  # displacement of tile corners, in cells


def lay_tiles(
    cells: NDArray[np.uint8], glazes: dict[int, Glaze], *, grout: int, rng: np.random.Generator, tile_px: int
) -> Image:
    """Draw tiles in grout.

    Args:
        cells: uint8, shape [rows, columns]; 0 is no tile, other values are keys of `glazes`.
        glazes: The colours.
        grout: Brightness of the grout, 0 to 255.
        rng: Random generator of irregularities. The same state gives the same tiles at every size.
        tile_px: Side of a cell, in pixels.

    Returns:
        RGBA, `tile_px` pixels for each cell: opaque tiles and grout with a shadow, transparent elsewhere.
    """
    import PIL.Image
    from PIL.Image import Resampling

    cell_px = tile_px * _DRAWN_AT
    size = (cells.shape[1] * cell_px, cells.shape[0] * cell_px)
    tiles = PIL.Image.new("RGB", size, (grout, grout, max(0, grout - 6)))
    _draw_each_tile(tiles, cells, glazes, rng, cell_px)
    covered = _grouted(cells, cell_px)
    cutout = PIL.Image.new("RGBA", size, (0, 0, 0, 0))
    cutout.putalpha(_shadow(covered, cell_px))
    cutout.paste(_soiled(tiles, rng), (0, 0), covered)
    return cutout.resize((size[0] // _DRAWN_AT, size[1] // _DRAWN_AT), Resampling.BOX)


def _draw_each_tile(
    image: Image, cells: NDArray[np.uint8], glazes: dict[int, Glaze], rng: np.random.Generator, cell_px: int
) -> None:
    import numpy as np
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    corners = np.array(
        [
            [_GAP / 2, _GAP / 2],
            [1 - _GAP / 2, _GAP / 2],
            [1 - _GAP / 2, 1 - _GAP / 2],
            [_GAP / 2, 1 - _GAP / 2],
        ]
    )
    for row, column in np.argwhere(cells):
        shift = rng.normal(0, _UNEVEN / 2, 2) + rng.normal(0, _UNEVEN / 2, (4, 2))
        tint = 1 + rng.normal(0, 0.055) + rng.normal(0, 0.015, 3)
        colour = np.array(glazes[int(cells[row, column])]) * tint
        points = (corners + shift + [column, row]) * cell_px
        _draw_tile(draw, points, colour, edge_px=max(1, cell_px // 16))


def _draw_tile(draw: ImageDraw, points: NDArray[np.float64], colour: NDArray[np.float64], *, edge_px: int) -> None:
    top_left, top_right, bottom_right, bottom_left = [(float(x), float(y)) for x, y in points]
    draw.polygon([top_left, top_right, bottom_right, bottom_left], fill=_clipped(colour))
    lit, dark = _clipped(colour * 1.12 + 18), _clipped(colour * 0.78)
    draw.line([bottom_left, bottom_right, top_right], fill=dark, width=edge_px)
    draw.line([bottom_left, top_left, top_right], fill=lit, width=edge_px)


def _clipped(colour: NDArray[np.float64]) -> Glaze:
    red, green, blue = (int(min(255, max(0, value))) for value in colour)
    return red, green, blue


def _grouted(cells: NDArray[np.uint8], cell_px: int) -> Image:
    """Return a mask of tiles and grout: the cells and a thin rim around them."""
    import numpy as np
    import PIL.Image
    from PIL import ImageFilter

    mask = PIL.Image.fromarray(np.where(cells, 255, 0).astype(np.uint8))
    grown = mask.resize((cells.shape[1] * cell_px, cells.shape[0] * cell_px), PIL.Image.Resampling.NEAREST)
    # Blur and threshold at zero dilate a mask, much faster than a rank filter.
    return grown.filter(ImageFilter.BoxBlur(max(1, cell_px // 24))).point(lambda value: 255 if value else 0)


def _shadow(covered: Image, cell_px: int) -> Image:
    from PIL import ImageChops, ImageFilter

    soft = covered.filter(ImageFilter.GaussianBlur(cell_px / 6))
    fallen = ImageChops.offset(soft, cell_px // 10, cell_px // 7)
    return fallen.point(lambda alpha: round(alpha * 0.5))


def _soiled(tiles: Image, rng: np.random.Generator) -> Image:
    import numpy as np

    dirt = 1 + smooth_noise(rng, tiles.size, cells=5) * np.float32(0.05)
    return as_image(np.asarray(tiles, dtype=np.float32) * dirt)
