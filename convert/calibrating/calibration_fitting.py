"""Fits a calibration to measured scores. Deterministic.

The threshold is not taken from the fitted probability, because that depends on the model being right. The threshold is
an order statistic of the impostors, so the false accept rate on them holds for any model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.decisions.decision import evidence_of, features_of, shares_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURS = 20  # the first match against the next 19: best on unknown photos of street mosaics
LEAST_RIGHT = 0.95  # least precision of "identified" on simulated photos; below, the answer is "ambiguous"
_SHRINKAGE = 1e-3  # L2 penalty on standardised weights: keeps them finite where the classes are separable
_NEWTON_STEPS = 50  # the problem is convex and needs few; the bound is for input that is not finite
_TEMPERATURES = (1e-3, 1.0)  # search range, in units of the score
_DECIMALS = 4
_GRAIN = 10.0**-_DECIMALS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPhoto:
    """Scores of the pack's references for one photo.

    Attributes:
        scores: Cosine similarities of distinct references, best first, at least one.
        right: Position of the right reference in `scores`, from 0; None if it is not there.
        difficulty: Difficulty of the simulated photo, as `simulate_photo` takes it.
    """

    scores: tuple[float, ...]
    right: int | None = None
    difficulty: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPhotos:
    """The photos that a calibration is fitted to; at least one of each kind.

    Attributes:
        genuine: Photos of references.
        left_out: The same photos, scored without the right reference.
        drawn: Photos of drawn things that are not in the pack.
    """

    genuine: Sequence[ScoredPhoto]
    left_out: Sequence[ScoredPhoto]
    drawn: Sequence[ScoredPhoto]


def fit_calibration(photos: ScoredPhotos, *, measured_with: str, false_accept_rate: float) -> Calibration | None:
    """Fit a calibration.

    Args:
        photos: The measured scores.
        measured_with: The variant that embedded the photos.
        false_accept_rate: Largest share of impostors that may be accepted, above 0 and below .5. It holds separately
            for photos of low, middle and high difficulty, and for drawn things.

    Returns:
        The calibration; None if known things do not score higher than unknown ones.
    """
    kinds = (*_by_difficulty(photos.left_out), photos.drawn)
    impostors = list(chain(*kinds))
    weights = fit_evidence(_features(photos.genuine), _features(impostors))
    if not weights.any():
        return None
    score, contrast, margin, intercept = (round(float(weight), _DECIMALS) for weight in weights)
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
        impostor_count=len(impostors),
        false_accepts=0.0,
        true_accepts=0.0,
    )
    accepts = [least_accepted(_evidence(kind, fitted), false_accept_rate) for kind in kinds]
    # Never below 0: at negative log-odds, "unknown" is the likelier answer.
    fitted = replace(fitted, accept=max(0.0, *accepts))
    fitted = replace(fitted, least_share=_fit_least_share(photos.genuine, fitted))
    return replace(
        fitted,
        false_accepts=_share_accepted(_evidence(impostors, fitted), fitted),
        true_accepts=_share_accepted(_evidence(photos.genuine, fitted), fitted),
    )


def least_accepted(impostors: Sequence[float], rate: float) -> float:
    """Return the lowest threshold, in steps of .0001, that at most a share `rate` of the impostors reaches.

    Args:
        impostors: Evidence of the impostors, at least one. Equal values are accepted or refused together.
        rate: From 0 to below 1.
    """
    may_pass = math.floor(rate * len(impostors) + 1e-9)  # so that .02 * 50 is 1 in binary floating point
    first_refused = sorted(impostors, reverse=True)[may_pass]
    steps = math.floor(first_refused / _GRAIN)
    # Division may round either way: step up until the stored, rounded number is above the first refused one.
    while round(steps * _GRAIN, _DECIMALS) <= first_refused:
        steps += 1
    return round(steps * _GRAIN, _DECIMALS)


def fit_evidence(genuine: NDArray[np.float64], impostors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit log-odds by logistic regression with non-negative weights; both classes have the same total weight.

    Args:
        genuine: Features, float64 [n, k].
        impostors: Features, float64 [m, k].

    Returns:
        float64 [k + 1]: the weights, then the intercept. All 0 if no feature separates the classes.
    """
    rows = np.concatenate([genuine, impostors])
    known = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostors))])
    counts = np.where(known == 1, 0.5 / len(genuine), 0.5 / len(impostors))
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    inputs = np.column_stack([(rows - centre) / spread, np.ones(len(rows))])
    # The problem is convex: the optimum is the best unconstrained fit, over feature subsets, with no negative weight.
    width = rows.shape[1]
    subsets = chain.from_iterable(combinations(range(width), size) for size in range(width + 1))
    fits = [_fit_some(inputs, known, counts, chosen) for chosen in subsets]
    _, best = min((fit for fit in fits if (fit[1][:width] >= 0).all()), key=lambda fit: fit[0])
    weights = best[:width] / spread
    if not (best[:width] > 0).any():
        return np.zeros(width + 1)
    return np.append(weights, best[width] - weights @ centre)


