"""Geometry improves the ranking. It changes the decision known or unknown only if many points agree.

Agreeing points prove that the photo shows the same printed or drawn image, not the same thing: other packages of a
brand, and other mosaics of one design, share much of it. So points weigh heavily in the ranking of candidates. For the
evidence that the photo shows any of them, only points beyond the usual number of look-alikes count:

    share_i  ~  share_i * (1 + points_i) ^ 4
    evidence =  evidence + 2 * log(points_1 / 24)   if the first reference has more than 24 points

Measured by `benchmarks/geometry.py`:
- The exponent 4 gave the best log-likelihood of the right reference, or within .006 of it, for packages (368 photos)
  and mosaics (274 and 149 photos).
- With the right reference left out, the 95th percentile of points with another reference is 22 (packages), 43 and 45.
- With 24 and 2, no more photos of unknown things were accepted than without points (3 of 67; .029 and .027 of mosaics
  left out). Of known things, .82 and .52 were accepted rather than .71 and .42.
- With 8 instead of 24, four times as many unknown things were accepted.
No points are no evidence against a reference: a plain thing, such as an apple, has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.decision import conclude
from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes, compare_look_alikes

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification, Match
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.decisions.decision import Verdict

EXPONENT = 4  # exponent of the points in a share
_OF_LOOK_ALIKES = 24  # points that a look-alike may have
_WEIGHT = 2.0


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
    shares = _shares(found.verdict, points)
    if shares is None:
        return replace(found, matches=tuple(counted[:top_k]))
    order = sorted(range(len(points)), key=lambda at: (-shares[at], at))
    rest = range(len(points), len(shares))
    evidence = found.verdict.evidence + evidence_of_points(points[order[0]])
    verdict = conclude(evidence, [shares[at] for at in (*order, *rest)], calibration)
    return replace(
        found,
        matches=_ranked(counted, order, verdict.confidences, top_k),
        verdict=verdict,
        look_alikes=_look_alikes([counted[at] for at in order[: verdict.look_alike_count]]),
    )


def evidence_of_points(count: int) -> float:
    """Return the log-odds that the first reference's agreeing points add to the evidence, 0 or more."""
    return _WEIGHT * math.log(max(1.0, count / _OF_LOOK_ALIKES))


def _shares(verdict: Verdict, points: Sequence[int]) -> list[float] | None:
    """Return the new share of each reference, in the old order; None if all confidences are 0."""
    weights = list(verdict.confidences)
    for at, count in enumerate(points):
        weights[at] *= (1 + count) ** EXPONENT
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
