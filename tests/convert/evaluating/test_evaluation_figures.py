"""Figures of outcomes that are counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_identify.convert.evaluating.evaluation import Evaluation, Outcome, Query
from edge_identify.convert.evaluating.evaluation_figures import group_figures, grouping_columns, report_figures

MakeOutcome = Callable[..., Outcome]


def test_recall_counts_right_answers_within_the_first_one_and_five(outcome: MakeOutcome) -> None:
    outcomes = (
        outcome("a", "a", tier="x"),
        outcome("b", "a", "b", tier="x"),
        outcome("c", "1", "2", "3", "4", "c", tier="y"),
        outcome("d", "a", tier="y"),
        outcome("", "a", tier="y"),
    )

    figures = report_figures(Evaluation(outcomes=outcomes, left_out=()), columns=["tier"])

    whole = figures["all"]
    assert (whole["queries"], whole["recall@1"], whole["recall@5"], whole["not_in_pack"]) == (4, 0.25, 0.75, 1)
    assert "decisions" not in whole
    assert figures["groups"] == figures["by_column"]["tier"]
    assert (figures["groups"]["x"]["recall@1"], figures["groups"]["x"]["recall@5"]) == (0.5, 1.0)
    assert figures["groups"]["y"]["recall@1"] == 0.0
    assert figures["intervals"]["resamples"] == 2000


def test_a_group_of_strangers_only_has_no_recall_rather_than_a_zero(outcome: MakeOutcome) -> None:
    figures = group_figures([outcome("", "a")])

    assert (figures["queries"], figures["recall@1"], figures["recall@5"], figures["not_in_pack"]) == (0, None, None, 1)
    assert figures["auroc_score"] is None
    assert figures["intervals"]["recall@1"] is None


def test_decisions_come_with_the_figures_and_their_intervals(outcome: MakeOutcome) -> None:
    outcomes = [
        outcome("a", "a", decision="identified", confidence=0.9, evidence=2, score=0.9),
        outcome("b", "a", "b", decision="ambiguous", confidence=0.4, evidence=1, score=0.3, alike=("a", "b")),
        outcome("c", "a", decision="ambiguous", confidence=0.4, evidence=1, score=0.8, alike=("a", "b")),
        outcome("", "a", decision="unknown", confidence=0.1, evidence=-1, score=0.5),
    ]

    figures = group_figures(outcomes)

    known = figures["decisions"]["known"]
    assert (known["ambiguous_with_right"], known["ambiguous_without_right"]) == (1, 1)
    assert figures["decisions"]["auroc_evidence"] == 1.0
    assert figures["auroc_score"] == figures["decisions"]["auroc_score"] == 0.6667
    assert set(figures["intervals"]) == {
        "recall@1", "recall@5", "auroc_score", "false_accept_rate", "false_reject_rate", "right_accepted",
        "identified_right_share", "probably_right_share", "right_identified", "right_named", "auroc_evidence", "ece",
    }  # fmt: skip


def test_a_group_of_known_photos_is_told_from_all_strangers(outcome: MakeOutcome) -> None:
    outcomes = (
        outcome("a", "a", tier="easy", decision="identified", evidence=3, score=0.9),
        outcome("a", "b", tier="hard", decision="unknown", evidence=0, score=0.3),
        outcome("", "b", tier="strange", decision="unknown", evidence=1, score=0.2),
        outcome("", "b", tier="strange", decision="unknown", evidence=-1, score=0.4),
    )

    groups = report_figures(Evaluation(outcomes=outcomes, left_out=()), columns=["tier"])["groups"]

    assert groups["easy"]["against_all_others"] == {"auroc_score": 1.0, "auroc_evidence": 1.0}
    assert groups["hard"]["against_all_others"] == {"auroc_score": 0.5, "auroc_evidence": 0.5}
    assert groups["strange"]["against_all_others"] == {"auroc_score": None, "auroc_evidence": None}


def test_a_column_groups_if_it_sorts_many_photos_into_a_few() -> None:
    queries = [
        Query(photo=Path("x"), reference_id="a", columns={"query": str(at), "id": "a", "tier": "ab"[at % 2],
                                                          "hash": str(at), "set": "one", "": ""})
        for at in range(10)
    ]  # fmt: skip

    assert grouping_columns(queries) == ("tier",)


def test_times_are_told_of_the_ordinary_and_of_the_slow_photo(outcome: MakeOutcome) -> None:
    outcomes = tuple(outcome("a", "a", prepare_ms=float(ms), photo=f"{ms}.jpg") for ms in range(1, 22))

    figures = report_figures(Evaluation(outcomes=outcomes, left_out=(), answer_ms=2.04), columns=[])

    assert figures["timing"] == {"prepare_ms_median": 11.0, "prepare_ms_p95": 20.0, "answer_ms_mean": 2.0}
    assert [photo["photo"] for photo in figures["slowest"]][:2] == ["21.jpg", "20.jpg"]
