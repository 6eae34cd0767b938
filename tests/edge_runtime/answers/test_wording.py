"""The words and the reasons."""

from dataclasses import replace

import pytest

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.answers.wording import (
    decision_in_words,
    facts,
    location,
    places_in_words,
    points_in_words,
    reason,
)
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
from edge_identify.edge_runtime.pack.references import Reference
from example_answers import CAT, DOG, decided, placed, uncalibrated


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (Decision.IDENTIFIED, "identified, 92%"),
        (Decision.PROBABLY, "probably, 82%: check it"),
        (Decision.AMBIGUOUS, "ambiguous, one of 2 look-alikes, all museum · cat"),
        (Decision.UNKNOWN, "unknown"),
    ],
)
def test_the_decision_is_the_only_word_of_certainty(decision: Decision, said: str) -> None:
    assert decision_in_words(decided(decision)) == said


def test_a_reason_says_what_speaks_for_a_probable_reference_and_that_it_is_too_little() -> None:
    found = decided(Decision.PROBABLY)
    first, second = found.matches
    level = replace(found, matches=(first, replace(second, score=first.score)))
    pointed = replace(found, matches=(replace(first, matched_points=34), replace(second, matched_points=9)))

    assert reason(found) == (
        "stands out from the runner-up by 0.03 in similarity (0.91; 1 is identical): too little to be certain "
        "(95% that it is something in the pack)"
    )
    assert "others look as similar (0.91; 1 is identical): too little" in reason(level)
    assert reason(pointed).startswith("34 points of its image agree with the photo, 9 of another reference (similarity")
    assert points_in_words(pointed) == ""  # the reason tells them
    assert "no known thing looks as similar (0.91" in reason(replace(found, matches=(first,)))


def test_look_alikes_that_share_nothing_are_not_said_to() -> None:
    found = decided(Decision.AMBIGUOUS)
    assert found.look_alikes is not None
    apart = replace(found, look_alikes=replace(found.look_alikes, namespace="", labels={}))

    assert decision_in_words(found) == "ambiguous, one of 2 look-alikes, all museum · cat"
    assert decision_in_words(apart) == "ambiguous, one of 2 look-alikes"


def test_a_reason_never_boasts_of_a_margin_that_is_none() -> None:
    for decision in Decision:
        found = decided(decision)
        first, second = found.matches
        turned = replace(found, matches=(replace(first, score=0.5), replace(second, score=0.6)))
        assert "-0.1" not in reason(turned), decision

    placed = tuple(
        replace(match, place=PlaceEvidence(distance_m=9.0, score=50.0, vision_confidence=0.4))
        for match in turned.matches
    )
    found = replace(decided(Decision.IDENTIFIED), matches=placed)
    assert "where the photo was taken speaks for it" in reason(found)


def test_a_position_is_told_with_its_use_or_why_it_has_none() -> None:
    used = placed(decided(Decision.IDENTIFIED), accuracy_m=20)
    useless, undecided = placed(decided(Decision.UNKNOWN), is_used=False), placed(uncalibrated(), is_used=False)

    def said(answer: Identification) -> list[str]:
        return places_in_words(answer, with_coordinates=True)

    assert said(used) == [
        "place: 12.34567, -76.54321 (the photo says, within 20 m)",
        "1: looks 60%, 68 m away (odds x 12), together 92%",
        "2: looks 35%, of unknown place (odds x 1.0), together 46%",
    ]
    assert said(useless) == ["place: 12.34567, -76.54321 (the photo says), which tells nothing apart here"]
    assert said(undecided) == [
        "place: 12.34567, -76.54321 (the photo says); not used, because this pack has no calibration for its encoder"
    ]
    assert said(decided(Decision.UNKNOWN)) == []


def test_the_facts_of_a_reference_are_those_it_has() -> None:
    assert facts(CAT) == ["cat-1 · museum · cat", "1.50000, -2.50000", "https://example.org/cat"]
    assert facts(DOG) == []
    assert location(Reference(id="x", name="x", latitude=1.0)) == ""
