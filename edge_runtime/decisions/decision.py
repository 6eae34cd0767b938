"""The decision rule: identified, probably, ambiguous or unknown, from a photo's scores and the pack's calibration.

Two questions are answered apart:
- Does the photo show anything in the pack? The evidence (log-odds) says how likely that is.
- Which reference does it show? The shares (a softmax over the scores) divide that probability among the neighbours.
The confidence of a reference is known probability times share. Two thresholds of the confidence, measured when the pack
was built, separate identified from probably, and probably from the other decisions. Older packs have no such
thresholds: there, the least share separates identified from ambiguous, and no answer is "probably".

The confidences so far count on as many photos of siblings as a hard test has. `corrected` maps them to what came true
of realistic photos, simulated ones and the maker's own if there are some. The map keeps their order. It changes what is
stated, and no decision: thresholds hold for the confidences before it, so that readers that do not know it decide the
same.

The code works on a few dozen numbers, without numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.calibration import Calibration, Correction

LOOK_ALIKES_SHARE = 0.9  # an ambiguous answer names the first references whose shares sum to this
_MOST_CONFIDENCE = 1 - 1e-9  # 1 has no log-odds


class Decision(StrEnum):
    """What a photo shows, as far as its scores tell."""

    IDENTIFIED = "identified"  # the photo shows the first reference; measured right at least 95 % of the time
    PROBABLY = "probably"  # it probably shows the first reference; right at least 75 %, with identified at least 90 %
    AMBIGUOUS = "ambiguous"  # it shows one of a few references, which the pack cannot tell apart
    UNKNOWN = "unknown"  # it probably shows nothing in the pack, or the photo does not tell what


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision with its evidence and confidences.

    Attributes:
        decision: Identified, probably, ambiguous or unknown.
        evidence: Log-odds that the photo shows something in the pack, at a prior of one half.
        known_probability: The evidence as a probability, 0 to 1, corrected.
        confidences: For each given score, the probability that the photo shows that reference. They sum to
            `known_probability` at most, and are 0 beyond the calibration's neighbours.
        look_alike_count: Ambiguous: number of first references that the photo may show, at least 2. Otherwise 0.
        uncorrected: The confidences before their correction; None if there is no correction.
    """

    decision: Decision
    evidence: float
    known_probability: float
    confidences: tuple[float, ...]
    look_alike_count: int
    uncorrected: tuple[float, ...] | None = None

    def with_others(self, count: int) -> Verdict:
        """Return the verdict with further references after the others, of confidence 0."""
        zeros = (0.0,) * count
        return replace(
            self,
            confidences=self.confidences + zeros,
            uncorrected=None if self.uncorrected is None else self.uncorrected + zeros,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The inputs of the evidence; each grows with the best score.

    Attributes:
        score: The best score.
        contrast: The best score less half the mean of the other neighbours' scores. Many similar references lower it.
        margin: The best score less the second.
    """

    score: float
    contrast: float
    margin: float


def decide(scores: Sequence[float], calibration: Calibration, *, crowd: Sequence[float] | None = None) -> Verdict:
    """Decide what a photo shows.

    Args:
        scores: Cosine similarities of distinct references, best first, at least one. Give at least
            `calibration.neighbours` if the pack has as many.
        calibration: Calibration of the variant that computed the scores.
        crowd: The scores for the evidence, if `scores` cover only a part of the pack (a filter). They are the first of
            `scores`, then those of all other references of the whole pack, best first. None if `scores` cover the whole
            pack.
    """
    evidence = evidence_of(features_of(scores if crowd is None else crowd, calibration.neighbours), calibration)
    shares = shares_of(scores[: calibration.neighbours], calibration.temperature)
    beyond = (0.0,) * (len(scores) - len(shares))
    return conclude(evidence, (*shares, *beyond), calibration)


def conclude(evidence: float, shares: Sequence[float], calibration: Calibration) -> Verdict:
    """Decide from the evidence and the shares.

    Args:
        evidence: Log-odds that the photo shows something in the pack.
        shares: Share of each reference, best first, at least one; they sum to 1.
        calibration: Calibration of the variant in use.
    """
    known = sigmoid(evidence)
    decision = _decision(evidence, shares, calibration)
    verdict = Verdict(
        decision=decision,
        evidence=evidence,
        known_probability=known,
        confidences=tuple(known * share for share in shares),
        look_alike_count=_look_alikes(shares) if decision is Decision.AMBIGUOUS else 0,
    )
    return verdict if calibration.correction is None else _with_correction(verdict, calibration.correction)


def corrected(confidence: float, correction: Correction) -> float:
    """Return a confidence, 0 to 1, with its log-odds corrected; 0 stays 0, and a higher one stays higher."""
    if confidence <= 0:
        return 0.0
    inside = min(confidence, _MOST_CONFIDENCE)
    log_odds = math.log(inside) - math.log1p(-inside)
    return sigmoid(correction.intercept + correction.slope * log_odds)


def features_of(scores: Sequence[float], neighbours: int) -> Features:
    """Return the features of a photo's scores.

    A pack with a single reference has no other score to compare with: its margin is 0 and its contrast half the score.

    Args:
        scores: Cosine similarities, best first, at least one.
        neighbours: Number of first scores to use.
    """
    best, others = scores[0], scores[1:neighbours]
    if not others:
        return Features(score=best, contrast=best / 2, margin=0.0)
    return Features(score=best, contrast=best - sum(others) / len(others) / 2, margin=best - others[0])


def evidence_of(features: Features, calibration: Calibration) -> float:
    """Return the evidence, the weighted sum of features: log-odds that the photo shows something in the pack."""
    return (
        calibration.intercept
        + calibration.score_weight * features.score
        + calibration.contrast_weight * features.contrast
        + calibration.margin_weight * features.margin
    )


def shares_of(scores: Sequence[float], temperature: float) -> tuple[float, ...]:
    """Return the softmax of scores (best first) at a temperature; the shares sum to 1."""
    weights = [math.exp((score - scores[0]) / temperature) for score in scores]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def sigmoid(evidence: float) -> float:
    """Return log-odds as a probability, 0 to 1, computed without overflow."""
    if evidence >= 0:
        return 1 / (1 + math.exp(-evidence))
    odds = math.exp(evidence)
    return odds / (1 + odds)


def _with_correction(verdict: Verdict, correction: Correction) -> Verdict:
    """Return a verdict with corrected confidences. Those behind the first share what is left at most."""
    first, *others = (corrected(confidence, correction) for confidence in verdict.confidences)
    known = max(first, corrected(verdict.known_probability, correction))
    together = math.fsum(others)
    part = min(1.0, (known - first) / together) if together else 1.0
    return replace(
        verdict,
        known_probability=known,
        confidences=(first, *(confidence * part for confidence in others)),
        uncorrected=verdict.confidences,
    )


def _decision(evidence: float, shares: Sequence[float], calibration: Calibration) -> Decision:
    if not evidence >= calibration.accept:
        return Decision.UNKNOWN
    if calibration.certainty is None:
        return Decision.IDENTIFIED if shares[0] >= calibration.least_share else Decision.AMBIGUOUS
    known = sigmoid(evidence)
    if known * shares[0] >= calibration.certainty.identified:
        return Decision.IDENTIFIED
    if known * shares[0] >= calibration.certainty.probably:
        return Decision.PROBABLY
    return Decision.AMBIGUOUS if known >= calibration.certainty.probably else Decision.UNKNOWN


def _look_alikes(shares: Sequence[float]) -> int:
    below = sum(together < LOOK_ALIKES_SHARE for together in accumulate(shares))
    return max(2, min(below + 1, len(shares)))
