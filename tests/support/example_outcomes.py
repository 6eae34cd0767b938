"""Hand-written evaluation outcomes for tests of reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_identify.convert.evaluating.evaluation import Outcome, Query
from edge_identify.edge_runtime.decisions.decision import Decision, Verdict

MakeOutcome = Callable[..., Outcome]


@pytest.fixture
def outcome() -> MakeOutcome:
    """Return a function that makes an outcome."""
    return make_outcome


def make_outcome(
    shows: str,
    *nearest: str,
    decision: str | None = None,
    confidence: float = 0.5,
    evidence: float = 0.0,
    score: float = 0.5,
    alike: tuple[str, ...] = (),
    photo: str = "x.jpg",
    prepare_ms: float | None = None,
    **columns: str,
) -> Outcome:
    """Make the outcome of a photo of `shows` with nearest references `nearest`; calibrated if there is a decision."""
    verdict = None
    if decision is not None:
        verdict = Verdict(
            decision=Decision(decision),
            evidence=evidence,
            known_probability=0.5,
            confidences=(confidence,),
            look_alike_count=len(alike),
        )
    return Outcome(
        query=Query(photo=Path(photo), reference_id=shows, columns={"query": photo, "id": shows, **columns}),
        rank=nearest.index(shows) + 1 if shows in nearest else None,
        best_score=score,
        verdict=verdict,
        nearest_ids=nearest,
        look_alike_ids=alike,
        prepare_ms=prepare_ms,
    )
