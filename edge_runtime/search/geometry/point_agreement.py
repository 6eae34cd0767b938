"""Points of a reference and a photo that agree under one homography, as if the photo showed a flat image.

Similar points alone are no evidence: two labels share letters. Points count only if their positions agree under one
perspective view (RANSAC), and if they are more than chance gives; see `LEAST_POINTS`.

Source of the estimator: D. Barath et al., "MAGSAC++, a Fast, Reliable and Accurate Robust Estimator", CVPR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.search.geometry.homography import fit_homography
from edge_identify.edge_runtime.search.geometry.matching import mutual_pairs
from edge_identify.edge_runtime.search.geometry.opencv import load_opencv

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.search.geometry.points import Points

LEAST_POINTS = 8  # a homography fits any four pairs exactly; a few more agree by chance
_RATIO = 0.8  # Lowe's ratio test: distance to the nearest descriptor over that to the second nearest
_TOLERANCE = 0.01  # inlier threshold as a share of the photo's longer side; real things are not quite flat
_LEAST_TOLERANCE_PX = 3.0
_LEAST_AREA = 1e-3  # least area of the reference's outline as a share of the photo
_CONFIDENCE, _MOST_ITERATIONS = 0.999, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Points of a photo and a reference that agree under one homography.

    Attributes:
        in_photo: float32 [n, 2], at least `LEAST_POINTS` positions, in the photo's pixels.
        in_reference: float32 [n, 2], the same points in the reference's pixels.
        outline: float32 [4, 2], the reference's corners in the photo's pixels: top left, top right, bottom right,
            bottom left. They may lie outside the photo.
    """

    in_photo: NDArray[np.float32]
    in_reference: NDArray[np.float32]
    outline: NDArray[np.float32]

    @property
    def count(self) -> int:
        """Number of agreeing points."""
        return len(self.in_photo)


def find_agreement(photo: Points, reference: Points) -> Agreement | None:
    """Return the agreeing SIFT points of a photo and a reference; None if they are fewer than `LEAST_POINTS`.

    None is also returned if the homography is impossible for a camera. The same points give the same answer.

    Raises:
        SetupError: OpenCV is not installed.
    """
    pairs = _similar(reference, photo)
    if len(pairs) < LEAST_POINTS:
        return None
    in_reference, in_photo = reference.positions[pairs[:, 0]], photo.positions[pairs[:, 1]]
    opencv = load_opencv()
    # Safe in threads and repeatable: each call of USAC has its own random generator with a fixed seed.
    view, agrees = opencv.findHomography(
        in_reference,
        in_photo,
        opencv.USAC_MAGSAC,
        _tolerance_px(photo),
        confidence=_CONFIDENCE,
        maxIters=_MOST_ITERATIONS,
    )
    if view is None:
        return None
    return _agreement(photo, reference, pairs[agrees.ravel() != 0], view)


def find_net_agreement(photo: Points, reference: Points, *, least_similarity: float) -> Agreement | None:
    """Return the agreeing points of the local-feature net; otherwise as `find_agreement`, without OpenCV.

    Args:
        photo: The photo's points.
        reference: The reference's points.
        least_similarity: Cosine similarity that a pair of descriptors exceeds.
    """
    pairs = mutual_pairs(reference, photo, least_similarity)
    if len(pairs) < LEAST_POINTS:
        return None
    fitted = fit_homography(
        reference.positions[pairs[:, 0]], photo.positions[pairs[:, 1]], tolerance=_tolerance_px(photo)
    )
    if fitted is None:
        return None
    view, agrees = fitted
    return _agreement(photo, reference, pairs[agrees], view)


def _tolerance_px(photo: Points) -> float:
    return max(_LEAST_TOLERANCE_PX, _TOLERANCE * max(photo.size))


def _agreement(
    photo: Points, reference: Points, pairs: NDArray[np.intp], view: NDArray[np.float64]
) -> Agreement | None:
    """Return the agreement of pairs (reference point, photo point) under a homography; None if it is no evidence."""
    import numpy as np

    if len(pairs) < LEAST_POINTS or not np.isfinite(view).all():
        return None
    outline = _outline(view, reference.size)
    if outline is None or not _is_possible(outline, photo.size):
        return None
    return Agreement(
        in_photo=photo.positions[pairs[:, 1]], in_reference=reference.positions[pairs[:, 0]], outline=outline
    )


def _similar(reference: Points, photo: Points) -> NDArray[np.intp]:
    """Return pairs (reference point, photo point), intp [n, 2], that pass the ratio test.

    Each position is in at most one pair: SIFT may describe one corner several times, once for each orientation, which
    is no further evidence.
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
    # If several points match one position, the most similar one is kept.
    claims = np.flatnonzero(clear)[np.argsort(best[clear], kind="stable")]
    claims = claims[_first_at_each_place(photo.positions[nearest[claims]])]
    claims = claims[_first_at_each_place(reference.positions[claims])]
    return np.stack([claims, nearest[claims]], axis=1)


def _first_at_each_place(positions: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the rising indices of the first occurrence of each position."""
    import numpy as np

    _, first = np.unique(positions, axis=0, return_index=True)
    return np.sort(first)


def _outline(view: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return an image's corners under a homography, float32 [4, 2]; None if some lie behind the camera."""
    import numpy as np

    right, bottom = size[0] - 0.5, size[1] - 0.5  # pixel centres are whole numbers, so the image begins at -.5
    corners = np.array([[-0.5, -0.5, 1], [right, -0.5, 1], [right, bottom, 1], [-0.5, bottom, 1]])
    seen = corners @ view.T
    if (seen[:, 2] * seen[0, 2] <= 0).any():
        return None
    outline: NDArray[np.float32] = (seen[:, :2] / seen[:, 2:]).astype(np.float32)
    return outline


def _is_possible(outline: NDArray[np.float32], photo_size: tuple[int, int]) -> bool:
    """Return whether a camera can produce this outline: convex, not mirrored, and not too small."""
    import numpy as np

    edges = np.roll(outline, -1, axis=0) - outline
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    x, y = outline[:, 0].astype(np.float64), outline[:, 1].astype(np.float64)
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    return bool((turns > 0).all()) and area >= _LEAST_AREA * photo_size[0] * photo_size[1]
