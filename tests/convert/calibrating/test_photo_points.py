"""Agreeing points of the calibration's photos: which are compared, and what the cache saves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import PIL.Image

from edge_identify.convert.caching.build_cache import BuildCache
from edge_identify.convert.calibrating.calibration_photos import CalibrationPhoto
from edge_identify.convert.calibrating.photo_points import count_candidate_points
from edge_identify.convert.calibrating.photo_scores import Candidate
from edge_identify.edge_runtime.search.geometry.cascade import CANDIDATES


class Counter:
    """Counts 100 points for the image with index id 1, 200 for 2, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int | None]] = []

    def count_points(self, photo: PIL.Image.Image, index_ids: Sequence[int | None]) -> list[int]:
        self.asked.append(list(index_ids))
        return [100 * (index_id or 0) + photo.width for index_id in index_ids]


def photo(width: int, *, has_points: bool = True) -> CalibrationPhoto:
    return CalibrationPhoto(
        key=f"photo {width}",
        draw=lambda: PIL.Image.new("RGB", (width, 1)),
        reference_id=None,
        has_points=has_points,
    )


def ranked(*index_ids: int) -> list[Candidate]:
    return [Candidate(reference_id=f"r{index_id}", index_id=index_id, score=0.5) for index_id in index_ids]


def count(
    folder: Path, photos: Sequence[CalibrationPhoto], candidates: Sequence[Sequence[Candidate]], net: str = "net"
) -> tuple[list[dict[int, int] | None], list[list[int | None]]]:
    counter = Counter()
    keys = {index_id: f"{net} {index_id}" for index_id in range(30)}
    found = count_candidate_points(photos, candidates, counter, image_key=keys.__getitem__, cache=BuildCache(folder))
    return found, counter.asked


def test_the_first_references_and_one_more_are_compared_where_a_photo_has_points(tmp_path: Path) -> None:
    many = ranked(*range(1, 25))

    found, asked = count(tmp_path, [photo(7), photo(8, has_points=False)], [many, many])

    assert asked == [list(range(1, CANDIDATES + 2))]
    assert found[0] == {index_id: 100 * index_id + 7 for index_id in range(1, CANDIDATES + 2)}
    assert found[1] is None


def test_what_was_counted_before_is_not_counted_again(tmp_path: Path) -> None:
    count(tmp_path, [photo(7)], [ranked(1, 2)])

    found, asked = count(tmp_path, [photo(7), photo(9)], [ranked(2, 3), ranked(2)])

    assert asked == [[3], [2]]
    assert found == [{2: 207, 3: 307}, {2: 209}]


def test_another_net_counts_anew(tmp_path: Path) -> None:
    count(tmp_path, [photo(7)], [ranked(1)])

    assert count(tmp_path, [photo(7)], [ranked(1)], net="other")[1] == [[1]]
