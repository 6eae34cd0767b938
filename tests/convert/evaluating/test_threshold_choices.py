"""What a person can choose from after an evaluation, on given outcomes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from edge_identify.convert.evaluating.evaluation import Outcome
from edge_identify.convert.evaluating.threshold_choices import photograph_again, threshold_choices

MakeOutcome = Callable[..., Outcome]


def test_each_choice_counts_what_would_be_named_from_it_on(outcome: MakeOutcome) -> None:
    known = [
        outcome("a", "a" if at < 8 else "b", decision="probably", confidence=(95 - 10 * at) / 100) for at in range(10)
    ]
    others = [outcome("", "a", decision="unknown", confidence=confidence) for confidence in (0.5, 0.1, 0.0, 0.0)]

    choices = threshold_choices([*known, *others])

    assert len(choices) == 6
    assert choices[0] == {
        "least_confidence": 0.55, "named": 0.5, "right": 1.0, "right_names": 0.5, "strangers": 0.0,
    }  # fmt: skip
    assert choices[-1] == {
        "least_confidence": 0.05, "named": 1.0, "right": 0.6667, "right_names": 0.8, "strangers": 0.5,
    }  # fmt: skip
    for strict, loose in pairwise(choices):
        assert strict["named"] <= loose["named"]  # type: ignore[operator]


def test_equal_confidences_are_one_choice_and_without_decisions_there_is_none(outcome: MakeOutcome) -> None:
    assert len(threshold_choices([outcome("a", "a", decision="identified", confidence=1.0)] * 9)) == 1
    assert threshold_choices([outcome("a", "a")]) == []
    assert threshold_choices([outcome("", "a", decision="unknown")]) == []
    assert threshold_choices([outcome("a", "a", decision="unknown")])[0]["strangers"] is None


def test_references_that_are_often_mistaken_are_photographed_again(outcome: MakeOutcome) -> None:
    outcomes = [
        *[outcome("a", "b")] * 3,
        *[outcome("b", "a")] * 2,
        *[outcome("b", "b")] * 5,
        outcome("c", "a"),
        *[outcome("", "a")] * 4,
    ]

    assert photograph_again(outcomes) == [{"id": "a", "photos": 3, "wrong": 3}, {"id": "b", "photos": 7, "wrong": 2}]
