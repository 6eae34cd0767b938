"""Photos to inspect after an evaluation: confused pairs of references, worst answers, slowest photos.

Each photo is an object for JSON; `evaluation_figures` describes its keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from edge_identify.convert.evaluating.evaluation import Outcome
from edge_identify.edge_runtime.decisions.decision import Decision

MOST_PAIRS = 20  # as many as a person looks through
MOST_PHOTOS = 12


def confusable_pairs(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return at most `MOST_PAIRS` confused pairs of references, by falling frequency, then by id.

    A pair has `right`, `taken_for`, `photos` (photos of `right` whose nearest reference is `taken_for`, for any
    decision), `identified` and `probably` (how many of them were called identified, and probably).
    """
    nearest = [(one, (one.query.reference_id, one.nearest_ids[0])) for one in outcomes if _is_mistaken(one)]
    counted = Counter(pair for _, pair in nearest)
    decided = Counter((pair, _decision(one)) for one, pair in nearest)
    ordered = sorted(counted, key=lambda pair: (-counted[pair], pair))
    return [
        {
            "right": pair[0],
            "taken_for": pair[1],
            "photos": counted[pair],
            "identified": decided[pair, Decision.IDENTIFIED],
            "probably": decided[pair, Decision.PROBABLY],
        }
        for pair in ordered[:MOST_PAIRS]
    ]


def worst_photos(outcomes: Sequence[Outcome]) -> dict[str, list[dict[str, Any]]]:
    """Return at most `MOST_PHOTOS` of the worst answers of each kind.

    - `wrong`: photos of references whose first match is another reference, the most confident first.
    - `not_in_pack`: photos of other things that are accepted, the most confident first.
    - `refused`: photos whose first match is right and that are called unknown, the least evidence first.

    For a pack that is not calibrated, the similarity is the confidence, and nothing is accepted or refused.
    """
    accepted = (one for one in outcomes if not one.query.reference_id and _is_accepted(one))
    refused = (one for one in outcomes if one.rank == 1 and _decision(one) is Decision.UNKNOWN)
    return {
        "wrong": _first((one for one in outcomes if _is_mistaken(one)), lambda one: -_sureness(one)),
        "not_in_pack": _first(accepted, lambda one: -_sureness(one)),
        "refused": _first(refused, _evidence),
    }


def slowest_photos(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the `MOST_PHOTOS` photos that took longest to read, decode and resize, the slowest first."""
    timed = [one for one in outcomes if one.prepare_ms is not None]
    return _first(timed, lambda one: -(one.prepare_ms or 0.0))


def _first(outcomes: Iterable[Outcome], key: Callable[[Outcome], float]) -> list[dict[str, Any]]:
    return [_photo(one) for one in sorted(outcomes, key=key)[:MOST_PHOTOS]]


def _photo(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    return {
        "photo": str(outcome.query.photo),
        "name": outcome.query.name,
        "id": outcome.query.reference_id,
        "nearest": outcome.nearest_ids[0] if outcome.nearest_ids else None,
        "rank": outcome.rank,
        "similarity": round(outcome.best_score, 4),
        "decision": None if verdict is None else str(verdict.decision),
        "confidence": None if verdict is None else round(verdict.confidences[0], 4),
        "evidence": None if verdict is None else round(verdict.evidence, 4),
        "prepare_ms": None if outcome.prepare_ms is None else round(outcome.prepare_ms, 1),
    }


def _is_mistaken(outcome: Outcome) -> bool:
    return bool(outcome.query.reference_id and outcome.nearest_ids) and outcome.rank != 1


def _is_accepted(outcome: Outcome) -> bool:
    return outcome.verdict is not None and outcome.verdict.decision is not Decision.UNKNOWN


def _decision(outcome: Outcome) -> Decision | None:
    return None if outcome.verdict is None else outcome.verdict.decision


def _sureness(outcome: Outcome) -> float:
    return outcome.best_score if outcome.verdict is None else outcome.verdict.confidences[0]


def _evidence(outcome: Outcome) -> float:
    return 0.0 if outcome.verdict is None else outcome.verdict.evidence
