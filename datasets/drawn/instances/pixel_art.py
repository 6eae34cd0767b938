"""Designs in cells: creatures, scenes and patterns, as in mosaics and pixel art.

A design is uint8, shape [rows, columns]. 0 is empty (wall or panel), other values are palette indices. Street art has
more than creatures: also scenes from images, letters, stripes and groups of figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Cells = NDArray[np.uint8]
    Images = Sequence[NDArray[np.uint8]]

COLOURS = 6  # a design uses the palette indices 1 to 6


def draw_design(rng: np.random.Generator, images: Images) -> Cells:
    """Draw a design of 7 to 34 rows and columns.

    Args:
        rng: Random generator.
        images: uint8 [height, width, 3] each, sides of at least 32 pixels, for scenes; may be empty.
    """
    import numpy as np

    choice = rng.uniform()
    if choice < 0.12 and len(images):
        return _scene(rng, images[int(rng.integers(len(images)))])
    if choice < 0.22:
        return _several(rng)
    cells = _creature(rng)
    if rng.uniform() < 0.15:
        cells = np.where(rng.uniform(size=cells.shape) < 0.04, rng.integers(0, COLOURS + 1, cells.shape), cells)
    return cells.astype(np.uint8)


def with_panel(rng: np.random.Generator, cells: Cells) -> Cells:
    """Put a panel behind a design: plain, framed, striped, checked or with rays."""
    import numpy as np

    margins = [(int(a), int(b)) for a, b in rng.integers(1, 4, (2, 2))]
    wide = np.pad(cells, margins)
    y, x = np.mgrid[0 : wide.shape[0], 0 : wide.shape[1]]
    first, second = (int(value) for value in rng.choice(np.arange(1, COLOURS + 1), 2, replace=False))
    middle = np.array(wide.shape) / 2
    turns = np.arctan2(y - middle[0], x - middle[1]) * rng.integers(3, 8) / np.pi
    patterns = (y % 2 == 0, (x + y) % 2 == 0, turns.astype(int) % 2 == 0, y < rng.integers(2, wide.shape[0]))
    second_here = patterns[int(rng.integers(len(patterns)))] if rng.uniform() < 0.3 else np.zeros(wide.shape, bool)
    panel = np.where(second_here, second, first)
    if rng.uniform() < 0.25:
        rim = (y == 0) | (x == 0) | (y == wide.shape[0] - 1) | (x == wide.shape[1] - 1)
        panel = np.where(rim, second, panel)
    return np.where(wide > 0, wide, panel).astype(np.uint8)


def with_few_changed(rng: np.random.Generator, cells: Cells) -> Cells:
    """Return the design with one to five filled cells changed: a near twin."""
    import numpy as np

    changed = cells.copy()
    filled = np.argwhere(cells > 0)
    for row, column in filled[rng.choice(len(filled), min(len(filled), int(rng.integers(1, 6))), replace=False)]:
        changed[row, column] = (cells[row, column] + rng.integers(1, COLOURS)) % (COLOURS + 1)
    return changed


def _creature(rng: np.random.Generator) -> Cells:
    """Draw a solid symmetric body with a pattern, legs and eyes."""
    import numpy as np

    rows, half_columns = int(rng.integers(7, 19)), int(rng.integers(4, 11))
    y, x = np.mgrid[0:rows, 0:half_columns]
    from_middle = (half_columns - 1 - x) / half_columns
    from_waist = np.abs(y / (rows - 1) - rng.uniform(0.3, 0.65)) * 2
    chance = rng.uniform(1.1, 1.6) - from_middle ** rng.uniform(0.8, 2.5) - 0.7 * from_waist ** rng.uniform(0.8, 3)
    half = (rng.uniform(size=(rows, half_columns)) < chance).astype(np.uint8)
    _paint_pattern(rng, half)
    for column in rng.integers(0, half_columns, int(rng.integers(0, 4))):
        half[rows // 2 :, column] = half[rows // 2, column] = 1
    _add_eyes(rng, half)
    mirrored = half[:, ::-1]
    return np.concatenate([half, mirrored[:, 1:] if rng.uniform() < 0.5 else mirrored], axis=1)


def _paint_pattern(rng: np.random.Generator, half: Cells) -> None:
    import numpy as np

    y, x = np.mgrid[0 : half.shape[0], 0 : half.shape[1]]
    for colour in range(2, int(rng.integers(2, 5))):
        first, width = int(rng.integers(0, half.shape[0])), int(rng.integers(1, 5))
        patterns = (
            (y >= first) & (y < first + width),
            x >= half.shape[1] - width,
            (x + y) % 3 == 0,
            rng.uniform(size=half.shape) < 0.2,
        )
        half[patterns[int(rng.integers(len(patterns)))] & (half > 0)] = colour


def _add_eyes(rng: np.random.Generator, half: Cells) -> None:
    if rng.uniform() < 0.2:
        return
    row, column = int(rng.integers(1, half.shape[0] // 2)), int(rng.integers(0, half.shape[1] - 1))
    tall, wide = (int(value) for value in rng.integers(1, 4, 2))
    half[row : row + tall, column : column + wide] = rng.choice([0, 5])
    if rng.uniform() < 0.5:
        half[row + tall // 2, min(column + wide // 2, half.shape[1] - 1)] = 6


def _several(rng: np.random.Generator) -> Cells:
    """Put two to four figures side by side or on top of each other, equal or different."""
    import numpy as np

    first = _creature(rng)
    down = bool(rng.integers(2))
    repeated = rng.uniform() < 0.5
    figures = [first] + [first if repeated else _creature(rng) for _ in range(int(rng.integers(1, 3)))]
    rows, columns = max(f.shape[0] for f in figures), max(f.shape[1] for f in figures)
    padded = [np.pad(f, ((1, rows - f.shape[0]), (1, columns - f.shape[1]))) for f in figures]
    return np.concatenate(padded, axis=0 if down else 1).astype(np.uint8)


def _scene(rng: np.random.Generator, image: NDArray[np.uint8]) -> Cells:
    """Reduce a piece of an image to few cells and palette indices, by brightness."""
    import numpy as np
    from PIL import Image
    from PIL.Image import Resampling

    rows, columns = (int(value) for value in rng.integers(10, 26, 2))
    grey = Image.fromarray(image).convert("L").resize((columns, rows), Resampling.BOX)
    values = np.asarray(grey, dtype=np.float32)
    limits = np.quantile(values, np.linspace(0, 1, int(rng.integers(4, COLOURS + 2)))[1:-1])
    return (np.digitize(values, limits) + 1).astype(np.uint8)
