"""The constants for agreeing points, fitted to drawn data with a known answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from drawn_scores import BY_SIMILARITY, drawn_scores, thirds
from edge_identify.convert.calibrating.point_fitting import fit_points
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, ScoredPhotos
from edge_identify.convert.calibrating.share_fitting import fit_exponents
from edge_identify.edge_runtime.decisions.calibration import Calibration, PointCalibration
from edge_identify.edge_runtime.decisions.decision import Verdict, decide
from edge_identify.edge_runtime.decisions.point_evidence import decide_with_points
from edge_identify.edge_runtime.search.geometry.cascade import CANDIDATES

PHOTOS = drawn_scores(count=300, strangers=100, points=30.0)


def fitted(photos: ScoredPhotos, sibling_rate: float | None = None) -> PointCalibration:
    found = fit_points(photos, BY_SIMILARITY, sibling_rate)
    assert found is not None
    return found


def on_a_device(photo: ScoredPhoto, rule: PointCalibration) -> tuple[Verdict, tuple[int, ...]]:
    """Decide as a device does: it compares the first references only."""
    assert photo.points is not None
    calibration = replace(BY_SIMILARITY, points=rule)
    decided = decide_with_points(decide(photo.scores, calibration), photo.points[:CANDIDATES], calibration)
    assert decided is not None
    return decided.verdict, decided.order


def share_that_passes(photos: Sequence[ScoredPhoto], rule: PointCalibration) -> float:
    return sum(on_a_device(photo, rule)[0].evidence >= rule.accept for photo in photos) / len(photos)


@pytest.mark.parametrize(("share_exponent", "points_exponent"), [(0.5, 1.5), (0.2, 3.0), (1.0, 0.0)])
def test_the_exponents_are_the_ones_that_drew_the_right_references(
    share_exponent: float, points_exponent: float
) -> None:
    rng = np.random.default_rng(5)
    photos = []
    for _ in range(2000):
        scores, points = np.sort(rng.normal(0.5, 0.1, 10))[::-1], rng.integers(0, 12, 10)
        logs = share_exponent * scores / BY_SIMILARITY.temperature + points_exponent * np.log1p(points)
        shares = np.exp(logs - logs.max())
        right = int(rng.choice(10, p=shares / shares.sum()))
        photos.append(ScoredPhoto(scores=tuple(scores.tolist()), points=tuple(points.tolist()), right=right))

    assert fit_exponents(photos, BY_SIMILARITY) == (share_exponent, points_exponent)


def test_the_exponents_count_only_the_points_that_a_device_counts() -> None:
    scores = tuple(0.5 - at / 100 for at in range(21))
    far = ScoredPhoto(scores=scores, points=(*(0,) * 12, 99, *(0,) * 8), right=12)

    assert fit_exponents([far] * 50, BY_SIMILARITY)[1] == 0


def test_without_a_right_reference_the_points_rank_nothing() -> None:
    assert fit_exponents([ScoredPhoto(scores=(0.5, 0.4), points=(3, 30))] * 30, BY_SIMILARITY) == (1.0, 0.0)


def test_the_weights_are_the_ones_that_drew_the_photos() -> None:
    rng = np.random.default_rng(6)
    known: list[ScoredPhoto] = []
    unknown: list[ScoredPhoto] = []
    for _ in range(8000):
        # Without a right reference the exponents are 1 and 0: the first score stays first.
        scores, points = (float(rng.uniform(0, 0.5)), 0.0), (int(rng.integers(0, 60)), int(rng.integers(0, 30)))
        count, other = np.log1p(points)
        evidence = decide(scores, BY_SIMILARITY).evidence
        log_odds = 0.5 * evidence + 1.0 * count + 1.5 * max(0, count - other) - 5.0
        is_known = rng.uniform() < 1 / (1 + np.exp(-log_odds))
        (known if is_known else unknown).append(ScoredPhoto(scores=scores, points=points))

    found = fitted(ScoredPhotos(genuine=known, siblings=unknown, strangers=unknown))

    assert (found.evidence_weight, found.count_weight, found.lead_weight) == pytest.approx((0.5, 1.0, 1.5), abs=0.2)


def test_strangers_pass_as_often_as_allowed_when_a_device_decides() -> None:
    rule = fitted(PHOTOS)

    assert share_that_passes(PHOTOS.strangers, rule) == rule.false_accepts == 0.05
    assert share_that_passes(PHOTOS.siblings, rule) == pytest.approx(rule.sibling_accepts, abs=1e-4)
    assert share_that_passes(PHOTOS.genuine, rule) == pytest.approx(rule.true_accepts, abs=1e-4)


def test_points_tell_more_than_similarity_alone() -> None:
    rule = fitted(PHOTOS)
    by_similarity = [decide(photo.scores, BY_SIMILARITY).evidence for photo in PHOTOS.strangers]
    accept = sorted(by_similarity)[-6]

    alone = sum(decide(photo.scores, BY_SIMILARITY).evidence > accept for photo in PHOTOS.genuine) / 300
    ranked = sum(photo.right == 0 for photo in PHOTOS.genuine)
    with_points = sum(on_a_device(photo, rule)[1][0] == photo.right for photo in PHOTOS.genuine)

    assert rule.true_accepts > alone + 0.1
    assert with_points > ranked + 15
    assert rule.count_weight + rule.lead_weight > 0


def test_the_rate_of_siblings_holds_for_good_ordinary_and_bad_photos() -> None:
    harder = [replace(photo, difficulty=sum(photo.points or ())) for photo in PHOTOS.siblings]
    photos = replace(PHOTOS, siblings=harder)

    rule = fitted(photos, sibling_rate=0.02)

    shares = [share_that_passes(third, rule) for third in thirds(photos.siblings)]
    assert max(shares) == 0.02
    assert rule.accept > fitted(photos).accept


def test_the_words_of_certainty_hold_for_the_realistic_photos_when_a_device_decides() -> None:
    rule = fitted(PHOTOS)
    first = [
        ((verdict.uncorrected or verdict.confidences)[0], order[0] == photo.right)
        for photo in PHOTOS.genuine
        if photo.is_realistic
        for verdict, order in [on_a_device(photo, rule)]
    ]
    identified = [is_right for confidence, is_right in first if confidence >= rule.certainty.identified]
    named = [is_right for confidence, is_right in first if confidence >= rule.certainty.probably]

    assert sum(identified) >= 0.95 * len(identified) > 50
    assert sum(named) >= 0.9 * len(named) > len(identified)


@pytest.mark.parametrize("few", ["genuine", "strangers"])
def test_too_few_compared_photos_give_no_constants(few: str) -> None:
    some = list(getattr(PHOTOS, few))[:19]

    assert fit_points(replace(PHOTOS, **{few: some}), BY_SIMILARITY, None) is None


def test_points_of_photos_without_a_similarity_worth_naming_are_fitted_all_the_same() -> None:
    # The evidence is so low that the probability is 0 in floating-point numbers.
    hopeless: Calibration = replace(BY_SIMILARITY, intercept=-900.0)

    assert fit_points(PHOTOS, hopeless, None) is not None
