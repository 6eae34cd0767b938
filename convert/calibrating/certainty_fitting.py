"""Fits the least confidences for identified and probably. Deterministic.

They are not typed in. A pack of mosaics tells siblings apart and can afford a strict threshold; a pack of cartons
cannot. So each threshold is the strictest that keeps a given share of the realistic genuine photos, and it is raised
until the named references are right often enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge_identify.convert.calibrating.evidence_fitting import GRAIN
from edge_identify.edge_runtime.decisions.calibration import Certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedReference:
    """The first reference of one photo.

    Attributes:
        confidence: Its confidence.
        is_right: Whether the photo shows it.
    """

    confidence: float
    is_right: bool


def fit_certainty(
    named: Sequence[NamedReference], *, kept: tuple[float, float], right: tuple[float, float]
) -> Certainty:
    """Fit the least confidences for identified and probably.

    Args:
        named: The first references of realistic genuine photos, at least one.
        kept: Shares of the right ones that may be identified, and identified or probably.
        right: Least shares of right ones among the identified, and among the probably.
    """
    identified = _least_confidence(named, kept[0], right[0])
    below = [each for each in named if each.confidence < identified]
    probably = min(identified, _least_confidence(named, kept[1], 0.0))
    if below:
        probably = min(identified, max(probably, _least_right(below, right[1])))
    return Certainty(identified=identified, probably=probably)


def _least_confidence(named: Sequence[NamedReference], kept: float, right: float) -> float:
    """Return the strictest confidence that a share of the right ones reaches; more if too few are right above it."""
    confidences = sorted((each.confidence for each in named if each.is_right), reverse=True)
    if not confidences:
        return 1.0
    strictest = confidences[min(len(confidences) - 1, math.ceil(kept * len(confidences)) - 1)]
    return _rounded_down(max(strictest, _least_right(named, right)))


def _least_right(named: Sequence[NamedReference], share: float) -> float:
    """Return the lowest confidence from which on at least a share of the named references is right; 1 if none is."""
    ranked = sorted(named, key=lambda each: -each.confidence)
    least, right = 1.0, 0
    for count, each in enumerate(ranked, start=1):
        right += each.is_right
        is_last_of_equals = count == len(ranked) or ranked[count].confidence < each.confidence
        if is_last_of_equals and right >= share * count:
            least = each.confidence
    return _rounded_down(least)


def _rounded_down(confidence: float) -> float:
    """Return a confidence that the stored, rounded number does not exceed."""
    return math.floor(confidence / GRAIN) * GRAIN if confidence < 1 else 1.0
