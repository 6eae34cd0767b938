"""Figures of decisions, on rulings that are counted by hand."""

from __future__ import annotations

import numpy as np

from edge_identify.convert.evaluating.decision_figures import (
    Ruling,
    auroc,
    calibration_error,
    decision_figures,
    reliability_bins,
    risk_coverage,
)
from edge_identify.edge_runtime.decisions.decision import Decision, Verdict


def ruling(
    decision: str, *, evidence: float, score: float, known: bool = True, right: bool = False, named: bool = False
) -> Ruling:
    verdict = Verdict(
        decision=Decision(decision),
        evidence=evidence,
        known_probability=0.5,
        confidences=(0.5,),
        look_alike_count=2 if decision == "ambiguous" else 0,
    )
    return Ruling(verdict=verdict, score=score, is_known=known, is_right=right, is_among_look_alikes=named)


def test_every_photo_is_counted_where_it_belongs() -> None:
    figures = decision_figures(
        [
            ruling("identified", evidence=3, score=0.9, right=True),
            ruling("identified", evidence=2, score=0.8),
            ruling("ambiguous", evidence=2, score=0.8, right=True, named=True),
            ruling("ambiguous", evidence=2, score=0.8),
            ruling("unknown", evidence=-1, score=0.5, right=True),
            ruling("unknown", evidence=-2, score=0.4),
            ruling("identified", evidence=2, score=0.3, known=False),
            ruling("ambiguous", evidence=1, score=0.7, known=False),
            ruling("unknown", evidence=-3, score=0.6, known=False),
        ]
    )

    assert figures["known"] == {
        "photos": 6, "identified_right": 1, "identified_wrong": 1, "probably_right": 0, "probably_wrong": 0,
        "ambiguous": 2, "ambiguous_with_right": 1, "ambiguous_without_right": 1, "unknown": 2,
    }  # fmt: skip
    assert figures["not_in_pack"] == {"photos": 3, "identified": 1, "probably": 0, "ambiguous": 1, "unknown": 1}
    assert figures["false_accept_rate"] == 0.6667
    assert figures["false_reject_rate"] == 0.3333
    assert figures["right_accepted"] == 0.6667
    # Of 18 pairs the known photo has more evidence in 11 and as much in 3, and a higher score in 14.
    assert figures["auroc_evidence"] == round(12.5 / 18, 4)
    assert figures["auroc_score"] == round(14 / 18, 4)
    assert figures["ece"] == 0.5  # each photo has a bin of its own, and was said to be right or wrong alike


def test_each_word_that_names_a_reference_has_its_share_of_right_answers() -> None:
    figures = decision_figures(
        [
            *[ruling("identified", evidence=3, score=0.9, right=True)] * 3,
            *[ruling("probably", evidence=2, score=0.8, right=True)] * 2,
            ruling("probably", evidence=2, score=0.8),
            ruling("ambiguous", evidence=1, score=0.7, right=True, named=True),
            *[ruling("unknown", evidence=0, score=0.6, right=True)] * 2,
            ruling("identified", evidence=3, score=0.9, known=False),
            ruling("probably", evidence=2, score=0.8, known=False),
            ruling("unknown", evidence=-1, score=0.5, known=False),
        ]
    )

    assert (figures["known"]["probably_right"], figures["known"]["probably_wrong"]) == (2, 1)
    assert figures["not_in_pack"] == {"photos": 3, "identified": 1, "probably": 1, "ambiguous": 0, "unknown": 1}
    assert figures["identified_right_share"] == 0.75  # a photo of another thing counts: nobody can tell it apart
    assert figures["probably_right_share"] == 0.5
    shares = [figures[name] for name in ("right_identified", "right_named", "right_accepted")]
    assert shares == [0.375, 0.625, 0.75]
    assert figures["false_accept_rate"] == 0.6667


def test_without_photos_of_a_kind_its_figures_are_none() -> None:
    figures = decision_figures([ruling("unknown", evidence=0, score=0, known=False)])

    assert figures["false_accept_rate"] == 0
    unmeasured = (
        "false_reject_rate", "identified_right_share", "probably_right_share", "right_identified", "right_named",
        "right_accepted", "auroc_evidence",
    )  # fmt: skip
    assert {figures[key] for key in unmeasured} == {None}


def test_auroc_agrees_with_counting_pairs() -> None:
    rng = np.random.default_rng(0)
    known, others = rng.integers(0, 12, 40).tolist(), rng.integers(0, 9, 30).tolist()

    wins = sum((one > other) + (one == other) / 2 for one in known for other in others)

    assert auroc(known, others) == round(wins / 1200, 4)


def test_a_calibration_error_is_the_gap_between_what_is_said_and_what_comes_true() -> None:
    confidences = [0.1] * 100 + [0.9] * 100

    assert calibration_error(confidences, [i < 10 for i in range(100)] * 2) == 0.48
    alternating = [i % 10 == 0 for i in range(100)] + [i % 10 != 0 for i in range(100)]
    assert calibration_error(confidences, alternating) == 0
    assert calibration_error([1.0] * 50, [False] * 50) == 1
    assert calibration_error([0.25], [True]) == 0.75  # nine of the ten bins are empty


def test_the_bins_of_a_reliability_diagram_are_the_tenths_by_confidence() -> None:
    confidences = [at / 20 for at in range(20)]
    hits = [at >= 10 for at in range(20)]

    bins = reliability_bins(confidences[::-1], hits[::-1])

    assert [one["photos"] for one in bins] == [2] * 10
    assert bins[0] == {"photos": 2, "stated": 0.025, "came_true": 0.0}
    assert bins[9] == {"photos": 2, "stated": 0.925, "came_true": 1.0}
    gaps = [one["photos"] * abs(one["stated"] - one["came_true"]) for one in bins]
    assert calibration_error(confidences, hits) == round(sum(gaps) / 20, 4)
    assert reliability_bins([0.25], [True]) == [{"photos": 1, "stated": 0.25, "came_true": 1.0}]


def test_risk_falls_where_the_confident_answers_are_the_right_ones() -> None:
    points = risk_coverage([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0], [True] * 5 + [False] * 5)

    assert points[0] == {"coverage": 0.1, "risk": 0.0}
    assert points[4] == {"coverage": 0.5, "risk": 0.0}
    assert points[9] == {"coverage": 1.0, "risk": 0.5}
