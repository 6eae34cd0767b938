"""The fit to real photos, on drawn answers with known odds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from example_calibrations import POINTS, SIMULATED

from edge_identify.convert.calibrating import real_photo_fitting
from edge_identify.convert.calibrating.correction_fitting import fit_correction
from edge_identify.convert.calibrating.real_answers import RealAnswer, answer_to, answer_with_points
from edge_identify.convert.calibrating.real_photo_fitting import (
    fit_to_real_photos,
    without_real_photos,
)
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto
from edge_identify.edge_runtime.decisions.calibration import Calibration, Certainty, Correction
from edge_identify.edge_runtime.decisions.decision import Decision, corrected, sigmoid


def drawn(count: int, *, points: bool = True, seed: int = 5) -> tuple[list[ScoredPhoto], list[str]]:
    """Return photos whose answers are right more often than the simulated calibration says, and what they show."""
    rng = np.random.default_rng(seed)
    photos = []
    for at in range(count):
        first = float(rng.uniform(0.3, 0.9))
        others = sorted((float(rng.uniform(0, first)) for _ in range(6)), reverse=True)
        is_right = rng.uniform() < sigmoid(8 * (first - 0.35))
        counts = (int(rng.integers(20, 60)) if is_right else int(rng.integers(0, 8)), *[2] * 6) if points else None
        photos.append(
            ScoredPhoto(scores=(first, *others), points=counts, right=0 if is_right else 3 if at % 2 else None)
        )
    return photos, [f"reference {at % 12}" for at in range(count)]


def test_the_correction_finds_the_odds_that_answers_were_drawn_with() -> None:
    rng = np.random.default_rng(1)
    truth = Correction(slope=1.3, intercept=1.5)
    confidences = rng.uniform(0.02, 0.98, 20_000).tolist()
    right = [rng.uniform() < corrected(each, truth) for each in confidences]

    found = fit_correction(confidences, right)

    assert found.slope == pytest.approx(truth.slope, abs=0.12)
    assert found.intercept == pytest.approx(truth.intercept, abs=0.12)


def test_without_photos_it_is_the_identity_and_more_photos_move_it_further() -> None:
    confidences, right = [0.3, 0.4, 0.5, 0.6], [True, True, True, False]

    found = [fit_correction(confidences * times, right * times) for times in (0, 1, 3, 10)]
    # The distance from the identity as the prior measures it.
    distances = [0.2 * each.intercept**2 + 8 * (each.slope - 1) ** 2 for each in found]

    assert found[0] == Correction(slope=1.0, intercept=0.0)
    assert distances == sorted(set(distances))


@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong_keeps_finite_numbers(right: bool) -> None:
    found = fit_correction([0.0, 0.2, 0.9, 1.0] * 5, [right] * 20)

    assert abs(found.intercept) < 10
    assert found.slope > 0


def test_an_encoder_that_is_surest_where_it_is_wrong_does_not_turn_the_order_round() -> None:
    confidences = [0.05] * 200 + [0.95] * 200

    assert fit_correction(confidences, [True] * 200 + [False] * 200).slope >= 0.1


def test_the_same_photos_give_the_same_calibration_in_any_order_and_once_more() -> None:
    photos, groups = drawn(60)
    order = np.random.default_rng(2).permutation(60).tolist()

    fitted = fit_to_real_photos(photos, SIMULATED, groups)

    assert fit_to_real_photos([photos[at] for at in order], SIMULATED, [groups[at] for at in order]) == fitted
    assert fit_to_real_photos(photos, fitted, groups) == fitted  # what real photos changed before is undone
    assert without_real_photos(fitted) == SIMULATED


def test_stated_confidences_come_true_on_other_photos() -> None:
    photos, groups = drawn(400)
    others, _ = drawn(400, seed=9)
    fitted = fit_to_real_photos(photos, SIMULATED, groups)

    def error(calibration: Calibration) -> float:
        answers = [answer_to(photo, calibration) for photo in others]
        return abs(float(np.mean([each.verdict.confidences[0] - each.is_right for each in answers])))

    assert error(fitted) < 0.04 < error(SIMULATED)


def test_no_photo_is_measured_by_a_calibration_fitted_to_photos_of_its_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, groups = drawn(60)
    group_of = {id(photo): group for photo, group in zip(photos, groups, strict=True)}
    fitted_to: list[set[str]] = []
    measured: list[str] = []
    fit, answer = real_photo_fitting._fitted_to, answer_to

    def watched_fit(
        given: list[ScoredPhoto], simulated: Calibration, shown: list[str], rate: float | None
    ) -> Calibration:
        fitted_to.append({group_of[id(photo)] for photo in given})
        return fit(given, simulated, shown, rate)

    def watched_answer(photo: ScoredPhoto, calibration: Calibration) -> RealAnswer:
        assert group_of[id(photo)] not in fitted_to[-1]
        measured.append(group_of[id(photo)])
        return answer(photo, calibration)

    monkeypatch.setattr(real_photo_fitting, "_fitted_to", watched_fit)
    monkeypatch.setattr(real_photo_fitting, "answer_to", watched_answer)

    told = fit_to_real_photos(photos, SIMULATED, groups).real_photos

    assert told is not None
    assert told.count == len(measured) == 60
    assert sorted(measured) == sorted(groups)


def test_the_thresholds_move_towards_the_real_photos_with_their_number() -> None:
    strict = replace(SIMULATED, points=replace(POINTS, certainty=Certainty(identified=0.9, probably=0.9)))
    photos, groups = drawn(200)

    found = [fit_to_real_photos(photos[:count], strict, groups[:count]).points for count in (20, 60, 200)]

    thresholds = [each.certainty.identified for each in found if each is not None]
    assert thresholds[0] < 0.9
    assert thresholds == sorted(thresholds, reverse=True)


def test_a_pack_without_points_is_fitted_by_similarity_alone() -> None:
    photos, groups = drawn(60, points=False)

    fitted = fit_to_real_photos(photos, replace(SIMULATED, points=None), groups)

    assert fitted.points is None
    assert fitted.correction is not None
    assert fitted.certainty != SIMULATED.certainty


def test_similarity_alone_never_identifies_more_where_points_can_be_compared() -> None:
    photos, groups = drawn(100)
    certainty = fit_to_real_photos(photos, SIMULATED, groups).certainty

    assert certainty is not None
    assert certainty.identified >= 0.9


def with_strangers(count: int) -> tuple[list[ScoredPhoto], list[str]]:
    """Return photos of known things, then as many of other things that score as high."""
    known, groups = drawn(count)
    others = [replace(photo, right=None) for photo in drawn(count, seed=11)[0]]
    return [*known, *others], [*groups, *(f"photo {at}" for at in range(count))]


def test_a_false_accept_rate_holds_on_the_real_strangers_it_was_set_with() -> None:
    photos, groups = with_strangers(100)

    fitted = fit_to_real_photos(photos, SIMULATED, groups, 0.05)

    accepted = [answer_to(photo, fitted).verdict.decision is not Decision.UNKNOWN for photo in photos]
    assert fitted.false_accept_rate == 0.05
    assert sum(accepted[100:]) <= 5  # by similarity and by points together
    assert fitted.points is not None
    assert fitted.accept > SIMULATED.accept


def test_stated_shares_of_accepted_photos_follow_the_new_thresholds() -> None:
    photos, groups = with_strangers(100)

    fitted = fit_to_real_photos(photos, SIMULATED, groups, 0.05)

    known = [answer_with_points(photo, fitted).verdict.evidence for photo in photos[:100]]
    others = [answer_with_points(photo, fitted).verdict.evidence for photo in photos[100:]]
    assert fitted.points is not None
    assert (fitted.genuine_count, fitted.impostor_count, fitted.false_accepts) == (100, 100, 0.05)
    assert fitted.points.true_accepts == sum(each >= fitted.points.accept for each in known) / 100
    assert fitted.points.false_accepts == sum(each >= fitted.points.accept for each in others) / 100
    assert fitted.sibling_accepts is not None
    assert fitted.sibling_accepts < fitted.true_accepts
    assert fitted.real_photos is not None
    assert fitted.real_photos.sets_accept


def test_fitting_without_a_rate_undoes_an_earlier_one() -> None:
    photos, groups = with_strangers(60)
    held = fit_to_real_photos(photos, SIMULATED, groups, 0.05)

    assert without_real_photos(held) == SIMULATED
    assert fit_to_real_photos(photos, held, groups) == fit_to_real_photos(photos, SIMULATED, groups)
