"""Fits the evidence: log-odds from features, and thresholds on them. Deterministic.

A threshold is not taken from the fitted probability, because that depends on the model being right. It is an order
statistic of the impostors, so the false accept rate on them holds for any model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIBLING_WEIGHT = 0.5  # total weight of siblings in the fit, that of strangers being 1
DECIMALS = 4
GRAIN = 10.0**-DECIMALS
_SHRINKAGE = 1e-3  # L2 penalty on standardised weights: keeps them finite where the classes are separable
_LEAST_SPREAD = 1e-4  # a feature that differs less tells nothing, and its weight would exceed what readers take
_NEWTON_STEPS = 50  # the problem is convex and needs few; the bound is for input that is not finite


def least_accepted(impostors: Sequence[float], rate: float) -> float:
    """Return the lowest threshold, in steps of .0001, that at most a share `rate` of the impostors reaches.

    Args:
        impostors: Evidence of the impostors, at least one. Equal values are accepted or refused together.
        rate: From 0 to below 1.
    """
    may_pass = math.floor(rate * len(impostors) + 1e-9)  # so that .02 * 50 is 1 in binary floating point
    first_refused = sorted(impostors, reverse=True)[may_pass]
    steps = math.floor(first_refused / GRAIN)
    # Division may round either way: step up until the stored, rounded number is above the first refused one.
    while round(steps * GRAIN, DECIMALS) <= first_refused:
        steps += 1
    return round(steps * GRAIN, DECIMALS)


def fit_evidence(
    genuine: NDArray[np.float64], siblings: NDArray[np.float64], strangers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit log-odds by logistic regression with non-negative weights.

    Genuine photos and all others have the same total weight; among the others, siblings have `SIBLING_WEIGHT` times
    that of strangers.

    Args:
        genuine: Features, float64 [n, k].
        siblings: Features, float64 [m, k]; may be empty.
        strangers: Features, float64 [l, k].

    Returns:
        float64 [k + 1]: the weights, then the intercept. All 0 if no feature separates the classes.
    """
    share = SIBLING_WEIGHT / (1 + SIBLING_WEIGHT) if len(siblings) else 0.0
    rows = np.concatenate([genuine, siblings, strangers])
    known = np.concatenate([np.ones(len(genuine)), np.zeros(len(siblings) + len(strangers))])
    counts = np.concatenate(
        [
            np.full(len(genuine), 0.5 / len(genuine)),
            np.full(len(siblings), 0.5 * share / max(1, len(siblings))),
            np.full(len(strangers), 0.5 * (1 - share) / len(strangers)),
        ]
    )
    centre, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), _LEAST_SPREAD)
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


def share_accepted(evidence: Sequence[float], accept: float) -> float:
    """Return the share of photos whose evidence reaches a threshold; at least one photo."""
    return round(sum(value >= accept for value in evidence) / len(evidence), DECIMALS)
