"""Scores of references for genuine photos, siblings and strangers."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from edge_identify.convert.calibrating.calibration_photos import CalibrationPhoto
from edge_identify.convert.calibrating.photo_scores import Candidate, rank_candidates, score_photos
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


def photo(reference_id: str | None, difficulty: float = 1.0, *, is_realistic: bool = True) -> CalibrationPhoto:
    return CalibrationPhoto(
        key="",
        draw=lambda: PIL.Image.new("RGB", (1, 1)),
        reference_id=reference_id,
        difficulty=difficulty,
        is_realistic=is_realistic,
    )


PHOTOS = [photo("a", 0.5, is_realistic=False), photo("c", 1.5), photo(None)]


@pytest.fixture
def candidates() -> list[list[Candidate]]:
    embeddings = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    return rank_candidates(embeddings[:, None], Exact(), reference_ids=REFERENCE_IDS, most_images_per_reference=2)


def test_the_nearest_references_are_ranked_once_each_by_their_best_image(candidates: list[list[Candidate]]) -> None:
    assert [(each.reference_id, each.index_id) for each in candidates[0]] == [("a", 1), ("b", 2), ("c", 4)]
    assert [(each.reference_id, each.index_id) for each in candidates[2]] == [("c", 4), ("a", 3), ("b", 2)]
    assert np.allclose([each.score for each in candidates[2]], (1, 0.8, 0.6))


def test_enough_rows_are_searched_for_one_reference_more_than_a_decision_uses() -> None:
    search = Exact()

    rank_candidates(np.array([[[1, 0]]], np.float32), search, reference_ids=REFERENCE_IDS, most_images_per_reference=2)

    assert search.asked == 42  # 20 neighbours and the right one, each with two images


def test_a_photo_counts_once_with_and_once_without_its_reference(candidates: list[list[Candidate]]) -> None:
    scored = score_photos(PHOTOS, candidates)

    first, second = scored.genuine
    assert np.allclose(first.scores, (1, 0.8, 0))
    assert (first.right, first.difficulty, first.is_realistic) == (0, 0.5, False)
    assert (second.right, second.difficulty, second.is_realistic) == (2, 1.5, True)
    assert np.allclose(scored.siblings[0].scores, (0.8, 0))  # both images of `a` are gone
    assert np.allclose(scored.siblings[1].scores, (1, 0.8))
    assert scored.siblings[0].right is None
    assert scored.siblings[0].difficulty == 0.5
    assert [np.allclose(photo.scores, (1, 0.8, 0.6)) for photo in scored.strangers] == [True]
    assert {photo.points for kind in scored.kinds() for photo in kind} == {None}


def test_points_go_with_the_image_that_was_compared(candidates: list[list[Candidate]]) -> None:
    scored = score_photos(PHOTOS, candidates, [{1: 30, 2: 5, 4: 1}, None, {4: 7, 3: 2}])

    assert [photo.points for photo in scored.genuine] == [(30, 5, 1), None]
    assert [photo.points for photo in scored.siblings] == [(5, 1), None]
    assert [photo.points for photo in scored.strangers] == [(7, 2, 0)]
    assert [len(kind) for kind in scored.with_points().kinds()] == [1, 1, 1]


def test_a_reference_that_was_not_found_is_right_nowhere(candidates: list[list[Candidate]]) -> None:
    scored = score_photos([photo("z")], candidates[:1])

    assert scored.genuine[0].right is None
    assert scored.siblings[0].scores == scored.genuine[0].scores
