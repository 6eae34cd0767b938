"""Agreeing points change the ranking; they change known or unknown only if they are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.edge_runtime.answers.identification import Identification, Match, StageSeconds
from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.decisions.decision import Decision, decide
from edge_identify.edge_runtime.decisions.look_alikes import compare_look_alikes
from edge_identify.edge_runtime.decisions.point_evidence import evidence_of_points
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.search.geometry.reranking import rerank

CALIBRATION = Calibration(
    measured_with="x",
    neighbours=20,
    score_weight=40.0,
    contrast_weight=0.0,
    margin_weight=0.0,
    intercept=-20.0,
    temperature=0.05,
    accept=0.0,
    least_share=0.7,
    false_accept_rate=0.02,
    genuine_count=10,
    impostor_count=10,
    false_accepts=0.0,
    true_accepts=1.0,
)


def answer(scores: Sequence[float], *, calibration: Calibration | None = CALIBRATION) -> Identification:
    verdict = None if calibration is None else decide(scores, calibration)
    confidences: Sequence[float | None] = verdict.confidences if verdict else [None] * len(scores)
    matches = tuple(
        Match(reference=Reference(id=f"r{at}", name=f"R {at}"), score=score, rank=at + 1, confidence=confidences[at])
        for at, score in enumerate(scores)
    )
    alike = matches[: verdict.look_alike_count] if verdict else ()
    return Identification(
        matches=matches,
        pack_name="p",
        pack_version="1.0.0",
        variant_name="x",
        times=StageSeconds(prepare=0, encode=0, search=0, decide=0),
        verdict=verdict,
        look_alikes=compare_look_alikes([match.reference for match in alike]) if alike else None,
    )


def ids(found: Identification) -> list[str]:
    return [match.reference.id for match in found.matches]


def test_the_reference_whose_points_agree_comes_first_and_ambiguity_ends() -> None:
    before = answer([0.80, 0.79, 0.78, 0.3])
    assert before.decision is Decision.AMBIGUOUS

    after = rerank(before, [0, 0, 25, 0], CALIBRATION, top_k=3)

    assert ids(after) == ["r2", "r0", "r1"]
    assert [match.rank for match in after.matches] == [1, 2, 3]
    assert [match.matched_points for match in after.matches] == [25, 0, 0]
    assert after.decision is Decision.IDENTIFIED
    assert after.look_alikes is None
    assert after.matches[0].confidence is not None
    assert after.matches[0].confidence > 0.9
    assert after.matches[0].score == 0.78


def test_points_of_two_look_alikes_leave_them_look_alikes() -> None:
    after = rerank(answer([0.80, 0.79, 0.78, 0.3]), [0, 21, 20, 0], CALIBRATION, top_k=4)

    assert after.decision is Decision.AMBIGUOUS
    assert after.look_alikes is not None
    assert [reference.id for reference in after.look_alikes.references] == ["r1", "r2"]


def test_an_unknown_photo_stays_unknown_with_as_many_points_as_look_alikes_have() -> None:
    before = answer([0.499, 0.48])
    assert before.decision is Decision.UNKNOWN

    after = rerank(before, [0, 24], CALIBRATION, top_k=2)

    assert after.decision is Decision.UNKNOWN
    assert ids(after) == ["r1", "r0"]
    assert after.verdict is not None
    assert before.verdict is not None
    assert after.verdict.known_probability == before.verdict.known_probability


def test_a_photo_that_is_almost_known_is_known_with_more_points_than_look_alikes_have() -> None:
    after = rerank(answer([0.49, 0.48]), [0, 60], CALIBRATION, top_k=2)

    assert after.decision is Decision.IDENTIFIED
    assert ids(after) == ["r1", "r0"]


def test_a_photo_of_something_else_stays_unknown_with_any_points() -> None:
    assert rerank(answer([0.2, 0.1]), [0, 500], CALIBRATION, top_k=2).decision is Decision.UNKNOWN


def test_points_never_speak_against_a_photo_and_more_never_speak_less() -> None:
    evidence = [evidence_of_points(count) for count in range(600)]

    assert evidence == sorted(evidence)
    assert evidence[24] == 0 < evidence[25]


def test_references_past_those_that_were_compared_keep_their_share() -> None:
    before = answer([0.80, 0.79, 0.78, 0.77])
    compared = replace(before, matches=before.matches[:2])

    after = rerank(compared, [0, 3], CALIBRATION, top_k=2)

    assert before.verdict is not None
    assert after.verdict is not None
    raised = [1, 4**4, 1, 1]
    weights = [confidence * by for confidence, by in zip(before.verdict.confidences, raised, strict=True)]
    shares = [weights[at] / sum(weights) for at in (1, 0, 2, 3)]
    assert after.verdict.confidences == pytest.approx([after.verdict.known_probability * share for share in shares])
    assert [match.confidence for match in after.matches] == list(after.verdict.confidences[:2])


def test_without_points_nothing_changes_but_that_they_were_looked_for() -> None:
    before = answer([0.80, 0.79, 0.78, 0.3])

    after = rerank(before, [0, 0, 0, 0], CALIBRATION, top_k=4)

    assert ids(after) == ids(before)
    assert after.verdict is not None
    assert before.verdict is not None
    assert after.verdict.confidences == pytest.approx(before.verdict.confidences)
    assert (after.decision, after.look_alikes) == (before.decision, before.look_alikes)
    assert {match.matched_points for match in after.matches} == {0}


def test_an_uncalibrated_answer_is_ordered_by_points_and_stays_uncalibrated() -> None:
    after = rerank(answer([0.80, 0.79, 0.78], calibration=None), [0, 9, 30], None, top_k=2)

    assert ids(after) == ["r2", "r1"]
    assert after.verdict is None
    assert [match.confidence for match in after.matches] == [None, None]


def test_a_photo_that_nothing_speaks_for_keeps_its_order() -> None:
    hopeless = replace(CALIBRATION, intercept=-1e6)
    after = rerank(answer([0.8, 0.7], calibration=hopeless), [0, 50], hopeless, top_k=2)

    assert ids(after) == ["r0", "r1"]
    assert after.decision is Decision.UNKNOWN


@given(
    scores=st.lists(st.floats(-1, 1), min_size=1, max_size=25).map(lambda found: sorted(found, reverse=True)),
    data=st.data(),
)
def test_any_points_give_an_answer_that_holds_together(scores: list[float], data: st.DataObject) -> None:
    before = answer(scores)
    points = data.draw(st.lists(st.integers(0, 500), min_size=len(scores), max_size=len(scores)))
    top_k = data.draw(st.integers(1, 30))

    after = rerank(before, points, CALIBRATION, top_k=top_k)

    assert before.verdict is not None
    assert after.verdict is not None
    assert len(after.matches) == min(top_k, len(scores))
    assert set(ids(after)) <= set(ids(before))
    assert after.verdict.known_probability >= before.verdict.known_probability
    assert sum(after.verdict.confidences) == pytest.approx(after.verdict.known_probability)
    confidences = [match.confidence for match in after.matches]
    assert confidences == list(after.verdict.confidences[: len(confidences)])
    assert (after.look_alikes is not None) == (after.decision is Decision.AMBIGUOUS)
