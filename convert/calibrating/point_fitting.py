"""Fits the constants for agreeing points. Deterministic."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_identify.convert.calibrating.certainty_fitting import NamedReference, fit_certainty
from edge_identify.convert.calibrating.evidence_fitting import DECIMALS, fit_evidence, least_accepted, share_accepted
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, ScoredPhotos, verdict_of
from edge_identify.convert.calibrating.share_fitting import fit_exponents
from edge_identify.edge_runtime.decisions.calibration import Calibration, Certainty, PointCalibration
from edge_identify.edge_runtime.decisions.decision import sigmoid
from edge_identify.edge_runtime.decisions.point_evidence import PointFeatures, evidence_with_points, point_features

LEAST_RIGHT, LEAST_PROBABLY_RIGHT = 0.95, 0.75  # least precision of identified and of probably on simulated photos
# Shares of the rightly ranked, realistic photos above the thresholds. 368 photos of packages and 423 of mosaics, shares
# of .8 to .95 tried: with .85, .97 and .98 of the identified are right, and 3 of 67 unknown mosaics are identified;
# with .95, .91 of the packages are right, and 11 unknown mosaics are identified.
_KEPT_IDENTIFIED, _KEPT_PROBABLY = 0.85, 0.925
_LEAST_PHOTOS = 20  # fewer cannot fit six numbers


def fit_points(photos: ScoredPhotos, fitted: Calibration, sibling_rate: float | None) -> PointCalibration | None:
    """Fit the constants for points; None if too few photos were compared, or points tell nothing."""
    if min(len(photos.genuine), len(photos.strangers)) < _LEAST_PHOTOS:
        return None
    exponents = fit_exponents(photos.genuine, fitted)
    found = [[_point_row(photo, fitted, exponents) for photo in kind] for kind in photos.kinds()]
    inputs = [np.array([[row.evidence, row.features.count, row.features.lead] for row in kind]) for kind in found]
    weights = fit_evidence(*inputs)
    if not weights.any():
        return None
    evidence, count, lead, intercept = (round(float(weight), DECIMALS) for weight in weights)
    rule = PointCalibration(
        share_exponent=exponents[0],
        points_exponent=exponents[1],
        evidence_weight=evidence,
        count_weight=count,
        lead_weight=lead,
        intercept=intercept,
        accept=0.0,
        certainty=Certainty(identified=1.0, probably=1.0),
        false_accepts=0.0,
        sibling_accepts=0.0,
        true_accepts=0.0,
    )
    genuine, siblings, strangers = (
        [evidence_with_points(row.evidence, row.features, rule) for row in kind] for kind in found
    )
    accepts = [least_accepted(strangers, fitted.false_accept_rate)]
    if sibling_rate is not None:
        accepts.append(least_accepted(siblings, sibling_rate))
    has_realistic = any(photo.is_realistic for photo in photos.genuine)
    named = [
        NamedReference(
            confidence=sigmoid(value) * row.features.shares[0],
            is_right=row.features.order[0] == photo.right,
        )
        for photo, row, value in zip(photos.genuine, found[0], genuine, strict=True)
        if photo.is_realistic or not has_realistic
    ]
    rule = replace(
        rule,
        accept=max(accepts),
        certainty=fit_certainty(
            named, kept=(_KEPT_IDENTIFIED, _KEPT_PROBABLY), right=(LEAST_RIGHT, LEAST_PROBABLY_RIGHT)
        ),
    )
    return replace(
        rule,
        true_accepts=share_accepted(genuine, rule.accept),
        sibling_accepts=share_accepted(siblings, rule.accept),
        false_accepts=share_accepted(strangers, rule.accept),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _PointRow:
    """A photo's evidence from similarity, and its features with points."""

    evidence: float
    features: PointFeatures


def _point_row(photo: ScoredPhoto, fitted: Calibration, exponents: tuple[float, float]) -> _PointRow:
    verdict = verdict_of(photo, fitted)
    features = point_features(verdict.confidences, photo.compared(len(verdict.confidences)), *exponents)
    assert features is not None, "the first share of a softmax is above 0"
    return _PointRow(evidence=verdict.evidence, features=features)
