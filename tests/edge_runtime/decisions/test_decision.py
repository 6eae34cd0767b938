"""The decision rule: worked examples, and laws that hold for any scores."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.edge_runtime.decisions.calibration import Calibration, Certainty
from edge_identify.edge_runtime.decisions.decision import Decision, conclude, decide, features_of, shares_of, sigmoid

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

scores_best_first = st.lists(st.floats(-1, 1), min_size=1, max_size=30).map(lambda values: sorted(values, reverse=True))
weights = st.floats(0, 50)
calibrations = st.builds(
    replace,
    st.just(CALIBRATION),
    neighbours=st.integers(2, 25),
    score_weight=weights,
    contrast_weight=weights,
    margin_weight=weights,
    temperature=st.floats(1e-4, 1),
    accept=st.floats(-5, 5),
    least_share=st.floats(0.5, 0.9),
)


def test_the_evidence_is_what_the_format_says() -> None:
    features = features_of([0.9, 0.6, 0.4, 0.2, 0.1], 4)

    assert (features.score, features.contrast, features.margin) == pytest.approx((0.9, 0.9 - 0.2, 0.3))
    verdict = decide([0.9, 0.6, 0.4, 0.2, 0.1], CALIBRATION)
    assert verdict.evidence == pytest.approx(-6 + 2 * 0.9 + 10 * 0.7 + 5 * 0.3)
    assert verdict.known_probability == pytest.approx(1 / (1 + math.exp(-4.3)))
    assert verdict.decision is Decision.IDENTIFIED
    assert verdict.look_alike_count == 0
    together = math.exp(0) + math.exp(-6) + math.exp(-10) + math.exp(-14)
    assert verdict.confidences[0] == pytest.approx(verdict.known_probability / together)
    assert verdict.confidences[4] == 0


def test_look_alikes_are_named_until_nine_tenths_are_together() -> None:
    verdict = decide([0.9, 0.9, 0.85, 0.2], replace(CALIBRATION, accept=-100.0))

    # Shares .422, .422, .155 and next to nothing: two hold .84, three .999.
    assert verdict.decision is Decision.AMBIGUOUS
    assert verdict.look_alike_count == 3


def test_below_the_threshold_is_unknown_and_on_it_is_not() -> None:
    evidence = decide([0.9, 0.6, 0.4], CALIBRATION).evidence

    assert decide([0.9, 0.6, 0.4], replace(CALIBRATION, accept=evidence)).decision is Decision.IDENTIFIED
    above = replace(CALIBRATION, accept=math.nextafter(evidence, math.inf))
    assert decide([0.9, 0.6, 0.4], above).decision is Decision.UNKNOWN


def test_a_reference_that_is_alone_has_no_margin_and_is_never_ambiguous() -> None:
    features = features_of([0.8], 20)

    assert (features.contrast, features.margin) == (0.4, 0.0)
    for accept, decision in ((-100.0, Decision.IDENTIFIED), (100.0, Decision.UNKNOWN)):
        verdict = decide([0.8], replace(CALIBRATION, accept=accept))
        assert verdict.decision is decision
        assert verdict.confidences == (verdict.known_probability,)


def test_references_that_are_all_alike_share_the_certainty_and_are_all_named() -> None:
    verdict = decide([0.7] * 4, replace(CALIBRATION, accept=-100.0))

    assert verdict.decision is Decision.AMBIGUOUS
    assert verdict.look_alike_count == 4
    assert verdict.confidences == pytest.approx([verdict.known_probability / 4] * 4)


@given(scores_best_first, calibrations)
def test_confidences_are_probabilities_that_fall_with_the_score(scores: list[float], calibration: Calibration) -> None:
    verdict = decide(scores, calibration)

    assert len(verdict.confidences) == len(scores)
    assert all(0 <= confidence <= 1 for confidence in verdict.confidences)
    assert list(verdict.confidences) == sorted(verdict.confidences, reverse=True)
    assert sum(verdict.confidences) == pytest.approx(verdict.known_probability)
    assert (verdict.decision is Decision.AMBIGUOUS) == (2 <= verdict.look_alike_count <= len(scores))


@given(scores_best_first, calibrations, st.floats(0, 0.5))
def test_a_higher_best_score_never_makes_an_answer_less_sure(
    scores: list[float], calibration: Calibration, rise: float
) -> None:
    before, after = decide(scores, calibration), decide([scores[0] + rise, *scores[1:]], calibration)

    assert after.evidence >= before.evidence - 1e-9
    assert after.confidences[0] >= before.confidences[0] - 1e-9
    if before.decision is Decision.IDENTIFIED and before.evidence > calibration.accept + 1e-9:
        assert after.decision is Decision.IDENTIFIED


@given(scores_best_first, calibrations)
def test_scores_past_the_neighbours_change_nothing(scores: list[float], calibration: Calibration) -> None:
    verdict, more = decide(scores[: calibration.neighbours], calibration), decide(scores, calibration)

    assert more.decision is verdict.decision
    assert more.confidences[: len(verdict.confidences)] == verdict.confidences


@given(scores_best_first, st.floats(1e-4, 1))
def test_shares_sum_to_one(scores: list[float], temperature: float) -> None:
    assert sum(shares_of(scores, temperature)) == pytest.approx(1)


def test_extreme_evidence_does_not_overflow() -> None:
    assert sigmoid(-1e6) == 0
    assert sigmoid(1e6) == 1
    assert sigmoid(0) == 0.5


def test_the_confidence_separates_identified_probably_and_the_rest() -> None:
    certain = replace(CALIBRATION, certainty=Certainty(identified=0.95, probably=0.6), accept=-9)

    def decision(evidence: float, *shares: float) -> Decision:
        return conclude(evidence, shares, certain).decision

    assert decision(4.0, 0.99, 0.01) is Decision.IDENTIFIED
    assert decision(4.0, 0.90, 0.10) is Decision.PROBABLY
    assert decision(4.0, 0.50, 0.50) is Decision.AMBIGUOUS  # something of the pack, but not which
    assert decision(0.0, 0.99, 0.01) is Decision.UNKNOWN
    assert conclude(4.0, (0.5, 0.5), certain).look_alike_count == 2
    assert conclude(4.0, (0.9, 0.1), certain).look_alike_count == 0


def test_evidence_below_the_threshold_is_unknown_however_sure() -> None:
    strict = replace(CALIBRATION, certainty=Certainty(identified=0.6, probably=0.5), accept=5.0)

    assert conclude(4.9, (1.0,), strict).decision is Decision.UNKNOWN
    assert conclude(5.0, (1.0,), strict).decision is Decision.IDENTIFIED
