"""Fits the least confidences for identified and probably. Deterministic.

They are not typed in. A pack of mosaics tells siblings apart and can afford a strict threshold; a pack of cartons
cannot. So each threshold is the strictest that keeps a given share of the realistic genuine photos, and it is raised
until the named references are right often enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_identify.convert.calibrating.evidence_fitting import DECIMALS, GRAIN
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
        named: The first references of realistic genuine photos.
        kept: Shares of the right ones that may be identified, and identified or probably.
        right: Least shares of right ones among the identified, and among all that are named.
    """
    # Stored thresholds have few decimals. Rounded confidences reach the same thresholds, so all counts below are exact.
    stored = [replace(each, confidence=_rounded_down(each.confidence)) for each in named]
    identified, probably = (
        _least_right(stored, least, _strictest(stored, share)) for share, least in zip(kept, right, strict=True)
    )
    return Certainty(identified=identified, probably=min(identified, probably))


def _strictest(named: Sequence[NamedReference], kept: float) -> float:
    """Return the strictest confidence that a share of the right ones reaches; 1 if none is right."""
    confidences = sorted((each.confidence for each in named if each.is_right), reverse=True)
    return confidences[max(0, math.ceil(kept * len(confidences)) - 1)] if confidences else 1.0


def _least_right(named: Sequence[NamedReference], share: float, least: float) -> float:
    """Return the lowest confidence, not below `least`, from which on a share of the references is right; 1 if none."""
    ranked = sorted((each for each in named if each.confidence >= least), key=lambda each: -each.confidence)
    found, right = 1.0, 0
    for count, each in enumerate(ranked, start=1):
        right += each.is_right
        is_last_of_equals = count == len(ranked) or ranked[count].confidence < each.confidence
        if is_last_of_equals and right >= share * count:
            found = each.confidence
    return found


def _rounded_down(confidence: float) -> float:
    """Return the highest number with `DECIMALS` decimals that a confidence reaches."""
    steps = math.floor(confidence / GRAIN) + 1
    # Division may round either way.
    while round(steps * GRAIN, DECIMALS) > confidence:
        steps -= 1
    return round(steps * GRAIN, DECIMALS)
