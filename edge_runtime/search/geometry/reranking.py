"""The answer with its agreeing points: ranked and decided again. `decisions.point_evidence` has the rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.decisions.likely_kind import LikelyKind, likely_kind
from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes, compare_look_alikes
from edge_identify.edge_runtime.decisions.point_evidence import decide_with_points

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification, Match
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.decisions.decision import Verdict
    from edge_identify.edge_runtime.pack.references import Reference


def rerank(
    found: Identification, points: Sequence[int], calibration: Calibration | None, *, top_k: int
) -> Identification:
    """Return an answer with its candidates ranked by score and agreeing points, and its decision made again.

    Args:
        found: The answer without points, with all candidates as its matches.
        points: Number of agreeing points of each match; 0 if the match was not compared.
        calibration: The calibration of the answer's verdict; None for an uncalibrated encoder. Then only the order
            changes: by points, then by score.
        top_k: Number of matches to keep.
    """
    counted = [replace(match, matched_points=count) for match, count in zip(found.matches, points, strict=True)]
    if found.verdict is None or calibration is None:
        order = sorted(range(len(points)), key=lambda at: (-points[at], at))
        return replace(found, matches=_ranked(counted, order, [None] * len(order), top_k))
    decided = decide_with_points(found.verdict, points, calibration)
    if decided is None:
        return replace(found, matches=tuple(counted[:top_k]))
    order = [at for at in decided.order if at < len(counted)]
    verdict = decided.verdict
    return replace(
        found,
        matches=_ranked(counted, order, verdict.confidences, top_k),
        verdict=verdict,
        look_alikes=_look_alikes([counted[at] for at in order[: verdict.look_alike_count]]),
        likely_kind=_likely_kind([counted[at].reference for at in order], verdict),
    )


def _ranked(
    matches: Sequence[Match], order: Sequence[int], confidences: Sequence[float | None], top_k: int
) -> tuple[Match, ...]:
    ranked = zip(order[:top_k], confidences, strict=False)
    return tuple(
        replace(matches[at], rank=rank, confidence=confidence) for rank, (at, confidence) in enumerate(ranked, start=1)
    )


def _likely_kind(references: Sequence[Reference], verdict: Verdict) -> LikelyKind | None:
    return None if verdict.decision is Decision.IDENTIFIED else likely_kind(references, verdict.confidences)


def _look_alikes(matches: Sequence[Match]) -> LookAlikes | None:
    return compare_look_alikes([match.reference for match in matches]) if matches else None
