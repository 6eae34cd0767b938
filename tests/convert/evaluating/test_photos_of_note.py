"""The choice of photos of note, on given outcomes."""

from __future__ import annotations

from collections.abc import Callable

from edge_identify.convert.evaluating.evaluation import Outcome
from edge_identify.convert.evaluating.photos_of_note import MOST_PAIRS, confusable_pairs, worst_photos

MakeOutcome = Callable[..., Outcome]


def test_pairs_are_counted_one_way_and_most_frequent_first(outcome: MakeOutcome) -> None:
    outcomes = [
        outcome("a", "b", "a", decision="identified"),
        outcome("a", "b", decision="unknown"),
        outcome("b", "a", decision="probably"),
        outcome("b", "b", decision="identified"),
        outcome("", "b", decision="identified"),
    ]

    assert confusable_pairs(outcomes) == [
        {"right": "a", "taken_for": "b", "photos": 2, "identified": 1, "probably": 0},
        {"right": "b", "taken_for": "a", "photos": 1, "identified": 0, "probably": 1},
    ]
    assert len(confusable_pairs([outcome(f"x{at}", "a") for at in range(50)])) == MOST_PAIRS


def test_the_worst_are_the_surest_wrong_ones_and_the_right_ones_with_the_least_evidence(outcome: MakeOutcome) -> None:
    outcomes = [
        outcome("a", "b", decision="unknown", confidence=0.2, photo="doubtful.jpg"),
        outcome("a", "b", decision="identified", confidence=0.9, photo="sure.jpg"),
        outcome("", "b", decision="identified", confidence=0.8, photo="stranger.jpg"),
        outcome("", "b", decision="probably", confidence=0.7, photo="probable.jpg"),
        outcome("", "b", decision="unknown", confidence=0.3, photo="noticed.jpg"),
        outcome("b", "b", decision="unknown", evidence=-1, photo="refused.jpg"),
        outcome("b", "b", decision="unknown", evidence=-5, photo="worse.jpg"),
        outcome("b", "b", decision="identified", evidence=5, photo="fine.jpg"),
    ]

    worst = worst_photos(outcomes)

    assert {kind: [photo["photo"] for photo in photos] for kind, photos in worst.items()} == {
        "wrong": ["sure.jpg", "doubtful.jpg"],
        "not_in_pack": ["stranger.jpg", "probable.jpg"],
        "refused": ["worse.jpg", "refused.jpg"],
    }
    assert worst["wrong"][0]["nearest"] == "b"


def test_without_calibration_the_most_similar_wrong_one_is_the_worst(outcome: MakeOutcome) -> None:
    worst = worst_photos([outcome("a", "b", score=0.5, photo="1"), outcome("a", "b", score=0.7, photo="2")])

    assert [photo["photo"] for photo in worst["wrong"]] == ["2", "1"]
    assert worst["not_in_pack"] == worst["refused"] == []
