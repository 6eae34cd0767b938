"""The calibration fit on scores with a known result, and properties that hold for any scores."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.convert.calibrating.calibration_fitting import (
    NEIGHBOURS,
    ScoredPhoto,
    ScoredPhotos,
    fit_calibration,
    fit_evidence,
    fit_temperature,
    least_accepted,
)
from edge_identify.edge_runtime.decisions.calibration import Calibration, read_calibrations, serialise_calibrations
from edge_identify.edge_runtime.decisions.decision import Decision, decide


def drawn_scores(seed: int = 1, count: int = 300, references: int = 30, lift: float = 0.25) -> ScoredPhotos:
    rng = np.random.default_rng(seed)
    genuine, left_out = [], []
    for _ in range(count):
        others = np.sort(rng.normal(0.3, 0.1, references))[::-1]
        own = rng.normal(0.3 + lift, 0.12)
        scores = np.sort(np.append(others, own))[::-1]
        difficulty = rng.uniform(0.5, 2)
        right = int((scores > own).sum())
        genuine.append(
            ScoredPhoto(
                scores=tuple(scores[: NEIGHBOURS + 1].tolist()),
                right=right if right <= NEIGHBOURS else None,
                difficulty=difficulty,
            )
        )
        left_out.append(ScoredPhoto(scores=tuple(others[: NEIGHBOURS + 1].tolist()), difficulty=difficulty))
    drawn = [
        ScoredPhoto(scores=tuple(np.sort(rng.normal(0.2, 0.1, references))[::-1][: NEIGHBOURS + 1].tolist()))
        for _ in range(100)
    ]
    return ScoredPhotos(genuine=genuine, left_out=left_out, drawn=drawn)


def fitted(photos: ScoredPhotos, rate: float = 0.02) -> Calibration:
    calibration = fit_calibration(photos, measured_with="onnx-int8", false_accept_rate=rate)
    assert calibration is not None
    return calibration


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


def test_the_rate_asked_for_holds_for_good_ordinary_and_bad_photos_and_for_drawn_things() -> None:
    photos = drawn_scores()
    for rate in (0.02, 0.1):
        calibration = fitted(photos, rate)
        ranked = sorted(photos.left_out, key=lambda photo: photo.difficulty)
        for kind in (ranked[:100], ranked[100:200], ranked[200:], photos.drawn):
            passed = sum(decide(photo.scores, calibration).decision is not Decision.UNKNOWN for photo in kind)
            assert passed <= rate * len(kind)
        everyone = [*photos.left_out, *photos.drawn]
        passed = sum(decide(photo.scores, calibration).decision is not Decision.UNKNOWN for photo in everyone)
        assert calibration.false_accepts == round(passed / len(everyone), 4) > 0


def test_the_logistic_regression_finds_the_weights_that_drew_the_data() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (200_000, 2)) * [0.5, 2.0]
    known = rng.uniform(size=len(rows)) < 1 / (1 + np.exp(-(3 * rows[:, 0] + 0.5 * rows[:, 1])))

    weights = fit_evidence(rows[known], rows[~known])

    assert weights == pytest.approx([3, 0.5, 0], rel=0.03, abs=0.02)


def test_a_feature_that_would_count_against_is_given_no_weight() -> None:
    rng = np.random.default_rng(0)
    known, unknown = rng.normal([1, -1], 1, (2000, 2)), rng.normal([0, 0], 1, (2000, 2))

    weights = fit_evidence(known, unknown)

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
    calibration = fitted(drawn_scores(seed=1, count=3000))
    fresh = drawn_scores(seed=2, count=3000)
    verdicts = [decide(photo.scores, calibration) for photo in (*fresh.genuine, *fresh.left_out)]
    known = np.array([verdict.known_probability for verdict in verdicts])
    truth = np.repeat([1.0, 0.0], [len(fresh.genuine), len(fresh.left_out)])

    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        chosen = (known >= low) & (known < high)
        assert chosen.sum() > 100
        assert truth[chosen].mean() == pytest.approx(known[chosen].mean(), abs=0.08)


def test_the_same_scores_give_the_same_bytes_in_any_order_of_photos() -> None:
    photos = drawn_scores()
    turned = replace(photos, genuine=photos.genuine[::-1], left_out=photos.left_out[::-1], drawn=photos.drawn[::-1])

    once = serialise_calibrations({"onnx-int8": fitted(photos)})

    assert serialise_calibrations({"onnx-int8": fitted(drawn_scores())}) == once
    assert serialise_calibrations({"onnx-int8": fitted(turned)}) == once


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 12))
def test_whatever_was_measured_a_fit_is_one_that_readers_take(seed: int, references: int, count: int) -> None:
    photos = drawn_scores(seed, count, references)
    calibration = fit_calibration(photos, measured_with="onnx-int8", false_accept_rate=0.02)

    if calibration is not None:
        written = {"onnx-int8": calibration}
        with tempfile.TemporaryDirectory() as folder:  # each example has its own
            file = Path(folder, "calibration.json")
            file.write_bytes(serialise_calibrations(written))
            assert read_calibrations(file) == written


def test_scores_that_do_not_tell_known_from_unknown_give_no_calibration() -> None:
    alike = [ScoredPhoto(scores=(0.9,) * 21, right=0)] * 20
    left_out = [ScoredPhoto(scores=(0.9,) * 20)] * 20

    photos = ScoredPhotos(genuine=alike, left_out=left_out, drawn=left_out)

    assert fit_calibration(photos, measured_with="onnx-int8", false_accept_rate=0.02) is None
