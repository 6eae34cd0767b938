"""Fits a calibration to measured scores. Deterministic.

Three populations:
- genuine: simulated photos of references.
- strangers: photos of unrelated things. `false_accept_rate` is held against them.
- siblings: the genuine photos, scored without their reference. They stand for a thing that is not in the pack and
  resembles one that is: the carton of another flavour. What comes to be of them is measured and told. It silences no
  pack, unless the maker sets a `sibling_rate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.calibrating.certainty_fitting import fit_certainty, raise_probably
from edge_identify.convert.calibrating.correction_fitting import correction_of
from edge_identify.convert.calibrating.evidence_fitting import DECIMALS, fit_evidence, least_accepted, share_accepted
from edge_identify.convert.calibrating.named_reference import NamedReference
from edge_identify.convert.calibrating.point_fitting import (
    LEAST_NAMED_RIGHT,
    LEAST_PROBABLY_RIGHT,
    LEAST_RIGHT,
    fit_points,
)
from edge_identify.convert.calibrating.scored_photos import NEIGHBOURS, ScoredPhoto, ScoredPhotos, verdict_of
from edge_identify.convert.calibrating.share_fitting import fit_temperature
from edge_identify.edge_runtime.decisions.calibration import Calibration, Certainty
from edge_identify.edge_runtime.decisions.decision import evidence_of, features_of, shares_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Similarity alone names a reference only if it is surer: points are compared with the others.
SURELY_RIGHT = 0.99
_SIBLINGS_IDENTIFIED = 0.02  # largest share of siblings that similarity alone identifies
#: Shares of the rightly ranked, realistic photos above the thresholds for identified and probably.
KEPT_BY_SIMILARITY = (0.7, 0.85)  # with .7, none of 67 unknown mosaics is identified; with .875, 12


def fit_calibration(
    photos: ScoredPhotos, *, measured_with: str, false_accept_rate: float, sibling_rate: float | None = None
) -> Calibration | None:
    """Fit a calibration.

    Args:
        photos: The measured scores.
        measured_with: The variant that embedded the photos.
        false_accept_rate: Largest share of strangers that may be called anything but unknown, above 0 and below .5.
        sibling_rate: The same of siblings, separately for photos of low, middle and high difficulty; None for no limit.

    Returns:
        The calibration; None if known things do not score higher than unknown ones.
    """
    photos = photos.in_order()  # sums of floating-point numbers depend on the order
    weights = fit_evidence(*map(_features, photos.kinds()))
    if not weights.any():
        return None
    score, contrast, margin, intercept = (round(float(weight), DECIMALS) for weight in weights)
    fitted = Calibration(
        measured_with=measured_with,
        neighbours=NEIGHBOURS,
        score_weight=score,
        contrast_weight=contrast,
        margin_weight=margin,
        intercept=intercept,
        temperature=fit_temperature(photos.genuine),
        accept=0.0,
        least_share=0.5,
        false_accept_rate=false_accept_rate,
        genuine_count=len(photos.genuine),
        impostor_count=len(photos.strangers),
        false_accepts=0.0,
        true_accepts=0.0,
    )
    limits = photos.limits(false_accept_rate, sibling_rate)
    accept = max(least_accepted(_evidence(group, fitted), rate) for group, rate in limits)
    fitted = replace(fitted, accept=accept)
    fitted = replace(fitted, least_share=_fit_least_share(photos.genuine, fitted))
    named = _named_by_similarity(photos.realistic(), fitted)
    certainty = fit_certainty(
        named,
        kept=KEPT_BY_SIMILARITY,
        right=(SURELY_RIGHT, LEAST_NAMED_RIGHT),
    )
    accepted = [
        name for name, value in zip(named, _evidence(photos.realistic(), fitted), strict=True) if value >= accept
    ]
    certainty = raise_probably(certainty, accepted, LEAST_PROBABLY_RIGHT)
    surer = replace(fitted, certainty=_surer_than_siblings(certainty, photos.siblings, fitted))
    points = fit_points(photos.with_points(), surer, sibling_rate)
    fitted = replace(fitted, certainty=certainty) if points is None else replace(surer, points=points)
    genuine, siblings, strangers = (share_accepted(_evidence(kind, fitted), accept) for kind in photos.kinds())
    stated = [*named, *_named_by_similarity(photos.strangers, fitted)]
    return replace(
        fitted,
        true_accepts=genuine,
        sibling_accepts=siblings,
        false_accepts=strangers,
        correction=correction_of(stated),
    )


def _surer_than_siblings(certainty: Certainty, siblings: Sequence[ScoredPhoto], fitted: Calibration) -> Certainty:
    """Return thresholds of which few siblings reach `identified`. The others are compared point by point."""
    confidences = [verdict_of(photo, fitted).confidences[0] for photo in siblings]
    least = min(1.0, least_accepted(confidences, _SIBLINGS_IDENTIFIED))  # above every confidence, it may exceed 1
    return replace(certainty, identified=max(certainty.identified, least))


def _named_by_similarity(photos: Sequence[ScoredPhoto], fitted: Calibration) -> list[NamedReference]:
    return [
        NamedReference(confidence=verdict_of(photo, fitted).confidences[0], is_right=photo.right == 0)
        for photo in photos
    ]


def _features(photos: Sequence[ScoredPhoto]) -> NDArray[np.float64]:
    rows = [features_of(photo.scores, NEIGHBOURS) for photo in photos]
    return np.array([[row.score, row.contrast, row.margin] for row in rows], dtype=np.float64)


def _evidence(photos: Sequence[ScoredPhoto], calibration: Calibration) -> list[float]:
    return [evidence_of(features_of(photo.scores, calibration.neighbours), calibration) for photo in photos]


def _fit_least_share(genuine: Sequence[ScoredPhoto], calibration: Calibration) -> float:
    """Return the lowest share, .5 to .9, from which at least `LEAST_RIGHT` of the accepted photos are right."""
    accepted = [
        (shares_of(photo.scores[: calibration.neighbours], calibration.temperature)[0], photo.right == 0)
        for photo, evidence in zip(genuine, _evidence(genuine, calibration), strict=True)
        if evidence >= calibration.accept
    ]
    for percent in range(50, 90):
        right = [is_right for share, is_right in accepted if share >= percent / 100]
        if not right or sum(right) >= LEAST_RIGHT * len(right):
            return percent / 100
    return 0.9
