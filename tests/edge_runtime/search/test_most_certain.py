"""Which of several packs' answers counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.decisions.certainty import certainty
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.decisions.text_bands import TextBand
from edge_identify.edge_runtime.search.most_certain import PackAnswers, best_fitting, most_certain
from example_answers import decided, uncalibrated


def with_confidence(answer: Identification, confidence: float) -> Identification:
    return replace(answer, matches=(replace(answer.best, confidence=confidence), *answer.matches[1:]))


def text(score: float, band: TextBand | None) -> Identification:
    answer = replace(uncalibrated(), kind="text")
    return replace(answer, matches=(replace(answer.best, score=score, band=band), *answer.matches[1:]))


def test_every_decision_has_its_place_and_no_decision_is_the_last() -> None:
    order = [Decision.IDENTIFIED, Decision.PROBABLY, Decision.AMBIGUOUS, Decision.UNKNOWN, None]

    assert set(order) == {*Decision, None}
    assert sorted(order, key=certainty, reverse=True) == order


@pytest.mark.parametrize("worse", [Decision.AMBIGUOUS, Decision.UNKNOWN])
def test_the_decision_goes_before_the_probability(worse: Decision) -> None:
    sure, other = with_confidence(decided(Decision.IDENTIFIED), 0.6), with_confidence(decided(worse), 0.99)

    assert most_certain([other, sure]) is sure
    assert most_certain([uncalibrated(), other]) is other


def test_the_probability_decides_among_equal_decisions_and_the_first_among_equal_answers() -> None:
    low, high = (with_confidence(decided(Decision.IDENTIFIED), share) for share in (0.7, 0.8))

    assert most_certain([low, high]) is high
    assert most_certain([low, replace(low)]) is low


def test_of_texts_the_band_goes_before_the_similarity() -> None:
    strong, fair, none = text(0.2, TextBand.STRONG), text(0.3, TextBand.FAIR), text(0.9, None)

    assert best_fitting([fair, none, strong]) is strong
    assert best_fitting([none, text(0.95, None)]).best.score == 0.95


def test_the_time_is_that_of_all_packs() -> None:
    answers = decided(Decision.UNKNOWN), decided(Decision.IDENTIFIED)

    found = PackAnswers(answers=answers, prepare_s=1, encode_s=2).most_certain()
    times = found.times

    assert found.decision is Decision.IDENTIFIED

    assert (times.prepare, times.encode) == (1, 2)
    assert times.search == sum(answer.times.search for answer in answers)
    assert times.decide == sum(answer.times.decide for answer in answers)
