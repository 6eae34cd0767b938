"""Fits the least confidences for identified and probably. Deterministic.

They are not typed in. A pack of mosaics tells siblings apart and can afford a strict threshold; a pack of cartons
cannot. So each threshold is the strictest that keeps a given share of the realistic genuine photos, and it is raised
until the named references are right often enough.

Few photos lie between the two thresholds: of 118 simulated photos of packages that are answered, 11. Counting them
tells nothing of "probably". So `raise_probably` fits how often an answer is right by its confidence, to all photos as
they are answered: those that are accepted, and that no surer rule has identified. Measured on packages with encoder
`v3`, by confidence .25 / .3 / .4 / .5 / .6: .78 / .82 / .88 / .92 / .95 fitted to simulated photos, .70 / .78 / .87 /
.93 / .96 fitted to 278 real ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from edge_identify.convert.calibrating.correction_fitting import fit_correction
from edge_identify.convert.calibrating.evidence_fitting import DECIMALS, GRAIN
from edge_identify.convert.calibrating.named_reference import NamedReference
from edge_identify.edge_runtime.decisions.calibration import Certainty
from edge_identify.edge_runtime.decisions.decision import sigmoid


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


def raise_probably(certainty: Certainty, answered: Sequence[NamedReference], least_right: float) -> Certainty:
    """Return least confidences with which each single answer that is "probably" is right often enough.

    One photo is added: of the median confidence, and wrong. Without it, a few dozen photos with one error or two would
    give certainty.

    Args:
        certainty: The least confidences.
        answered: First references of photos as they are answered: those that are accepted, and not identified by a
            surer rule. Without any, there is no "probably".
        least_right: Least probability of being right, above 0 and below 1.
    """
    if not answered:
        return replace(certainty, probably=certainty.identified)
    ranked = sorted(each.confidence for each in answered)
    added = NamedReference(confidence=ranked[len(ranked) // 2], is_right=False)
    told = [*answered, added]
    fitted = fit_correction([each.confidence for each in told], [each.is_right for each in told])
    log_odds = (math.log(least_right / (1 - least_right)) - fitted.intercept) / fitted.slope
    least = math.ceil(sigmoid(log_odds) / GRAIN) * GRAIN
    return replace(certainty, probably=min(certainty.identified, max(certainty.probably, round(least, DECIMALS))))


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