def fit_temperature(genuine: Sequence[ScoredPhoto]) -> float:
    """Fit the softmax temperature by maximum likelihood of the right reference among the neighbours.

    One pseudo-photo is added: it has the median margin, and its second reference is the right one. Without it, a few
    hundred photos without an error would give certainty.

    Args:
        genuine: Photos of references.

    Returns:
        The temperature, in units of the score; 1 if no photo has its right reference among several neighbours.
    """
    measured = [
        (photo.scores[:NEIGHBOURS], photo.right)
        for photo in genuine
        if photo.right is not None and photo.right < NEIGHBOURS and len(photo.scores) > 1
    ]
    if not measured:
        return _TEMPERATURES[1]
    measured.sort(key=lambda photo: (photo[0][0] - photo[0][1], photo[0]))
    measured.append((measured[len(measured) // 2][0], 1))
    width = max(len(scores) for scores, _ in measured)
    gaps = np.full((len(measured), width), -np.inf)
    for row, (scores, _) in zip(gaps, measured, strict=True):
        row[: len(scores)] = np.array(scores) - scores[0]
    right = gaps[np.arange(len(measured)), [position for _, position in measured]]

    def loss(log_temperature: float) -> float:
        temperature = math.exp(log_temperature)
        return float(np.mean(np.log(np.exp(gaps / temperature).sum(axis=1)) - right / temperature))

    least, most = (math.log(bound) for bound in _TEMPERATURES)
    return round(math.exp(_least_point(loss, least, most)), 6)


def _by_difficulty(photos: Sequence[ScoredPhoto]) -> list[list[ScoredPhoto]]:
    """Split photos into thirds by difficulty; fewer groups if there are fewer than three photos.

    Easy photos of unknown things score higher than hard ones. The rate must hold for each third, because the quality of
    users' photos is not known. Measured on 67 real photos of unknown mosaics at a rate of 2 %: a threshold over all
    photos together accepts 7.5 %, this one 3 %.
    """
    ranked = sorted(photos, key=lambda photo: photo.difficulty)
    bounds = [round(len(ranked) * third / 3) for third in range(4)]
    return [ranked[start:end] for start, end in pairwise(bounds) if end > start]


def _features(photos: Sequence[ScoredPhoto]) -> NDArray[np.float64]:
    rows = [features_of(photo.scores, NEIGHBOURS) for photo in photos]
    return np.array([[row.score, row.contrast, row.margin] for row in rows], dtype=np.float64)


def _evidence(photos: Sequence[ScoredPhoto], calibration: Calibration) -> list[float]:
    return [evidence_of(features_of(photo.scores, calibration.neighbours), calibration) for photo in photos]


def _share_accepted(evidence: Sequence[float], calibration: Calibration) -> float:
    return round(sum(value >= calibration.accept for value in evidence) / len(evidence), _DECIMALS)


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


def _fit_some(
    inputs: NDArray[np.float64], known: NDArray[np.float64], counts: NDArray[np.float64], chosen: tuple[int, ...]
) -> tuple[float, NDArray[np.float64]]:
    """Fit the chosen features by Newton's method; return the loss and all weights (0 where not chosen)."""
    columns = [*chosen, inputs.shape[1] - 1]
    part = inputs[:, columns]
    shrinkage = np.append(np.full(len(chosen), _SHRINKAGE), 0.0)
    weights = np.zeros(len(columns))
    for _ in range(_NEWTON_STEPS):
        odds = 1 / (1 + np.exp(-np.clip(part @ weights, -500, 500)))
        slope = part.T @ (counts * (odds - known)) + shrinkage * weights
        curvature = (part * (counts * odds * (1 - odds))[:, None]).T @ part + np.diag(shrinkage + 1e-12)
        step = np.linalg.solve(curvature, slope)
        # Far from the optimum the curvature is flat and a whole step overshoots.
        weights = weights - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    signed = np.where(known == 1, -1.0, 1.0) * (part @ weights)
    loss = float(counts @ np.logaddexp(0, signed) + shrinkage @ weights**2 / 2)
    every = np.zeros(inputs.shape[1])
    every[columns] = weights
    return loss, every


def _least_point(value: Callable[[float], float], least: float, most: float) -> float:
    """Return the minimum of a unimodal function by golden-section search."""
    ratio = (math.sqrt(5) - 1) / 2
    inner, outer = most - ratio * (most - least), least + ratio * (most - least)
    at_inner, at_outer = value(inner), value(outer)
    while most - least > 1e-7:
        if at_inner <= at_outer:
            most, outer, at_outer = outer, inner, at_inner
            inner = most - ratio * (most - least)
            at_inner = value(inner)
        else:
            least, inner, at_inner = inner, outer, at_outer
            outer = least + ratio * (most - least)
            at_outer = value(outer)
    return (least + most) / 2
