"""Scores of references for genuine, left-out and drawn photos."""

from __future__ import annotations

import numpy as np

from edge_identify.convert.calibrating.calibration_photos import CalibrationPhotos
from edge_identify.convert.calibrating.photo_scores import score_photos
from edge_identify.edge_runtime.search.vector_search import Neighbours, best_neighbours

ROWS = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], dtype=np.float32)
REFERENCE_IDS = {1: "a", 2: "b", 3: "a", 4: "c"}


class Exact:
    """An exact search that returns all rows."""

    asked = 0

    def nearest(self, queries: np.ndarray, k: int) -> Neighbours:
        self.asked = k
        scores = queries @ ROWS.T
        return best_neighbours(np.broadcast_to(np.arange(1, 5), scores.shape), scores, k)


def test_a_photo_counts_once_with_and_once_without_its_reference() -> None:
    photos = CalibrationPhotos(inputs=(), reference_ids=("a", "c", None), difficulties=(0.5, 1.5, 1.0))
    embeddings = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    search = Exact()

    scored = score_photos(photos, embeddings[:, None], search, reference_ids=REFERENCE_IDS, most_images_per_reference=2)

    assert search.asked == 42  # 20 neighbours and the right one, each with two images
    first, second = scored.genuine
    assert np.allclose(first.scores, (1, 0.8, 0))
    assert (first.right, first.difficulty) == (0, 0.5)
    assert (second.right, second.difficulty) == (2, 1.5)
    assert np.allclose(scored.left_out[0].scores, (0.8, 0))  # both images of `a` are gone
    assert np.allclose(scored.left_out[1].scores, (1, 0.8))
    assert scored.left_out[0].right is None
    assert [np.allclose(photo.scores, (1, 0.8, 0.6)) for photo in scored.drawn] == [True]
