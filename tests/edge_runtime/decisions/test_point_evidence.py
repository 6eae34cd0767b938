"""Agreeing points as evidence: worked examples, and laws that hold for any scores and points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from example_calibrations import POINTS, SIMULATED
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_identify.edge_runtime.decisions.calibration import Certainty, PointCalibration
from edge_identify.edge_runtime.decisions.decision import Decision, Verdict, decide
from edge_identify.edge_runtime.decisions.point_evidence import (
    EXPONENT,
    PointVerdict,
    decide_with_points,
    evidence_of_points,
    evidence_with_points,
    point_features,
)

RULE = replace(
    POINTS,
    evidence_weight=0.25,
    lead_weight=2.0,
    accept=0.3,
    certainty=Certainty(identified=0.8, probably=0.4),
    false_accepts=0.02,
    sibling_accepts=0.4,
)
WITHOUT = replace(
    SIMULATED,
    neighbours=4,
    score_weight=2.0,
    contrast_weight=10.0,
    margin_weight=5.0,
    intercept=-6.0,
    accept=5.0,
    least_share=0.6,
    certainty=Certainty(identified=0.99, probably=0.98),
    points=None,
)
CALIBRATION = replace(WITHOUT, points=RULE)
VERDICT = Verdict(
    decision=Decision.UNKNOWN,
    evidence=0.4,
    known_probability=0.6,
    confidences=(0.36, 0.16, 0.08, 0.0),
    look_alike_count=0,
)

weights = st.floats(0, 5)
rules = st.builds(
    replace,
    st.just(RULE),
    share_exponent=weights,
    points_exponent=weights,
    evidence_weight=weights,
    count_weight=weights,
    lead_weight=weights,
    intercept=st.floats(-20, 20),
)
photos = st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 500)), min_size=2, max_size=6).map(
    lambda pairs: (sorted((score for score, _ in pairs), reverse=True), [points for _, points in pairs])
)


def decided(scores: Sequence[float], points: Sequence[int], rule: PointCalibration) -> PointVerdict:
    calibration = replace(WITHOUT, points=rule)
    found = decide_with_points(decide(scores, calibration), points, calibration)
    assert found is not None
    return found


def never_less(once: PointVerdict, after: PointVerdict) -> None:
    """Assert that the same reference is first, and that it is at least as sure."""
    assert after.order[0] == once.order[0]
    assert after.verdict.evidence >= once.verdict.evidence - 1e-9
    assert after.verdict.confidences[0] >= once.verdict.confidences[0] - 1e-9


def test_the_decision_is_what_the_format_says() -> None:
    found = decide_with_points(VERDICT, [2, 11, 5], CALIBRATION)

    assert found is not None
    weights = [0.6 * 3**1.5, 0.4 * 12**1.5, 0.08**0.5 * 6**1.5]  # the roots of .36 and .16
    assert found.order == (1, 2, 0, 3)
    evidence = -2 + 0.25 * 0.4 + 0.5 * math.log(12) + 2.0 * (math.log(12) - math.log(6))
    assert found.verdict.evidence == pytest.approx(evidence)
    known = 1 / (1 + math.exp(-evidence))
    shares = [weight / sum(weights) for weight in (weights[1], weights[2], weights[0])]
    assert found.verdict.confidences == pytest.approx([*(known * share for share in shares), 0])


def test_the_words_are_those_for_points_and_not_those_for_similarity() -> None:
    verdict = replace(VERDICT, confidences=(0.54, 0.06))

    def word(rule: PointCalibration) -> Decision:
        found = decide_with_points(verdict, [20, 1], replace(CALIBRATION, points=rule))
        assert found is not None
        return found.verdict.decision

    assert word(RULE) is Decision.IDENTIFIED
    assert word(replace(RULE, certainty=Certainty(identified=1.0, probably=0.8))) is Decision.PROBABLY
    assert word(replace(RULE, accept=99.0)) is Decision.UNKNOWN


def test_points_of_other_references_take_the_lead_away() -> None:
    features = point_features([0.9, 0.1], [10, 20], 1.0, 0.0)

    assert features is not None
    assert features.order == (0, 1)
    assert (features.count, features.lead) == (math.log(11), 0)
    with_lead = point_features([0.9, 0.1], [10, 4], 1.0, 0.0)
    assert with_lead is not None
    assert with_lead.lead == pytest.approx(math.log(11) - math.log(5))


def test_a_pack_with_one_reference_leads_by_all_its_points() -> None:
    features = point_features([1.0], [10], 1.0, 1.0)

    assert features is not None
    assert features.shares == (1.0,)
    assert features.lead == features.count == math.log(11)


def test_without_points_the_order_stays_and_the_evidence_is_that_of_the_rule() -> None:
    found = decide_with_points(VERDICT, [], CALIBRATION)

    assert found is not None
    assert found.order == (0, 1, 2, 3)
    assert found.verdict.evidence == pytest.approx(-2 + 0.25 * 0.4)


def test_a_pack_from_before_points_were_calibrated_uses_fixed_constants() -> None:
    found = decide_with_points(VERDICT, [2, 48, 5], WITHOUT)

    assert found is not None
    assert found.verdict.evidence == pytest.approx(0.4 + 2 * math.log(2))  # twice the points that look-alikes reach
    assert found.order[0] == 1
    weights = [0.36 * 3**EXPONENT, 0.16 * 49**EXPONENT, 0.08 * 6**EXPONENT]
    known = found.verdict.known_probability
    assert found.verdict.confidences[0] == pytest.approx(known * weights[1] / sum(weights))
    assert (evidence_of_points(0), evidence_of_points(24)) == (0, 0)


def test_references_that_all_have_no_probability_cannot_be_ranked() -> None:
    assert decide_with_points(replace(VERDICT, confidences=(0.0, 0.0)), [9, 1], CALIBRATION) is None
    assert point_features([0.0], [9], 1.0, 1.0) is None


def test_a_reference_beyond_the_neighbours_stays_without_probability() -> None:
    found = decide_with_points(VERDICT, [0, 0, 0, 400], CALIBRATION)

    assert found is not None
    assert found.order[-1] == 3
    assert found.verdict.confidences[-1] == 0


@given(photos, rules, st.integers(1, 1000))
def test_more_points_of_the_first_reference_never_make_it_less_sure(
    photo: tuple[list[float], list[int]], rule: PointCalibration, more: int
) -> None:
    scores, points = photo
    once = decided(scores, points[:10], rule)
    first = once.order[0]
    assume(first < 4)
    with_more = [count + more * (at == first) for at, count in enumerate(points)]

    never_less(once, decided(scores, with_more, rule))


@given(photos, rules, st.integers(0, 5))
def test_a_larger_lead_never_makes_the_first_reference_less_sure(
    photo: tuple[list[float], list[int]], rule: PointCalibration, divisor: int
) -> None:
    scores, points = photo
    once = decided(scores, points, rule)
    fewer = [count if at == once.order[0] else count // (divisor + 1) for at, count in enumerate(points)]

    never_less(once, decided(scores, fewer, rule))


@given(photos, rules, st.floats(0, 1))
def test_a_better_score_of_the_first_reference_never_makes_it_less_sure(
    photo: tuple[list[float], list[int]], rule: PointCalibration, better: float
) -> None:
    scores, points = photo
    once = decided(scores, points, rule)
    assume(once.order[0] == 0)

    never_less(once, decided([scores[0] + better, *scores[1:]], points, rule))


@given(photos, rules)
def test_the_shares_sum_to_one_and_are_sorted(photo: tuple[list[float], list[int]], rule: PointCalibration) -> None:
    scores, points = photo
    verdict = decided(scores, points, rule).verdict

    assert sum(verdict.confidences) == pytest.approx(verdict.known_probability)
    assert list(verdict.confidences) == sorted(verdict.confidences, reverse=True)
    assert len(verdict.confidences) == len(scores)


@given(st.floats(-50, 50), st.floats(0, 50), rules)
def test_more_evidence_from_similarity_is_never_less_evidence_with_points(
    evidence: float, more: float, rule: PointCalibration
) -> None:
    features = point_features([0.8, 0.2], [12, 3], rule.share_exponent, rule.points_exponent)

    assert features is not None
    assert evidence_with_points(evidence + more, features, rule) >= evidence_with_points(evidence, features, rule)
