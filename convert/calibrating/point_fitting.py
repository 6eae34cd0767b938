"""Fits the constants for agreeing points. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.calibrating.certainty_fitting import fit_certainty, raise_probably
from edge_identify.convert.calibrating.correction_fitting import correction_of
from edge_identify.convert.calibrating.evidence_fitting import DECIMALS, fit_evidence, least_accepted, share_accepted
from edge_identify.convert.calibrating.named_reference import NamedReference
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, ScoredPhotos, verdict_of
from edge_identify.convert.calibrating.share_fitting import fit_exponents
from edge_identify.edge_runtime.decisions.calibration import Calibration, Certainty, PointCalibration
from edge_identify.edge_runtime.decisions.decision import Decision, shares_of, sigmoid
from edge_identify.edge_runtime.decisions.point_evidence import PointFeatures, evidence_with_points, point_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Least precision, on simulated photos, of the identified, of all named references, and of each that is "probably".
LEAST_RIGHT, LEAST_NAMED_RIGHT, LEAST_PROBABLY_RIGHT = 0.95, 0.9, 0.75
#: Shares of the rightly ranked, realistic photos above the thresholds for identified and probably. Of 368 real photos
#: of packages: with .8, .70 of the rightly ranked are identified, and .977 of the identified are right; with .85, .80
#: and .942; with .875, .82 and .933.
KEPT_WITH_POINTS = (0.8, 0.9)
_LEAST_PHOTOS = 20  # fewer cannot fit six numbers


def fit_points(photos: ScoredPhotos, fitted: Calibration, sibling_rate: float | None) -> PointCalibration | None:
    """Fit the constants for points; None if too few photos were compared, or points tell nothing.

    Args:
        photos: The photos whose points were compared.
        fitted: The calibration by similarity, with its least confidences: what it identifies is not compared.
        sibling_rate: As in `fit_calibration`.
    """
    if min(len(photos.genuine), len(photos.strangers)) < _LEAST_PHOTOS:
        return None
    exponents = fit_exponents(photos.genuine, fitted)
    weights = fit_evidence(*(_inputs(kind, fitted, exponents) for kind in photos.kinds()))
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
    limits = photos.limits(fitted.false_accept_rate, sibling_rate)
    rule = replace(rule, accept=max(least_accepted(_evidence(group, fitted, rule), rate) for group, rate in limits))
    certainty = fit_certainty(
        _named_with_points(photos.realistic(), fitted, rule),
        kept=KEPT_WITH_POINTS,
        right=(LEAST_RIGHT, LEAST_NAMED_RIGHT),
    )
    answered = _named_with_points(_answered(photos.realistic(), fitted, rule), fitted, rule)
    rule = replace(rule, certainty=raise_probably(certainty, answered, LEAST_PROBABLY_RIGHT))
    genuine, siblings, strangers = (
        share_accepted(_evidence(kind, fitted, rule), rule.accept) for kind in photos.kinds()
    )
    rule = replace(rule, true_accepts=genuine, sibling_accepts=siblings, false_accepts=strangers)
    stated = [*photos.realistic(), *photos.strangers]
    return replace(rule, correction=correction_of(_named_with_points(stated, fitted, rule)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _PointRow:
    """A photo's evidence from similarity, and its features with points."""

    evidence: float
    features: PointFeatures


def _inputs(photos: Sequence[ScoredPhoto], fitted: Calibration, exponents: tuple[float, float]) -> NDArray[np.float64]:
    rows = [_point_row(photo, fitted, exponents) for photo in photos]
    return np.array([[row.evidence, row.features.count, row.features.lead] for row in rows], dtype=np.float64)


def _evidence(photos: Sequence[ScoredPhoto], fitted: Calibration, rule: PointCalibration) -> list[float]:
    rows = [_point_row(photo, fitted, (rule.share_exponent, rule.points_exponent)) for photo in photos]
    return [evidence_with_points(row.evidence, row.features, rule) for row in rows]


def _answered(photos: Sequence[ScoredPhoto], fitted: Calibration, rule: PointCalibration) -> list[ScoredPhoto]:
    """Return the photos that a device compares and accepts."""
    compared = [photo for photo in photos if verdict_of(photo, fitted).decision is not Decision.IDENTIFIED]
    evidence = _evidence(compared, fitted, rule)
    return [photo for photo, value in zip(compared, evidence, strict=True) if value >= rule.accept]


def _named_with_points(
    photos: Sequence[ScoredPhoto], fitted: Calibration, rule: PointCalibration
) -> list[NamedReference]:
    rows = [_point_row(photo, fitted, (rule.share_exponent, rule.points_exponent)) for photo in photos]
    return [
        NamedReference(
            confidence=sigmoid(evidence_with_points(row.evidence, row.features, rule)) * row.features.shares[0],
            is_right=row.features.order[0] == photo.right,
        )
        for photo, row in zip(photos, rows, strict=True)
    ]


def _point_row(photo: ScoredPhoto, fitted: Calibration, exponents: tuple[float, float]) -> _PointRow:
    shares = shares_of(photo.scores[: fitted.neighbours], fitted.temperature)
    features = point_features(shares, photo.compared(len(shares)), *exponents)
    assert features is not None, "the first share of a softmax is above 0"
    return _PointRow(evidence=verdict_of(photo, fitted).evidence, features=features)
