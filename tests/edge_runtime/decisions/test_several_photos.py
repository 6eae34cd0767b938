"""Several photos of one thing: known means, and laws that hold for any photos."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.edge_runtime.decisions.several_photos import mean_scores, middle_position
from edge_identify.edge_runtime.photos.position import Position

SCORES = st.floats(-1, 1)
PHOTOS = st.lists(st.dictionaries(st.sampled_from("abcdefg"), SCORES, min_size=1), min_size=1, max_size=4)


def test_a_reference_has_the_mean_of_its_scores_and_at_most_the_least_where_it_was_not_found() -> None:
    photos = [{"cat": 0.75, "dog": 0.5}, {"dog": 0.5, "hen": 0.25}]

    assert mean_scores(photos) == {"cat": 0.5, "dog": 0.5, "hen": 0.375}


@given(PHOTOS)
def test_the_order_of_photos_changes_nothing_not_even_a_bit(photos: list[dict[str, float]]) -> None:
    assert all(mean_scores(order) == mean_scores(photos) for order in permutations(photos))


@given(st.dictionaries(st.text(), SCORES, min_size=1), st.integers(1, 5))
def test_copies_of_a_photo_say_what_it_says(scores: dict[str, float], copies: int) -> None:
    assert mean_scores([scores] * copies) == pytest.approx(scores, rel=1e-15)
    assert mean_scores([scores]) == scores


@given(PHOTOS, st.sampled_from("abcdefg"), st.floats(0, 0.5))
def test_a_better_score_in_one_photo_never_makes_the_mean_less(
    photos: list[dict[str, float]], name: str, more: float
) -> None:
    before = mean_scores(photos)
    raised = [dict(photos[0]) | {name: photos[0].get(name, min(photos[0].values())) + more}, *photos[1:]]

    after = mean_scores(raised)

    assert after[name] >= before.get(name, -1)


def position(latitude: float, longitude: float, accuracy_m: float | None = None) -> Position:
    return Position(latitude=latitude, longitude=longitude, accuracy_m=accuracy_m)


def test_one_wrong_position_among_several_is_passed_over() -> None:
    paris, near, tokyo = position(48.85, 2.35), position(48.8501, 2.3501), position(35.68, 139.69)

    for order in permutations([paris, near, tokyo, None]):
        assert middle_position(order) in (paris, near)
        assert middle_position(order) == middle_position([paris, near, tokyo])


def test_of_two_positions_the_more_accurate_is_taken_and_of_none_none() -> None:
    rough, fine = position(48.85, 2.35, 900), position(48.86, 2.35, 5)

    assert middle_position([rough, fine]) is middle_position([fine, rough]) is fine
    assert middle_position([None, rough]) is rough
    assert middle_position([None, None]) is None
