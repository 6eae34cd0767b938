"""Scores and points of photos that were never taken, drawn from known distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_identify.convert.calibrating.scored_photos import NEIGHBOURS, ScoredPhoto, ScoredPhotos
from edge_identify.edge_runtime.decisions.calibration import Calibration

BY_SIMILARITY = Calibration(
    measured_with="onnx-int8",
    neighbours=20,
    score_weight=6.0,
    contrast_weight=4.0,
    margin_weight=8.0,
    intercept=-4.0,
    temperature=0.05,
    accept=0.5,
    least_share=0.6,
    false_accept_rate=0.05,
    genuine_count=100,
    impostor_count=100,
    false_accepts=0.02,
    true_accepts=0.9,
)


def drawn_scores(
    seed: int = 1,
    count: int = 300,
    references: int = 30,
    *,
    strangers: int = 100,
    lift: float = 0.25,
    points: float | None = None,
) -> ScoredPhotos:
    """Draw scores of photos with and without their own reference, and of photos of other things.

    Args:
        seed: Seed of all numbers.
        count: Number of genuine photos.
        references: Number of references in the pack, less one.
        strangers: Number of photos of other things.
        lift: How much higher the right reference scores on average.
        points: Average number of points that agree with the right reference; None for photos that are not compared.
    """
    rng = np.random.default_rng(seed)
    genuine, siblings = [], []
    for at in range(count):
        others = np.sort(rng.normal(0.3, 0.1, references))[::-1]
        own = rng.normal(0.3 + lift, 0.12)
        scores = np.sort(np.append(others, own))[::-1]
        right = int((scores > own).sum())
        agreeing = None if points is None else rng.poisson(3, references + 1)
        without = None
        if agreeing is not None and points is not None:
            agreeing[right] = rng.poisson(points * rng.uniform())
            without = np.delete(agreeing, right)
        difficulty, is_realistic = rng.uniform(0.5, 2), at % 3 > 0
        genuine.append(_photo(scores, agreeing, right, difficulty, is_realistic=is_realistic))
        siblings.append(_photo(others, without, None, difficulty, is_realistic=is_realistic))
    return ScoredPhotos(
        genuine=genuine,
        siblings=siblings,
        strangers=[
            _photo(
                np.sort(rng.normal(0.2, 0.1, references))[::-1],
                None if points is None else rng.poisson(2, references),
            )
            for _ in range(strangers)
        ],
    )


def _photo(
    scores: np.ndarray,
    points: np.ndarray | None,
    right: int | None = None,
    difficulty: float = 1.0,
    *,
    is_realistic: bool = True,
) -> ScoredPhoto:
    most = NEIGHBOURS + 1
    return ScoredPhoto(
        scores=tuple(scores[:most].tolist()),
        points=None if points is None else tuple(points[:most].tolist()),
        right=right if right is not None and right < most else None,
        difficulty=difficulty,
        is_realistic=is_realistic,
    )


def thirds(photos: Sequence[ScoredPhoto]) -> list[list[ScoredPhoto]]:
    """Split a number of photos that 3 divides by their difficulty."""
    ranked, size = sorted(photos, key=lambda photo: photo.difficulty), len(photos) // 3
    return [ranked[:size], ranked[size : 2 * size], ranked[2 * size :]]
