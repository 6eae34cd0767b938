"""Several photos of one thing as one question: how many references are asked for changes no score."""

from __future__ import annotations

import random

from edge_identify.edge_runtime.decisions.several_photos import DEPTH
from edge_identify.edge_runtime.search.ranked_references import Nearest, fused


def ranked(seed: int, count: int) -> list[Nearest]:
    """References as one photo finds them, the same first ones whatever the count."""
    order = list(range(600))
    random.Random(seed).shuffle(order)
    return [
        Nearest(reference_id=str(each), score=0.9 - at / 1000, index_id=each) for at, each in enumerate(order[:count])
    ]


def test_asking_for_more_references_than_are_fused_changes_no_score_and_no_order() -> None:
    few = fused([ranked(1, DEPTH), ranked(2, DEPTH)])
    many = fused([ranked(1, 500), ranked(2, 500)])

    assert many[: len(few)] == few
    assert len({nearest.reference_id for nearest in many}) == len(many) > len(few)
    scores = [nearest.score for nearest in many]
    assert scores == sorted(scores, reverse=True)


def test_one_photo_alone_keeps_what_it_found() -> None:
    found = ranked(3, 450)
    assert [nearest.reference_id for nearest in fused([found])] == [nearest.reference_id for nearest in found]
