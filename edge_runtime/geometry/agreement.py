"""Which points of a reference lie in a photo as they would if the photo showed that flat picture.

A newcomer would count similar points. Two labels share letters; only points whose places agree under one perspective
view are evidence, and only above what chance brings: see `LEAST_POINTS`.

Source of the estimate: D. Barath et al., "MAGSAC++, a Fast, Reliable and Accurate Robust Estimator", CVPR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.geometry.library import load_opencv

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.geometry.points import Points

LEAST_POINTS = 8
_RATIO = 0.8  # of the distances to the nearest and the second nearest descriptor; Lowe's
_TOLERANCE = 0.01  # of the photo's longer side: how far from its place a point may lie; things are not quite flat
_LEAST_TOLERANCE_PX = 3.0
_LEAST_AREA = 1e-3  # of the photo that the outline of the reference must cover
_CONFIDENCE, _MOST_ITERATIONS = 0.999, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Points of a photo and a reference that agree under one perspective view.

    Attributes:
        in_photo: float32 [n, 2], at least `LEAST_POINTS` positions, in the photo's pixels.
        in_reference: float32 [n, 2], the same points in the reference's pixels.
        outline: float32 [4, 2], where the reference's corners lie in the photo: top left, top right, bottom right,
            bottom left; perhaps outside of it.
    """

    in_photo: NDArray[np.float32]
    in_reference: NDArray[np.float32]
    outline: NDArray[np.float32]

    @property
    def count(self) -> int:
        """How many points agree."""
        return len(self.in_photo)


def find_agreement(photo: Points, reference: Points) -> Agreement | None:
    """Return what agrees between a photo and a reference; None for nothing, or no more than chance brings.

    The same points give the same answer.
    """
    import numpy as np

    pairs = _similar(reference, photo)
    if len(pairs) < LEAST_POINTS:
        return None
    in_reference, in_photo = reference.positions[pairs[:, 0]], photo.positions[pairs[:, 1]]
    opencv = load_opencv()
    tolerance_px = max(_LEAST_TOLERANCE_PX, _TOLERANCE * max(photo.size))
    # Threads share nothing here: each call of USAC has its own random generator, always with the same seed.
    view, agrees = opencv.findHomography(
        in_reference,
        in_photo,
        opencv.USAC_MAGSAC,
        tolerance_px,
        confidence=_CONFIDENCE,
        maxIters=_MOST_ITERATIONS,
    )
    if view is None or not np.isfinite(view).all():
        return None
    kept = agrees.ravel() != 0
    if kept.sum() < LEAST_POINTS:
        return None
    outline = _outline(view, reference.size)
    if outline is None or not _is_possible(outline, photo.size):
        return None
    return Agreement(in_photo=in_photo[kept], in_reference=in_reference[kept], outline=outline)


def _similar(reference: Points, photo: Points) -> NDArray[np.intp]:
    """Return pairs of indices, [n, 2], of points whose descriptors are alike and like no other.

    Each place is in one pair at most: a detector describes a corner once for every direction that it may have, and
    that makes no more evidence of it.
    """
    import numpy as np

    if len(reference.positions) < LEAST_POINTS or len(photo.positions) < LEAST_POINTS:
        return np.empty((0, 2), np.intp)
    squared = np.maximum(2 - 2 * reference.descriptors @ photo.descriptors.T, 0)
    rows = np.arange(len(squared))
    nearest = squared.argmin(axis=1)
    best = squared[rows, nearest]
    squared[rows, nearest] = np.inf
    clear = best < _RATIO**2 * squared.min(axis=1)
    # Where several claim one place, the most similar has it.
    claims = np.flatnonzero(clear)[np.argsort(best[clear], kind="stable")]
    claims = claims[_first_at_each_place(photo.positions[nearest[claims]])]
    claims = claims[_first_at_each_place(reference.positions[claims])]
    return np.stack([claims, nearest[claims]], axis=1)


def _first_at_each_place(positions: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the indices, rising, of those that have no equal before them."""
    import numpy as np

    _, first = np.unique(positions, axis=0, return_index=True)
    return np.sort(first)


def _outline(view: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return where the corners of a picture come to lie, float32 [4, 2]; None if some lie behind the camera."""
    import numpy as np

    right, bottom = size[0] - 0.5, size[1] - 0.5  # a pixel's centre is a whole number: the picture begins half before
    corners = np.array([[-0.5, -0.5, 1], [right, -0.5, 1], [right, bottom, 1], [-0.5, bottom, 1]])
    seen = corners @ view.T
    if (seen[:, 2] * seen[0, 2] <= 0).any():
        return None
    outline: NDArray[np.float32] = (seen[:, :2] / seen[:, 2:]).astype(np.float32)
    return outline


def _is_possible(outline: NDArray[np.float32], photo_size: tuple[int, int]) -> bool:
    """Return whether a camera can see a picture so: convex, not mirrored, and not too small to see."""
    import numpy as np

    edges = np.roll(outline, -1, axis=0) - outline
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    x, y = outline[:, 0].astype(np.float64), outline[:, 1].astype(np.float64)
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    return bool((turns > 0).all()) and area >= _LEAST_AREA * photo_size[0] * photo_size[1]
