"""What agreeing points change in an answer: which reference comes first, and never whether the photo is known.

A newcomer would take many agreeing points for proof that the photo shows that very thing. They prove that it shows
that very picture: a brand's other packages, and other mosaics of one design, have much of it. Telling known things from
unknown ones by their points was no better than by similarity (`benchmarks/geometry.py`).
Among the candidates, though, points tell which:

    share_i  ~  share_i * (1 + points_i) ^ 4

The exponent gave the best log-likelihood of the right reference, or within .04 of it, on all three groups it was
measured with: packages, and mosaics photographed on another day or perhaps the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.deciding.decision import conclude
from edge_identify.edge_runtime.deciding.look_alikes import LookAlikes, compare_look_alikes

if TYPE_CHECKING:
    from edge_identify.edge_runtime.deciding.calibration import Calibration
    from edge_identify.edge_runtime.deciding.decision import Verdict
    from edge_identify.edge_runtime.finding import Identification, Match

_EXPONENT = 4


def rerank(
    found: Identification, points: Sequence[int], calibration: Calibration | None, *, top_k: int
) -> Identification:
    """Return an answer whose candidates are in the order that their looks and their agreeing points give them.

    Args:
        found: The answer without points, with all candidates as its matches.
        points: How many points agree with each match; 0 for what was not found.
        calibration: That its verdict was made with; None where it has none.
        top_k: How many matches the answer keeps.
    """
    counted = [replace(match, matched_points=count) for match, count in zip(found.matches, points, strict=True)]
    if found.verdict is None or calibration is None:
        order = sorted(range(len(points)), key=lambda at: (-points[at], at))
        return replace(found, matches=_ranked(counted, order, [None] * len(order), top_k))
    shares = _shares(found.verdict, points)
    if shares is None:
        return replace(found, matches=tuple(counted[:top_k]))
    order = sorted(range(len(points)), key=lambda at: (-shares[at], at))
    rest = range(len(points), len(shares))
    verdict = conclude(found.verdict.evidence, [shares[at] for at in (*order, *rest)], calibration)
    return replace(
        found,
        matches=_ranked(counted, order, verdict.confidences, top_k),
        verdict=verdict,
        look_alikes=_look_alikes([counted[at] for at in order[: verdict.look_alike_count]]),
    )


def _shares(verdict: Verdict, points: Sequence[int]) -> list[float] | None:
    """Return the new share of each reference that has a confidence, in the old order; None where nobody has any."""
    weights = list(verdict.confidences)
    for at, count in enumerate(points):
        weights[at] *= (1 + count) ** _EXPONENT
    together = sum(weights)
    return [weight / together for weight in weights] if together > 0 else None


def _ranked(
    matches: Sequence[Match], order: Sequence[int], confidences: Sequence[float | None], top_k: int
) -> tuple[Match, ...]:
    ranked = zip(order[:top_k], confidences, strict=False)
    return tuple(
        replace(matches[at], rank=rank, confidence=confidence) for rank, (at, confidence) in enumerate(ranked, start=1)
    )


def _look_alikes(matches: Sequence[Match]) -> LookAlikes | None:
    return compare_look_alikes([match.reference for match in matches]) if matches else None
