"""Identified, ambiguous or unknown: the rule, from a photo's scores and the pack's calibration.

A score is not a certainty. Whether a photo shows anything in the pack is one question (the evidence), which of the
look-alikes it shows is another (the shares); a confidence is the product of both answers. Everything here is arithmetic
on at most a few dozen numbers, so it needs no numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.calibration import Calibration

LOOK_ALIKES_SHARE = 0.9  # of the certainty: the references that hold it together are named


class Decision(StrEnum):
    """What can be said of a photo."""

    IDENTIFIED = "identified"  # it shows the first reference
    AMBIGUOUS = "ambiguous"  # it shows one of a few references that it cannot tell apart
    UNKNOWN = "unknown"  # it shows nothing in the pack, as far as can be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision and what it rests on.

    Attributes:
        decision: What can be said.
        evidence: That the photo shows something in the pack: log-odds where such photos are as frequent as others.
        known_probability: The same as a probability, 0 to 1.
        confidences: For each score that was given, the probability that the photo shows that reference. Together at
            most `known_probability`; 0 for those past the calibration's neighbours.
        look_alike_count: How many of the first references an ambiguous photo may show, at least 2; 0 otherwise.
    """

    decision: Decision
    evidence: float
    known_probability: float
    confidences: tuple[float, ...]
    look_alike_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the evidence is made of; each grows with the best score.

    Attributes:
        score: The best.
        contrast: The best less half the mean of the other neighbours': a crowd of similar references lowers it.
        margin: The best less the second.
    """

    score: float
    contrast: float
    margin: float


def decide(scores: Sequence[float], calibration: Calibration, *, crowd: Sequence[float] | None = None) -> Verdict:
    """Decide what a photo shows.

    Args:
        scores: Similarities of distinct references, best first, at least one. Give at least `calibration.neighbours`
            where the pack has as many.
        calibration: Of the variant that the scores come from.
        crowd: What the evidence is made of, where `scores` are of a part of the pack: the first of them, then those of
            all other references of the whole pack, best first. None where `scores` are the whole pack's.
    """
    evidence = evidence_of(features_of(scores if crowd is None else crowd, calibration.neighbours), calibration)
    shares = shares_of(scores[: calibration.neighbours], calibration.temperature)
    beyond = (0.0,) * (len(scores) - len(shares))
    return conclude(evidence, (*shares, *beyond), calibration)


def conclude(evidence: float, shares: Sequence[float], calibration: Calibration) -> Verdict:
    """Decide from the evidence that a photo shows something in the pack, and each reference's share of that.

    Args:
        evidence: Log-odds.
        shares: Best first, at least one; they sum to 1.
        calibration: Of the variant in use.
    """
    known = sigmoid(evidence)
    decision = _decision(evidence, shares, calibration)
    return Verdict(
        decision=decision,
        evidence=evidence,
        known_probability=known,
        confidences=tuple(known * share for share in shares),
        look_alike_count=_look_alikes(shares) if decision is Decision.AMBIGUOUS else 0,
    )


def features_of(scores: Sequence[float], neighbours: int) -> Features:
    """Return the features of a photo's scores, best first, of which the first `neighbours` count.

    A reference that is alone in its pack has nothing to stand out from, so it gets no margin and the least contrast.
    """
    best, others = scores[0], scores[1:neighbours]
    if not others:
        return Features(score=best, contrast=best / 2, margin=0.0)
    return Features(score=best, contrast=best - sum(others) / len(others) / 2, margin=best - others[0])


def evidence_of(features: Features, calibration: Calibration) -> float:
    """Return the evidence that a photo with these features shows something in the pack; any size, 0 is even odds."""
    return (
        calibration.intercept
        + calibration.score_weight * features.score
        + calibration.contrast_weight * features.contrast
        + calibration.margin_weight * features.margin
    )


def shares_of(scores: Sequence[float], temperature: float) -> tuple[float, ...]:
    """Return the softmax of the scores, best first, over the temperature: how a certainty is shared out; sums to 1."""
    weights = [math.exp((score - scores[0]) / temperature) for score in scores]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def sigmoid(evidence: float) -> float:
    """Return log-odds as a probability, 0 to 1, without overflow."""
    if evidence >= 0:
        return 1 / (1 + math.exp(-evidence))
    odds = math.exp(evidence)
    return odds / (1 + odds)


def _decision(evidence: float, shares: Sequence[float], calibration: Calibration) -> Decision:
    if not evidence >= calibration.accept:
        return Decision.UNKNOWN
    return Decision.IDENTIFIED if shares[0] >= calibration.least_share else Decision.AMBIGUOUS


def _look_alikes(shares: Sequence[float]) -> int:
    below = sum(together < LOOK_ALIKES_SHARE for together in accumulate(shares))
    return max(2, min(below + 1, len(shares)))
