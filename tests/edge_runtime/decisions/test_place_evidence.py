"""Position as evidence: known distances, and laws (coming nearer never lowers a score, nothing is excluded)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.decisions.decision import Decision, decide
from edge_identify.edge_runtime.decisions.place_evidence import (
    WRONG,
    decide_with_place,
    distinguishes,
    mean_nearness,
    nearness,
    place_score,
)
from edge_identify.edge_runtime.photos.position import Coordinates, Position, box_within_reach, distance_m

CALIBRATION = Calibration(
    measured_with="onnx-int8",
    neighbours=4,
    score_weight=2.0,
    contrast_weight=10.0,
    margin_weight=5.0,
    intercept=-6.0,
    temperature=0.05,
    accept=0.5,
    least_share=0.6,
    false_accept_rate=0.02,
    genuine_count=100,
    impostor_count=100,
    false_accepts=0.02,
    true_accepts=0.9,
)
PARIS, LONDON, TOKYO = (48.8566, 2.3522), (51.5074, -0.1278), (35.6762, 139.6503)
RADIUS_M = 6_371_008.8

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)
coordinates = st.tuples(latitudes, longitudes)
positions = st.builds(
    Position, latitude=latitudes, longitude=longitudes, accuracy_m=st.none() | st.floats(0.1, 1_000_000)
)


def at(place: Coordinates, accuracy_m: float | None = None) -> Position:
    return Position(latitude=place[0], longitude=place[1], accuracy_m=accuracy_m)


def north_of(place: Coordinates, metres: float) -> Coordinates:
    return place[0] + math.degrees(metres / RADIUS_M), place[1]


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        (PARIS, PARIS, 0),
        ((0.0, 0.0), (0.0, 1.0), RADIUS_M * math.pi / 180),
        ((-90.0, 12.0), (90.0, -140.0), RADIUS_M * math.pi),
        ((10.0, 179.5), (10.0, -179.5), RADIUS_M * math.cos(math.radians(10)) * math.pi / 180),
        (PARIS, LONDON, 343_556),  # as published for these coordinates on a ball of this radius
        ((0.0, 0.0), (0.0, 180.0), RADIUS_M * math.pi),
    ],
)
def test_distances_are_those_on_a_ball(one: Coordinates, other: Coordinates, metres: float) -> None:
    assert distance_m(one, other) == pytest.approx(metres, rel=1e-4, abs=1e-6)
    assert distance_m(other, one) == pytest.approx(distance_m(one, other), abs=1e-6)


def test_nearness_is_one_on_the_spot_and_falls_as_the_docstring_says() -> None:
    position = at(PARIS, accuracy_m=40)  # with the 30 m between photographer and thing: a scale of 50 m

    assert position.scale_m == pytest.approx(50)
    assert nearness(position, PARIS) == 1
    assert nearness(position, north_of(PARIS, 50)) == pytest.approx(2**-1.5, rel=1e-4)
    assert nearness(position, north_of(PARIS, 500)) == pytest.approx(101**-1.5, rel=1e-4)
    assert nearness(position, TOKYO) == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"latitude": 91.0}, "latitude 91 is outside"),
        ({"latitude": math.nan}, "latitude nan"),
        ({"longitude": -180.5}, "longitude -180.5"),
        ({"longitude": math.inf}, "longitude inf"),
        ({"accuracy_m": 0.0}, "accuracy 0 m"),
        ({"accuracy_m": -5.0}, "accuracy -5 m"),
        ({"accuracy_m": math.nan}, "accuracy nan"),
    ],
)
def test_impossible_positions_are_refused(changes: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Position(**({"latitude": 1.0, "longitude": 2.0} | changes))  # type: ignore[arg-type]  # numbers by name


@given(positions, coordinates)
def test_whatever_is_near_at_all_lies_in_the_box(position: Position, other: Coordinates) -> None:
    box = box_within_reach(position)
    inside = box.south <= other[0] <= box.north and any(west <= other[1] <= east for west, east in box.longitudes)

    assert inside or nearness(position, other) == 0
    assert all(-180 <= west <= east <= 180 for west, east in box.longitudes)


@given(positions, st.floats(0, 360), st.floats(0.01, 0.99))
def test_the_box_holds_what_is_within_reach_in_every_direction(
    position: Position, bearing: float, share: float
) -> None:
    angle, turn = share * position.reach_m / RADIUS_M, math.radians(bearing)
    assume(angle < math.pi)
    south, west = math.radians(position.latitude), math.radians(position.longitude)
    latitude = math.asin(
        max(-1.0, min(1.0, math.sin(south) * math.cos(angle) + math.cos(south) * math.sin(angle) * math.cos(turn)))
    )
    across = math.sin(turn) * math.sin(angle) * math.cos(south)
    longitude = west + math.atan2(across, math.cos(angle) - math.sin(south) * math.sin(latitude))
    other = math.degrees(latitude), (math.degrees(longitude) + 540) % 360 - 180

    box = box_within_reach(position)

    slack = 1e-6  # of a degree: .1 m, what the sines lose near a pole and across the date line
    assert box.south - slack <= other[0] <= box.north + slack
    assert any(west - slack <= other[1] <= east + slack for west, east in box.longitudes)


@given(positions, coordinates, coordinates, st.floats(0, 1))
def test_nearer_never_scores_less_and_nothing_is_ever_impossible(
    position: Position, one: Coordinates, other: Coordinates, crowd: float
) -> None:
    near, far = sorted((one, other), key=lambda place: distance_m(position.coordinates, place))

    assert place_score(position, near, crowd) >= place_score(position, far, crowd) >= WRONG
    assert math.isfinite(place_score(position, near, crowd))
    assert place_score(position, None, crowd) == 1


def test_a_reference_on_the_spot_gains_as_much_as_it_is_alone_there() -> None:
    position = at(PARIS)
    alone = mean_nearness(position, [PARIS], located=1000)
    among_ten = mean_nearness(position, [PARIS] * 10, located=1000)

    assert place_score(position, PARIS, alone) == pytest.approx(900.1, rel=1e-3)  # .9 * 1000 + .1
    assert place_score(position, PARIS, among_ten) == pytest.approx(90.1, rel=1e-3)


@given(st.lists(coordinates, min_size=1, max_size=20), positions)
def test_over_all_located_references_the_score_is_one_on_average_or_less(
    places: list[Coordinates], position: Position
) -> None:
    crowd = mean_nearness(position, places, located=len(places))

    assert sum(place_score(position, place, crowd) for place in places) / len(places) <= 1 + 1e-9


def test_a_position_says_nothing_where_no_candidate_has_coordinates_or_all_are_at_one_spot() -> None:
    position = at(north_of(PARIS, 300))
    crowd = mean_nearness(position, [PARIS] * 3, located=3)

    assert not distinguishes([place_score(position, PARIS, crowd)] * 3)
    assert not distinguishes([place_score(position, None, 0.0)] * 2)
    assert distinguishes([place_score(position, PARIS, crowd), place_score(position, None, crowd)])


scores_best_first = st.lists(st.floats(-1, 1), min_size=1, max_size=30).map(lambda values: sorted(values, reverse=True))


@given(scores_best_first, st.data())
def test_raising_one_place_score_never_lowers_that_reference(scores: list[float], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.floats(WRONG, 1e4), min_size=len(scores), max_size=len(scores)))
    which = data.draw(st.integers(0, len(scores) - 1))
    raised = [score * 3 if position == which else score for position, score in enumerate(places)]

    before = decide_with_place(scores, places, CALIBRATION, crowd=scores)
    after = decide_with_place(scores, raised, CALIBRATION, crowd=scores)

    assert after.order.index(which) <= before.order.index(which)
    place_before, place_after = before.order.index(which), after.order.index(which)
    assert after.verdict.confidences[place_after] >= before.verdict.confidences[place_before] - 1e-12
    assert after.verdict.evidence >= before.verdict.evidence - 1e-9


@given(scores_best_first, st.data())
def test_confidences_fall_in_the_new_order_and_make_up_the_certainty(scores: list[float], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.floats(WRONG, 1e6), min_size=len(scores), max_size=len(scores)))

    placed = decide_with_place(scores, places, CALIBRATION, crowd=scores)

    assert sorted(placed.order) == list(range(len(scores)))
    assert sum(placed.verdict.confidences) == pytest.approx(placed.verdict.known_probability)
    assert list(placed.verdict.confidences) == sorted(placed.verdict.confidences, reverse=True)


def test_a_place_that_says_the_same_of_every_candidate_changes_no_order_and_an_even_one_no_evidence() -> None:
    scores = [0.9, 0.8, 0.5, 0.1]

    placed = decide_with_place(scores, [1.0] * 4, CALIBRATION, crowd=scores)
    vision = decide(scores, CALIBRATION)

    assert placed.order == (0, 1, 2, 3)
    assert placed.verdict.evidence == pytest.approx(vision.evidence)
    assert placed.verdict.confidences == pytest.approx(vision.confidences)


def test_two_equal_look_alikes_are_shared_out_by_place_and_the_odds_grow_by_its_mean() -> None:
    scores = [0.8, 0.8]

    placed = decide_with_place(scores, [0.1, 10.0], CALIBRATION, crowd=scores)

    evidence = decide(scores, CALIBRATION).evidence + math.log((0.1 + 10) / 2)
    assert placed.verdict.evidence == pytest.approx(evidence)
    assert placed.order == (1, 0)
    known = 1 / (1 + math.exp(-evidence))
    assert placed.verdict.confidences == pytest.approx([known * 10 / 10.1, known * 0.1 / 10.1])


def test_a_look_alike_on_the_spot_wins_over_one_in_another_city() -> None:
    scores, position = [0.80, 0.79, 0.30], at(PARIS)
    places = [TOKYO, north_of(PARIS, 20), PARIS]
    crowd = mean_nearness(position, places[1:], located=100)

    placed = decide_with_place(
        scores, [place_score(position, place, crowd) for place in places], CALIBRATION, crowd=scores
    )

    assert decide(scores, CALIBRATION).decision is not Decision.IDENTIFIED
    assert placed.order[0] == 1
    assert placed.verdict.decision is Decision.IDENTIFIED


def test_a_clear_winner_survives_a_position_in_the_wrong_city() -> None:
    scores, position = [0.95, 0.40, 0.30], at(LONDON)
    places = [PARIS, LONDON, LONDON]
    crowd = mean_nearness(position, [LONDON] * 2, located=100)
    careful = replace(CALIBRATION, temperature=0.03)

    placed = decide_with_place(scores, [place_score(position, place, crowd) for place in places], careful, crowd=scores)

    assert placed.order[0] == 0
    # Soft: what vision says of it is lowered by the odds that a position is right, and by no more.
    assert placed.verdict.evidence >= decide(scores, careful).evidence + math.log(WRONG) - 1e-9


@settings(max_examples=10)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=12), st.data())
def test_an_unknown_thing_gains_nothing_on_average_wherever_references_are(
    steps: list[int], data: st.DataObject
) -> None:
    # Positions drawn as the references lie: the odds change by a factor whose mean is 1, whatever vision says.
    spots = [north_of(PARIS, 40 * step) for step in steps]
    scores = sorted(data.draw(st.lists(st.floats(0, 1), min_size=len(spots), max_size=len(spots))), reverse=True)
    grid = [north_of(PARIS, metres) for metres in range(-20_000, 22_001, 20)]
    vision = decide(scores, CALIBRATION).evidence
    likelihoods, odds = [], []
    for place in grid:
        position = at(place)
        crowd = mean_nearness(position, spots, located=len(spots))
        placed = decide_with_place(
            scores, [place_score(position, spot, crowd) for spot in spots], CALIBRATION, crowd=scores
        )
        likelihoods.append(crowd)
        odds.append(math.exp(placed.verdict.evidence - vision))

    mean = sum(one * other for one, other in zip(likelihoods, odds, strict=True)) / sum(likelihoods)

    assert mean == pytest.approx(1, abs=1e-2)
