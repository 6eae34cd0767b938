"""Pixel figures: small symmetric creatures.

A creature is a solid body that thins out towards its rim, with eyes and with limbs that touch the body. Independent
random cells would give noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EMPTY, BODY, SECOND, EYE = 0, 1, 2, 3  # values of a cell; SECOND is the pattern on the body


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in cells.

    Attributes:
        cells: uint8, shape [rows, columns]: `EMPTY`, `BODY`, `SECOND` or `EYE`. Symmetric left to right.
    """

    cells: NDArray[np.uint8]


def draw_figure(rng: np.random.Generator) -> Figure:
    """Draw a figure of 8 to 13 rows and 8 to 14 columns.

    Args:
        rng: Random generator.
    """
    import numpy as np

    rows, half_columns = int(rng.integers(8, 14)), int(rng.integers(4, 8))
    body = _grow_body(rng, rows, half_columns)
    half = np.where(body, BODY, EMPTY).astype(np.uint8)
    _paint_pattern(half, rng)
    _add_limbs(half, rng)
    _add_eyes(half, rng)
    shares_middle = bool(rng.integers(2))
    cells = np.concatenate([half, half[:, ::-1][:, 1:] if shares_middle else half[:, ::-1]], axis=1)
    return Figure(_without_empty_rim(cells))


def _grow_body(rng: np.random.Generator, rows: int, half_columns: int) -> NDArray[np.bool_]:
    """Return the left half of a body. Its last column is next to the symmetry axis."""
    import numpy as np

    y, x = np.mgrid[0:rows, 0:half_columns]
    from_middle = (half_columns - 1 - x) / half_columns
    from_waist = np.abs(y / (rows - 1) - rng.uniform(0.35, 0.6)) * 2
    chance = rng.uniform(1.15, 1.5) - from_middle ** rng.uniform(1, 2.5) - 0.75 * from_waist ** rng.uniform(1, 3)
    body: NDArray[np.bool_] = rng.uniform(size=(rows, half_columns)) < chance
    body[rows // 4 : -(rows // 4), -1] = True  # a spine that connects the two halves
    return _touching(body)


def _touching(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the cells that are 4-connected to the spine."""
    import numpy as np

    kept = np.zeros_like(body)
    kept[body.shape[0] // 2, -1] = True
    for _ in range(body.size):
        wider = kept.copy()
        wider[1:] |= kept[:-1]
        wider[:-1] |= kept[1:]
        wider[:, 1:] |= kept[:, :-1]
        wider[:, :-1] |= kept[:, 1:]
        wider &= body
        if (wider == kept).all():
            break
        kept = wider
    return kept


def _paint_pattern(half: NDArray[np.uint8], rng: np.random.Generator) -> None:
    import numpy as np

    y, x = np.mgrid[0 : half.shape[0], 0 : half.shape[1]]
    first, width = int(rng.integers(1, half.shape[0] - 2)), int(rng.integers(1, 4))
    patterns = (
        (y >= first) & (y < first + width),  # a belt
        y >= half.shape[0] - first,  # the lower part
        x >= half.shape[1] - width,  # the middle
        (x + y) % 3 == 0,  # stripes
        rng.uniform(size=half.shape) < 0.2,  # spots
    )
    half[patterns[int(rng.integers(len(patterns)))] & (half == BODY)] = SECOND


def _add_limbs(half: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Add legs below and often antennae above."""
    columns = half.shape[1]
    for _ in range(int(rng.integers(1, 3))):
        _stretch(half, int(rng.integers(0, columns)), int(rng.integers(1, 4)), downwards=True)
    if rng.uniform() < 0.7:
        _stretch(half, int(rng.integers(0, columns)), int(rng.integers(1, 3)), downwards=False)


def _stretch(half: NDArray[np.uint8], column: int, length: int, *, downwards: bool) -> None:
    filled = half[:, column].nonzero()[0]
    if not len(filled):
        return
    start = int(filled[-1] if downwards else filled[0])
    step = 1 if downwards else -1
    for row in range(start, start + step * (length + 1), step):
        if 0 <= row < half.shape[0]:
            half[row, column] = half[start, column]


def _add_eyes(half: NDArray[np.uint8], rng: np.random.Generator) -> None:
    rows, columns = half.shape
    row = int(rng.integers(rows // 4, rows // 2))
    column = int(rng.integers(max(0, columns - 4), columns - 1))
    tall, wide = (int(value) for value in rng.integers(1, 3, 2))
    eye = half[row : row + tall, column : min(column + wide, columns - 1)]
    eye[eye != EMPTY] = EYE


def _without_empty_rim(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = cells.nonzero()
    return cells[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
