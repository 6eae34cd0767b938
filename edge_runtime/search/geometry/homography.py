"""A homography from pairs of points of which many are wrong: RANSAC in numpy, repeatable in any language.

Samples of four pairs come from a counter that is hashed, not from a library's generator:

    hash(k):   k ^= k >> 16;  k *= 0x7feb352d;  k ^= k >> 15;  k *= 0x846ca68b;  k ^= k >> 16   (32-bit, unsigned)
    index of pair j of sample s:   (hash(4 s + j + 1) * n) >> 32,   j = 0 to 3, n pairs

A sample is used if its indices differ, and if no camera would mirror or fold it. Each homography is scored by
sum(max(0, 1 - r^2 / t^2)), r the distance in the target, t the tolerance. The best ones are refitted to their inliers.

Sources: the score is that of P. Torr and A. Zisserman, "MLESAC", CVIU 78 (1), 2000 (MSAC); the refit that of O. Chum et
al., "Locally Optimized RANSAC", DAGM 2003; the hash is C. Wellons' `lowbias32`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLE = 4
_ROUNDS = ((0, 128), (128, 512), (512, 2048))  # samples drawn at once; most pairs of images need the first ones only
_CONFIDENCE = 0.999
_REFITTED = 3  # homographies of a round; with 1, 4 % of the counts that reach 12 fell below it
_WIDENINGS = (4.0, 1.0)  # of the squared tolerance in successive refits
_LEAST_DETERMINANT = 1e-6  # of a triangle in a unit square; smaller ones are nearly on one line


def fit_homography(
    source: NDArray[np.float32], target: NDArray[np.float32], tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Return the homography that most pairs agree with.

    Args:
        source: float32 [n, 2], positions.
        target: float32 [n, 2], the other positions of the pairs.
        tolerance: Largest distance of an inlier in the target.

    Returns:
        The homography, float64 [3, 3], with a positive third coordinate at the inliers, and which pairs agree with it,
        bool [n]. None if no sample gives a homography.
    """
    count = len(source)
    if count < _SAMPLE:
        return None
    from_source, source_unit = _unit(source)
    to_target, target_unit = _unit(target)
    limit = (tolerance * to_target[0, 0]) ** 2
    best_score, best = 0.0, None
    for first, end in _ROUNDS:
        views = _minimal_views(source_unit, target_unit, _samples(first, end, count))
        if len(views):
            scores = _scores(views, source_unit, target_unit, limit)
            for at in np.argsort(-scores, kind="stable")[:_REFITTED]:
                score, view = _refit(views[at], float(scores[at]), source_unit, target_unit, limit)
                if score > best_score:
                    best_score, best = score, view
        if best is not None and _is_enough(end, best, source_unit, target_unit, limit):
            break
    if best is None:
        return None
    agrees = _squared(best[None], source_unit, target_unit)[0] < limit
    return np.linalg.inv(to_target) @ best @ from_source, agrees


