"""The calibration fit on scores with a known result, and properties that hold for any scores."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_scores import drawn_scores, thirds
from edge_identify.convert.calibrating.calibration_fitting import fit_calibration
from edge_identify.convert.calibrating.evidence_fitting import SIBLING_WEIGHT, fit_evidence, least_accepted
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, ScoredPhotos
from edge_identify.convert.calibrating.share_fitting import fit_temperature
from edge_identify.edge_runtime.decisions.calibration import Calibration, read_calibrations, serialise_calibrations
from edge_identify.edge_runtime.decisions.decision import decide

NO_ROWS = np.empty((0, 2))


def fitted(photos: ScoredPhotos, rate: float = 0.02, sibling_rate: float | None = None) -> Calibration:
    calibration = fit_calibration(photos, measured_with="onnx-int8", false_accept_rate=rate, sibling_rate=sibling_rate)
    assert calibration is not None
    return calibration


def accepted(photos: Sequence[ScoredPhoto], calibration: Calibration) -> int:
    return sum(decide(photo.scores, calibration).evidence >= calibration.accept for photo in photos)


@pytest.mark.parametrize(
    ("impostors", "rate", "least"),
    [
        ([1.0, 2.0, 3.0, 4.0], 0.25, 3.0001),  # one may pass: 4
        ([1.0, 2.0, 3.0, 4.0], 0.24, 4.0001),  # none may
        ([1.0, 2.0, 4.0, 4.0], 0.25, 4.0001),  # the two that are equal would pass together
        ([0.0] * 49 + [9.0], 0.02, 0.0001),  # .02 * 50 is one, though not in binary fractions
        ([-3.14159], 0.02, -3.1415),
    ],
)
def test_the_threshold_counts_impostors_and_errs_on_the_safe_side(
    impostors: list[float], rate: float, least: float
) -> None:
    assert least_accepted(impostors, rate) == least


@given(
    st.lists(st.floats(-50, 50).map(lambda value: round(value, 3)) | st.floats(-50, 50), min_size=1, max_size=200),
    st.floats(0.001, 0.49),
)
def test_never_more_impostors_pass_than_asked_and_one_more_would(impostors: list[float], rate: float) -> None:
    accept = least_accepted(impostors, rate)
    may_pass = math.floor(rate * len(impostors) + 1e-9)

    assert sum(value >= accept for value in impostors) <= may_pass
    assert sum(value >= accept - 0.0002 for value in impostors) > may_pass


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_the_rate_asked_for_holds_for_strangers_and_siblings_do_not_silence_the_pack(rate: float) -> None:
    photos = drawn_scores()

    calibration = fitted(photos, rate)

    assert accepted(photos.strangers, calibration) == rate * len(photos.strangers)
    assert calibration.false_accepts == rate
    assert calibration.sibling_accepts == round(accepted(photos.siblings, calibration) / 300, 4) > rate
    assert calibration.true_accepts == round(accepted(photos.genuine, calibration) / 300, 4) > 0.5
    assert (calibration.genuine_count, calibration.impostor_count) == (300, 100)


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_the_rate_of_siblings_holds_for_good_ordinary_and_bad_photos(rate: float) -> None:
    photos = drawn_scores()
    harder = [replace(photo, difficulty=photo.scores[0]) for photo in photos.siblings]  # the third third scores highest
    photos = replace(photos, siblings=harder)

    calibration = fitted(photos, 0.3, sibling_rate=rate)

    counts = [accepted(third, calibration) for third in thirds(photos.siblings)]
    assert max(counts) == rate * 100
    assert sum(counts) < rate * 300
    assert calibration.sibling_accepts == round(sum(counts) / 300, 4)
    assert calibration.false_accepts < 0.3


def test_a_rate_of_siblings_never_lets_more_strangers_pass() -> None:
    photos = drawn_scores()

    with_limit, without = fitted(photos, sibling_rate=0.3), fitted(photos)

    assert with_limit.accept >= without.accept


def test_the_logistic_regression_finds_the_weights_that_drew_the_data() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (100_000, 2)) * [0.5, 2.0]
    known = rng.uniform(size=len(rows)) < 1 / (1 + np.exp(-(3 * rows[:, 0] + 0.5 * rows[:, 1])))

    weights = fit_evidence(rows[known], NO_ROWS, rows[~known])

    assert weights == pytest.approx([3, 0.5, 0], rel=0.04, abs=0.03)


def test_siblings_weigh_as_a_group_and_less_than_strangers() -> None:
    rng = np.random.default_rng(3)
    genuine, strangers, siblings = (rng.normal(at, 1, (2000, 2)) for at in (1, -1, 0))

    many_times = np.tile(siblings, (5, 1))
    weighed = np.concatenate([np.tile(strangers, (2, 1)), siblings])  # as the weights say
    assert SIBLING_WEIGHT == 0.5

    once = fit_evidence(genuine, siblings, strangers)

    assert fit_evidence(genuine, many_times, strangers) == pytest.approx(once, rel=1e-2)
    assert fit_evidence(genuine, NO_ROWS, weighed) == pytest.approx(once, rel=1e-2)
    alone = fit_evidence(genuine, NO_ROWS, strangers)
    assert fit_evidence(genuine, strangers, strangers) == pytest.approx(alone, rel=1e-2, abs=1e-3)


def test_a_feature_that_would_count_against_is_given_no_weight() -> None:
    rng = np.random.default_rng(0)
    known, unknown = rng.normal([1, -1], 1, (2000, 2)), rng.normal([0, 0], 1, (2000, 2))

    weights = fit_evidence(known, NO_ROWS, unknown)

    assert weights[1] == 0
    assert weights[0] == pytest.approx(1, abs=0.1)  # of two normal distributions one apart, alone


def test_the_temperature_is_the_one_that_drew_the_right_answers() -> None:
    rng = np.random.default_rng(4)
    photos = []
    for _ in range(4000):
        scores = np.sort(rng.normal(0.5, 0.1, 10))[::-1]
        shares = np.exp(scores / 0.04)
        photos.append(ScoredPhoto(scores=tuple(scores.tolist()), right=int(rng.choice(10, p=shares / shares.sum()))))

    assert fit_temperature(photos) == pytest.approx(0.04, rel=0.06)


def test_photos_that_are_all_right_do_not_make_a_mistake_impossible() -> None:
    photos = [ScoredPhoto(scores=(0.9, 0.5), right=0)] * 100

    # 1 of 101 photos is taken to be wrong: the shares are 100 and 1.
    assert fit_temperature(photos) == pytest.approx(0.4 / math.log(100), rel=1e-3)


def test_the_stated_probability_comes_true_on_fresh_photos() -> None:
    calibration = fitted(drawn_scores(seed=1, count=2000, strangers=2000))
    fresh = drawn_scores(seed=2, count=2000, strangers=2000)
    kinds = (fresh.genuine, fresh.siblings, fresh.strangers)
    known = np.array([decide(photo.scores, calibration).known_probability for kind in kinds for photo in kind])
    truth = np.repeat([1.0, 0.0, 0.0], 2000)
    counts = np.repeat([0.5, 0.5 / 3, 1 / 3], 2000)  # a prior of one half; strangers weigh twice what siblings do

    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        chosen = (known >= low) & (known < high)
        assert chosen.sum() > 100
        stated, came_true = (np.average(values[chosen], weights=counts[chosen]) for values in (known, truth))
        assert came_true == pytest.approx(stated, abs=0.08)


def test_the_words_of_certainty_hold_for_the_realistic_photos() -> None:
    photos = drawn_scores(count=900)
    calibration = fitted(photos)
    realistic = [photo for photo in photos.genuine if photo.is_realistic]
    certainty = calibration.certainty
    assert certainty is not None

    before = replace(calibration, correction=None)  # thresholds hold for the confidences before their correction
    first = [(decide(photo.scores[:20], before).confidences[0], photo.right == 0) for photo in realistic]
    identified = [is_right for confidence, is_right in first if confidence >= certainty.identified]
    named = [is_right for confidence, is_right in first if confidence >= certainty.probably]

    assert sum(identified) >= 0.99 * len(identified) > 50
    assert sum(named) >= 0.9 * len(named) > 100


def test_similarity_alone_identifies_few_siblings_where_points_can_be_compared() -> None:
    photos = drawn_scores(points=25.0)
    calibration = fitted(photos)
    assert calibration.certainty is not None

    confidences = [decide(photo.scores[:20], calibration).confidences[0] for photo in photos.siblings]

    assert sum(confidence >= calibration.certainty.identified for confidence in confidences) <= 0.02 * 300


def test_siblings_that_cannot_be_told_apart_leave_a_threshold_that_readers_take() -> None:
    genuine, twin, other = (
        ScoredPhoto(scores=(best, *(0.1,) * 20), points=(points, *(0,) * 20))
        for best, points in ((0.5, 50), (1.0, 50), (0.2, 1))
    )
    photos = ScoredPhotos(
        genuine=[replace(genuine, right=0)] * 40, siblings=[*[other] * 39, twin], strangers=[other] * 40
    )

    calibration = fitted(photos)

    assert read_back(calibration) == calibration


@pytest.mark.parametrize("points", [None, 25.0])
def test_the_same_scores_give_the_same_bytes_in_any_order_of_photos(points: float | None) -> None:
    photos = drawn_scores(count=60, strangers=30, points=points)
    once = serialise_calibrations({"onnx-int8": fitted(photos, sibling_rate=0.1)})
    again, rng = drawn_scores(count=60, strangers=30, points=points), np.random.default_rng(0)

    def shuffled(kind: Sequence[ScoredPhoto]) -> list[ScoredPhoto]:
        return [kind[at] for at in rng.permutation(len(kind))]

    turned = ScoredPhotos(
        genuine=shuffled(photos.genuine), siblings=shuffled(photos.siblings), strangers=shuffled(photos.strangers)
    )

    assert serialise_calibrations({"onnx-int8": fitted(again, sibling_rate=0.1)}) == once
    assert serialise_calibrations({"onnx-int8": fitted(turned, sibling_rate=0.1)}) == once


def read_back(calibration: Calibration) -> Calibration:
    with tempfile.TemporaryDirectory() as folder:  # each example has its own
        file = Path(folder, "calibration.json")
        file.write_bytes(serialise_calibrations({"onnx-int8": calibration}))
        return read_calibrations(file)["onnx-int8"]


@settings(max_examples=40)
@given(
    st.integers(0, 10_000),
    st.integers(1, 30),
    st.integers(1, 25),
    st.integers(1, 25),
    st.none() | st.floats(0, 40),
    st.none() | st.sampled_from([0.02, 0.3]),
)
def test_whatever_was_measured_a_fit_is_one_that_readers_take(
    seed: int, references: int, count: int, strangers: int, points: float | None, sibling_rate: float | None
) -> None:
    photos = drawn_scores(seed, count, references, strangers=strangers, points=points)
    calibration = fit_calibration(photos, measured_with="onnx-int8", false_accept_rate=0.02, sibling_rate=sibling_rate)

    if calibration is not None:
        assert read_back(calibration) == calibration


def degenerate() -> dict[str, ScoredPhotos]:
    many = drawn_scores(count=40, strangers=30, points=20.0)
    others = [replace(photo, right=None) for photo in many.genuine]
    flat = [ScoredPhoto(scores=(0.5,) * 21, points=(4,) * 21, right=0)] * 25
    barely = [ScoredPhoto(scores=(0.5 + at * 1e-9, *(0.5,) * 20), points=(4,) * 21, right=0) for at in range(25)]
    return {
        "one photo": drawn_scores(count=1, strangers=1, points=20.0),
        "all right": replace(many, genuine=[replace(photo, right=0) for photo in many.genuine]),
        "all wrong": replace(many, genuine=[replace(photo, right=3) for photo in many.genuine]),
        "none found": replace(many, genuine=others),
        "none realistic": replace(many, genuine=[replace(photo, is_realistic=False) for photo in many.genuine]),
        "few strangers": replace(many, strangers=many.strangers[:19]),
        "one reference": drawn_scores(count=40, references=1, strangers=30, points=20.0),
        "no points": drawn_scores(count=40, strangers=30, points=0.0),
        "equal values": ScoredPhotos(genuine=flat, siblings=flat, strangers=flat),
        "nearly equal values": ScoredPhotos(genuine=barely, siblings=flat, strangers=flat),
        "far apart": replace(many, genuine=[replace(photo, points=(10**6, *(0,) * 20)) for photo in many.genuine]),
    }


@pytest.mark.parametrize("name", list(degenerate()))
@pytest.mark.parametrize("sibling_rate", [None, 0.02])
def test_odd_measurements_give_a_valid_calibration_or_none(name: str, sibling_rate: float | None) -> None:
    photos = degenerate()[name]

    calibration = fit_calibration(photos, measured_with="onnx-int8", false_accept_rate=0.02, sibling_rate=sibling_rate)

    if name == "equal values":
        assert calibration is None
    else:
        assert calibration is not None
        assert read_back(calibration) == calibration
        assert calibration.false_accepts <= 0.02
        assert calibration.certainty is not None
        if name in {"all wrong", "none found"}:
            assert calibration.certainty.identified == 1
        if name == "few strangers":
            assert calibration.points is None


def test_scores_that_do_not_tell_known_from_unknown_give_no_calibration() -> None:
    alike = [ScoredPhoto(scores=(0.9,) * 21, right=0)] * 20
    others = [ScoredPhoto(scores=(0.9,) * 20)] * 20

    photos = ScoredPhotos(genuine=alike, siblings=others, strangers=others)

    assert fit_calibration(photos, measured_with="onnx-int8", false_accept_rate=0.02) is None
