"""Points are paired if each is the other's nearest, and similar enough."""

from __future__ import annotations

import numpy as np

from edge_identify.edge_runtime.search.geometry.matching import mutual_pairs
from edge_identify.edge_runtime.search.geometry.points import Points


def points(descriptors: list[list[float]]) -> Points:
    rows = np.array(descriptors, np.float32).reshape(-1, 3)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    positions = np.arange(2 * len(rows), dtype=np.float32).reshape(-1, 2)
    return Points(size=(100, 100), positions=positions, descriptors=rows)


def test_only_mutual_nearest_points_are_paired_the_most_similar_first() -> None:
    reference = points([[1, 0, 0], [1, 0.1, 0], [0, 1, 0.3], [0, 0, 1]])
    photo = points([[0, 1, 0], [1, 0.12, 0], [0, 0, 1]])

    assert mutual_pairs(reference, photo, 0.8).tolist() == [[3, 2], [1, 1], [2, 0]]


def test_a_pair_below_the_least_similarity_is_none() -> None:
    reference, photo = points([[1, 0, 0], [0, 1, 0.3]]), points([[1, 0, 0], [0, 1, 0]])

    assert mutual_pairs(reference, photo, 0.96).tolist() == [[0, 0]]


def test_equal_descriptors_are_paired_once() -> None:
    same = points([[1, 0, 0], [1, 0, 0], [1, 0, 0]])

    assert len(mutual_pairs(same, same, 0.5)) == 1


def test_no_points_give_no_pairs() -> None:
    nothing, something = points([]), points([[1, 0, 0]])

    for one, other in ((nothing, something), (something, nothing), (nothing, nothing)):
        assert mutual_pairs(one, other, 0.5).shape == (0, 2)