@cache
def _random_numbers(first: int, end: int) -> NDArray[np.uint64]:
    """Return the random numbers of samples `first` to `end`, below 2^32, uint64 [samples, 4]."""
    hashed = np.arange(first * _SAMPLE + 1, end * _SAMPLE + 1, dtype=np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        hashed ^= hashed >> np.uint32(shift)
        hashed *= np.uint32(factor)
    hashed ^= hashed >> np.uint32(16)
    return hashed.astype(np.uint64).reshape(-1, _SAMPLE)


def _samples(first: int, end: int, count: int) -> NDArray[np.intp]:
    """Return samples `first` to `end` of `count` pairs, without those that repeat an index, intp [n, 4]."""
    drawn = (_random_numbers(first, end) * np.uint64(count) >> np.uint64(32)).astype(np.intp)
    repeats = np.zeros(len(drawn), np.bool_)
    for one in range(_SAMPLE):
        for other in range(one):
            repeats |= drawn[:, one] == drawn[:, other]
    return drawn[~repeats]


def _unit(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the similarity that moves points to mean 0 and mean distance 1, and the moved points, float64 [n, 2]."""
    middle = points.mean(axis=0, dtype=np.float64)
    moved = points - middle
    scale = 1 / max(float(np.sqrt((moved * moved).sum(axis=1)).mean()), 1e-9)
    matrix = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])
    return matrix, moved * scale


def _minimal_views(
    source: NDArray[np.float64], target: NDArray[np.float64], samples: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the homographies of the possible samples, float64 [m, 3, 3].

    A quadrangle is the image of the four unit points of the projective plane. So the homography is one such map after
    the inverse of the other. Their weights are determinants of triangles: if a weight has different signs in source
    and target, the sample is mirrored, folded, or partly behind the camera.
    """
    weights_source, weights_target = _weights(source[samples]), _weights(target[samples])
    possible = (
        (weights_source * weights_target > 0)
        & (np.abs(weights_source) > _LEAST_DETERMINANT)
        & (np.abs(weights_target) > _LEAST_DETERMINANT)
    ).all(axis=1)
    samples = samples[possible]
    # Divided by the triangle 123, so that the third coordinate is positive at the points of the sample.
    ratios = weights_target[possible, :3] / weights_source[possible, :3] / weights_source[possible, 3:]
    columns = _homogeneous(target[samples[:, :3]]).transpose(0, 2, 1) * ratios[:, None, :]
    return columns @ _adjugate(source[samples[:, :3]])


def _weights(quads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the determinants of four triangles of quadrangles, float64 [n, 4]: 423, 143, 124 and 123."""
    first, second, third, fourth = (quads[:, at] for at in range(_SAMPLE))
    return np.stack(
        [
            _determinant(fourth, second, third),
            _determinant(first, fourth, third),
            _determinant(first, second, fourth),
            _determinant(first, second, third),
        ],
        axis=1,
    )


def _determinant(
    first: NDArray[np.float64], second: NDArray[np.float64], third: NDArray[np.float64]
) -> NDArray[np.float64]:
    along, across = second - first, third - first
    area: NDArray[np.float64] = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    return area


def _homogeneous(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)


def _adjugate(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the adjugates of matrices whose columns are the corners of triangles, float64 [n, 3, 3]."""
    following, last = triangles[:, [1, 2, 0]], triangles[:, [2, 0, 1]]
    across = following[..., 1] - last[..., 1]
    down = last[..., 0] - following[..., 0]
    return np.stack([across, down, -(across * last[..., 0] + down * last[..., 1])], axis=2)


def _squared(
    views: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the squared distances in the target, float64 [views, n]; infinite for points behind the camera."""
    seen = views @ np.concatenate([source.T, np.ones((1, len(source)))])
    depth = seen[:, 2]
    safe = np.where(depth > 0, depth, np.inf)
    with np.errstate(invalid="ignore"):
        across, down = seen[:, 0] / safe - target[:, 0], seen[:, 1] / safe - target[:, 1]
    squared: NDArray[np.float64] = np.where(depth > 0, across * across + down * down, np.inf)
    return squared


def _scores(
    views: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = np.maximum(1 - _squared(views, source, target) / limit, 0).sum(axis=1)
    return scores


def _refit(
    view: NDArray[np.float64],
    score: float,
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    limit: float,
) -> tuple[float, NDArray[np.float64]]:
    """Return the best of a homography and its refits, with its score."""
    best_score, best = score, view
    for widening in _WIDENINGS:
        refitted = _least_squares(view, source, target, widening * limit)
        if refitted is None:
            break
        view = refitted
        score = float(_scores(view[None], source, target, limit)[0])
        if score > best_score:
            best_score, best = score, view
    return best_score, best


def _least_squares(
    view: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64], limit: float
) -> NDArray[np.float64] | None:
    """Return the homography with the least weighted distances to the inliers; None if they do not determine one."""
    weights = np.maximum(1 - _squared(view[None], source, target)[0] / limit, 0)
    chosen = weights > 0
    if chosen.sum() < _SAMPLE:
        return None
    source, target = source[chosen], target[chosen]
    before = _homogeneous(source)
    weights = np.sqrt(weights[chosen]) / (before @ view[2])  # distances in the target, not times the depth
    equations = np.zeros((2, len(source), 9))
    equations[0, :, 0:3] = equations[1, :, 3:6] = before
    equations[0, :, 6:9], equations[1, :, 6:9] = -before * target[:, :1], -before * target[:, 1:]
    rows = (equations * weights[:, None]).reshape(-1, 9)
    products = rows.T @ rows
    try:
        solved = np.linalg.solve(products[:8, :8], -products[:8, 8])
    except np.linalg.LinAlgError:
        return None
    return np.append(solved, 1.0).reshape(3, 3)


def _is_enough(
    samples: int,
    view: NDArray[np.float64],
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    limit: float,
) -> bool:
    """Return whether a better homography would have been found by now, with `_CONFIDENCE`."""
    share = float((_squared(view[None], source, target)[0] < limit).mean())
    return bool((1 - share**_SAMPLE) ** samples <= 1 - _CONFIDENCE)
