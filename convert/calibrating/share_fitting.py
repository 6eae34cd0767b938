"""Fits how scores and points divide a probability among the references. Deterministic, by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.calibrating.scored_photos import NEIGHBOURS, ScoredPhoto

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.calibration import Calibration

_TEMPERATURES = (1e-3, 1.0)  # search range, in units of the score
_SHARE_EXPONENTS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_POINTS_EXPONENTS = tuple(step / 4 for step in range(25))  # 0 to 6


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


def fit_exponents(genuine: Sequence[ScoredPhoto], fitted: Calibration) -> tuple[float, float]:
    """Fit the exponents of share and points by maximum likelihood of the right reference.

    As in `fit_temperature`, one pseudo-photo is added: the median one, with its second reference the right one.
    """
    measured = [photo for photo in genuine if photo.right is not None and photo.right < fitted.neighbours]
    measured = [photo for photo in measured if len(photo.scores) > 1]
    if not measured:
        return 1.0, 0.0
    measured.sort(key=lambda photo: (photo.scores[0] - photo.scores[1], photo.scores))
    measured.append(replace(measured[len(measured) // 2], right=1))
    width = fitted.neighbours
    shares, counts = np.full((2, len(measured), width), -np.inf)
    for row, photo in enumerate(measured):
        scores = np.array(photo.scores[:width])
        shares[row, : len(scores)] = (scores - scores[0]) / fitted.temperature
        counts[row, : len(scores)] = np.log1p(photo.compared(len(scores)))
    rows, right = np.arange(len(measured)), np.array([photo.right for photo in measured])
    is_there = np.isfinite(shares)

    def loss(exponents: tuple[float, float]) -> float:
        logs = np.where(is_there, exponents[0] * np.where(is_there, shares, 0), -np.inf)
        logs = logs + exponents[1] * np.where(is_there, counts, 0)
        most = logs.max(axis=1)
        together = most + np.log(np.exp(logs - most[:, None]).sum(axis=1))
        return float(np.mean(together - logs[rows, right]))

    return min(product(_SHARE_EXPONENTS, _POINTS_EXPONENTS), key=loss)


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
