"""Agreeing points as evidence: which reference the photo shows, and whether it shows any.

Agreeing points prove that the photo shows the same printed or drawn image. Other packages of a brand share most of the
print, and any two tile grids agree in part. So what a count is worth is measured for each pack, together with the lead
over all other references, and with the similarity:

    share_i  ~  share_i ^ share_exponent * (1 + points_i) ^ points_exponent
    lead     =  max(0, log(1 + points_1) - log(1 + most points of another reference))
    evidence =  intercept + evidence_weight * evidence + count_weight * log(1 + points_1) + lead_weight * lead

1 is the first reference in the new order. The evidence and the shares on the right are those from similarity, with the
photo's position and filters if there are any. No points are no evidence against a reference: a plain thing, such as an
apple, has none.

Packs whose calibration has no constants for points use those below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.decision import conclude

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.calibration import Calibration, PointCalibration
    from edge_identify.edge_runtime.decisions.decision import Verdict

# Packs built before points were calibrated: shares gain by the fourth power, and points beyond 24, which look-alikes
# reach, add to the evidence. Measured by `benchmarks/geometry.py` with SIFT points: with the right reference left out,
# the 95th percentile of points with another reference was 22 (packages) and 45 (mosaics).
EXPONENT = 4
_OF_LOOK_ALIKES = 24
_WEIGHT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PointVerdict:
    """A decision from similarity and agreeing points.

    Attributes:
        verdict: The decision; its confidences are in the new order.
        order: Indices of the references in the new order.
    """

    verdict: Verdict
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFeatures:
    """What the points of a photo add to the features of its scores.

    Attributes:
        order: Indices of the references, likeliest first.
        shares: Share of each reference in that order; they sum to 1.
        count: Log of 1 + points of the first reference.
        lead: `lead` of the module's docstring, 0 or more.
    """

    order: tuple[int, ...]
    shares: tuple[float, ...]
    count: float
    lead: float


def decide_with_points(verdict: Verdict, points: Sequence[int], calibration: Calibration) -> PointVerdict | None:
    """Decide again with the agreeing points of the first references.

    Args:
        verdict: The decision from similarity.
        points: Number of agreeing points of each first reference; 0 if it was not compared. At most as many as the
            verdict has confidences.
        calibration: Calibration of the variant in use.

    Returns:
        The decision; None if all confidences are 0: then nothing can be ranked.
    """
    rule = calibration.points
    counts = [*points, *[0] * (len(verdict.confidences) - len(points))]
    exponents = (1.0, float(EXPONENT)) if rule is None else (rule.share_exponent, rule.points_exponent)
    # The constants for points were fitted to confidences before any correction.
    before = verdict.confidences if verdict.uncorrected is None else verdict.uncorrected
    features = point_features(before, counts, *exponents)
    if features is None:
        return None
    if rule is None:
        evidence = verdict.evidence + evidence_of_points(counts[features.order[0]])
        decided = conclude(evidence, features.shares, calibration)
    else:
        with_points = replace(calibration, accept=rule.accept, certainty=rule.certainty, correction=rule.correction)
        decided = conclude(evidence_with_points(verdict.evidence, features, rule), features.shares, with_points)
    return PointVerdict(verdict=decided, order=features.order)


def point_features(
    shares: Sequence[float], counts: Sequence[int], share_exponent: float, points_exponent: float
) -> PointFeatures | None:
    """Return the order, shares, count and lead of a photo's references; None if all shares are 0.

    Args:
        shares: Shares from similarity, any common factor, at least one.
        counts: Number of agreeing points of each.
        share_exponent: See the module's docstring.
        points_exponent: See the module's docstring.
    """
    logs = [
        share_exponent * math.log(share) + points_exponent * math.log1p(count) if share > 0 else -math.inf
        for share, count in zip(shares, counts, strict=True)
    ]
    most = max(logs)
    if most == -math.inf:
        return None
    weights = [math.exp(value - most) for value in logs]
    together = sum(weights)
    order = sorted(range(len(weights)), key=lambda at: (-weights[at], at))
    first = math.log1p(counts[order[0]])
    others = max((math.log1p(counts[at]) for at in order[1:]), default=0.0)
    return PointFeatures(
        order=tuple(order),
        shares=tuple(weights[at] / together for at in order),
        count=first,
        lead=max(0.0, first - others),
    )


def evidence_with_points(evidence: float, features: PointFeatures, rule: PointCalibration) -> float:
    """Return the log-odds that the photo shows something in the pack, from similarity and points.

    Args:
        evidence: The evidence from similarity.
        features: The features of the points.
        rule: The pack's constants.
    """
    return (
        rule.intercept
        + rule.evidence_weight * evidence
        + rule.count_weight * features.count
        + rule.lead_weight * features.lead
    )


def evidence_of_points(count: int) -> float:
    """Return the log-odds that the first reference's points add in a pack without constants for them, 0 or more."""
    return _WEIGHT * math.log(max(1.0, count / _OF_LOOK_ALIKES))
