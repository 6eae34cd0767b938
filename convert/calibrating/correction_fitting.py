"""Fits the correction of the stated confidences: slope and intercept on their log-odds (Platt scaling). Deterministic.

Source: J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999; here with a Gaussian prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.calibrating.evidence_fitting import DECIMALS
from edge_identify.convert.calibrating.named_reference import NamedReference
from edge_identify.edge_runtime.decisions.calibration import Correction

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Precision of the prior. Real photos differ from simulated ones mostly by a level: the intercept is free after a few
# photos, the slope after about 20. Intercepts of .01 to 5 and slopes of .01 to 1000 were tried with 60 of 368 photos of
# packages and 60 of 274 of mosaics, 60 splits: ECE of the others .0615 and .016 here, .128 and .041 with 5 and 5.
# Drawn answers with exactly these probabilities have .041 and .012. The constants were chosen on these photos; other
# photos may fare worse.
_INTERCEPT_PRECISION, _SLOPE_PRECISION = 0.2, 8.0
_LEAST_SLOPE = 0.1  # an encoder whose confidence tells less is not made worse than that
_NEWTON_STEPS = 100


def fit_correction(confidences: Sequence[float], is_right: Sequence[bool]) -> Correction:
    """Fit a correction to the first references of some photos; identity without photos.

    Args:
        confidences: Confidence of each photo's first reference.
        is_right: Whether it is right, in the same order.
    """
    inside = np.clip(np.asarray(confidences, dtype=np.float64), 1e-9, 1 - 1e-9)
    log_odds, right = np.log(inside) - np.log1p(-inside), np.asarray(is_right, dtype=np.float64)
    inputs = np.column_stack([np.ones_like(log_odds), log_odds])
    intercept, slope = _most_likely(inputs, right, np.array([0.0, 1.0]), free=(0, 1))
    if slope < _LEAST_SLOPE:
        intercept, slope = _most_likely(inputs, right, np.array([0.0, _LEAST_SLOPE]), free=(0,))
    return Correction(slope=round(slope, DECIMALS), intercept=round(intercept, DECIMALS))


def _most_likely(
    inputs: NDArray[np.float64], right: NDArray[np.float64], start: NDArray[np.float64], *, free: tuple[int, ...]
) -> tuple[float, float]:
    """Return intercept and slope of the penalised logistic regression by Newton's method; only `free` ones move."""
    columns = list(free)
    precision = np.array([_INTERCEPT_PRECISION, _SLOPE_PRECISION])
    found = start.copy()
    for _ in range(_NEWTON_STEPS):
        odds = 1 / (1 + np.exp(-np.clip(inputs @ found, -500, 500)))
        slope = inputs.T @ (odds - right) + precision * (found - start)
        curvature = (inputs * (odds * (1 - odds))[:, None]).T @ inputs + np.diag(precision)
        step = np.linalg.solve(curvature[np.ix_(columns, columns)], slope[columns])
        found[columns] -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    return float(found[0]), float(found[1])


def correction_of(named: Sequence[NamedReference]) -> Correction:
    """Fit a correction to the first references of realistic photos and of strangers; see `fit_correction`."""
    return fit_correction([each.confidence for each in named], [each.is_right for each in named])


def composed(first: Correction | None, then: Correction) -> Correction:
    """Return the correction that has the effect of two, one after the other."""
    if first is None:
        return then
    return Correction(
        slope=round(then.slope * first.slope, DECIMALS),
        intercept=round(then.intercept + then.slope * first.intercept, DECIMALS),
    )
