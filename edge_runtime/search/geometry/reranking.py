"""What agreeing points change in an answer: which reference comes first, and, where they are many, how sure it is.

A newcomer would take agreeing points for proof that the photo shows that very thing. They prove that it shows that
very picture: a brand's other packages, and other mosaics of one design, have much of it. So among the candidates points
weigh heavily, and for the question whether the photo shows any of them only those count that go beyond what
look-alikes have:

    share_i  ~  share_i * (1 + points_i) ^ 4
    evidence =  evidence + 2 * log(points_1 / 24)   where the first reference has more than 24

Measured by `benchmarks/geometry.py`. The exponent gave the best log-likelihood of the right reference, or within .006
of it, for packages (368 photos) and mosaics (274 and 149). Of these photos with the right reference left out, 95 of 100
have at most 22 (packages), 43 and 45 points with another. 24 and 2 accepted no more photos of things that are not in
the pack than without (3 of 67; .029 and .027 of mosaics left out), and of those that are .82 and .52 rather than .71
and .42. With 8 instead of 24 four times as many unknown things were accepted. Having no points says nothing: an apple
has none either.
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

EXPONENT = 4  # of the points in a share
_OF_LOOK_ALIKES = 24  # points that a look-alike may have
_WEIGHT = 2.0


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
    evidence = found.verdict.evidence + evidence_of_points(points[order[0]])
    verdict = conclude(evidence, [shares[at] for at in (*order, *rest)], calibration)
    return replace(
        found,
        matches=_ranked(counted, order, verdict.confidences, top_k),
        verdict=verdict,
        look_alikes=_look_alikes([counted[at] for at in order[: verdict.look_alike_count]]),
    )


def evidence_of_points(count: int) -> float:
    """Return what the first reference's agreeing points add to the log-odds that the photo shows something known."""
    return _WEIGHT * math.log(max(1.0, count / _OF_LOOK_ALIKES))


def _shares(verdict: Verdict, points: Sequence[int]) -> list[float] | None:
    """Return the new share of each reference that has a confidence, in the old order; None where nobody has any."""
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
