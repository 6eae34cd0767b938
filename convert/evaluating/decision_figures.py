"""How good a pack's decisions are, from photos whose answer is known: pure functions from rulings to figures.

Two questions are kept apart: whether a photo of something unknown is noticed (false accepts, AUROC), and whether a
stated probability comes true (ECE, risk and coverage).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.decisions.decision import Decision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.decisions.decision import Verdict

BINS = 10  # of the calibration error, with as many photos each as can be
_COVERAGES = tuple(tenths / 10 for tenths in range(1, 11))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a calibrated pack decided of one photo.

    Attributes:
        verdict: Its decision.
        score: The best similarity.
        is_known: Whether the photo shows something in the pack.
        is_right: Whether the first match is what it shows.
        is_among_look_alikes: Whether what it shows is one of the look-alikes that an ambiguous answer names.
    """

    verdict: Verdict
    score: float
    is_known: bool
    is_right: bool
    is_among_look_alikes: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the photo was taken for something in the pack."""
        return self.verdict.decision is not Decision.UNKNOWN


def decision_figures(rulings: Sequence[Ruling]) -> dict[str, Any]:
    """Return the figures of some photos, at least one.

    `known` counts photos of things in the pack: `identified_right`, `identified_wrong`, `ambiguous` (of which
    `ambiguous_with_right`, the right one among the look-alikes, and `ambiguous_without_right`), `unknown`;
    `not_in_pack` the others: `identified`, `ambiguous`, `unknown`. `false_accept_rate` is the share of the others that
    are not unknown, `false_reject_rate` the share of known ones that are, `right_accepted` the share that is accepted
    of those whose first match is right. `auroc_evidence` and `auroc_score`: how well the evidence, and the plain
    similarity, tell known from unknown. `ece`: mean distance between the first match's confidence and how often it is
    right, in ten bins of equal count; `reliability`: those bins, by rising confidence, as `reliability_bins` has them.
    `risk_coverage`: the share of wrong answers if only that share of all photos is answered, the most confident ones.
    Null where there is no photo to measure with.
    """
    known = [ruling for ruling in rulings if ruling.is_known]
    others = [ruling for ruling in rulings if not ruling.is_known]
    right = [ruling for ruling in known if ruling.is_right]
    confidences = [ruling.verdict.confidences[0] for ruling in rulings]
    hits = [ruling.is_right for ruling in rulings]
    return {
        "known": _counts(known, split_identified=True),
        "not_in_pack": _counts(others, split_identified=False),
        "false_accept_rate": _share(others, accepted=True),
        "false_reject_rate": _share(known, accepted=False),
        "right_accepted": _share(right, accepted=True),
        "auroc_evidence": auroc([one.verdict.evidence for one in known], [one.verdict.evidence for one in others]),
        "auroc_score": auroc([one.score for one in known], [one.score for one in others]),
        "ece": calibration_error(confidences, hits),
        "reliability": reliability_bins(confidences, hits),
        "risk_coverage": risk_coverage(confidences, hits),
    }


def auroc(known: Sequence[float], others: Sequence[float]) -> float | None:
    """Return the probability that a known photo's value is above another's, ties counting half; None without either."""
    import numpy as np

    if not known or not others:
        return None
    ordered = np.sort(np.asarray(others))
    below = np.searchsorted(ordered, known, side="left")
    up_to = np.searchsorted(ordered, known, side="right")
    return round(float((below + up_to).mean() / 2 / len(ordered)), 4)


def calibration_error(confidences: Sequence[float], hits: Sequence[bool]) -> float:
    """Return the expected calibration error in bins of equal count, 0 to 1; at least one photo."""
    gaps = [abs(float((stated - came_true).sum())) for stated, came_true in _bins(confidences, hits)]
    return round(sum(gaps) / len(confidences), 4)


def reliability_bins(confidences: Sequence[float], hits: Sequence[bool]) -> list[dict[str, float]]:
    """Return the bins of the calibration error that hold photos, by rising confidence.

    Each has `photos`, `stated` (the mean confidence of their first matches) and `came_true` (the share that is right).
    """
    return [
        {"photos": len(stated), "stated": round(float(stated.mean()), 4), "came_true": round(float(true.mean()), 4)}
        for stated, true in _bins(confidences, hits)
        if len(stated)
    ]


def _bins(confidences: Sequence[float], hits: Sequence[bool]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    import numpy as np

    order = np.argsort(confidences, kind="stable")
    stated, came_true = np.asarray(confidences)[order], np.asarray(hits, dtype=np.float64)[order]
    return list(zip(np.array_split(stated, BINS), np.array_split(came_true, BINS), strict=True))


def risk_coverage(confidences: Sequence[float], hits: Sequence[bool]) -> list[dict[str, float]]:
    """Return, for tenths of the photos by falling confidence, the share of wrong first matches among them."""
    ranked = sorted(zip(confidences, hits, strict=True), key=lambda pair: -pair[0])
    points = []
    for coverage in _COVERAGES:
        answered = ranked[: max(1, round(coverage * len(ranked)))]
        wrong = sum(not hit for _, hit in answered)
        points.append({"coverage": coverage, "risk": round(wrong / len(answered), 4)})
    return points


def _counts(rulings: Sequence[Ruling], *, split_identified: bool) -> dict[str, int]:
    found = Counter(ruling.verdict.decision for ruling in rulings)
    counts = {
        "photos": len(rulings),
        "identified": found[Decision.IDENTIFIED],
        "ambiguous": found[Decision.AMBIGUOUS],
        "unknown": found[Decision.UNKNOWN],
    }
    return _split(counts, rulings) if split_identified else counts


def _split(counts: dict[str, int], rulings: Sequence[Ruling]) -> dict[str, int]:
    right = sum(ruling.is_right and ruling.verdict.decision is Decision.IDENTIFIED for ruling in rulings)
    named = sum(ruling.is_among_look_alikes and ruling.verdict.decision is Decision.AMBIGUOUS for ruling in rulings)
    return {
        "photos": counts["photos"],
        "identified_right": right,
        "identified_wrong": counts["identified"] - right,
        "ambiguous": counts["ambiguous"],
        "ambiguous_with_right": named,
        "ambiguous_without_right": counts["ambiguous"] - named,
        "unknown": counts["unknown"],
    }


def _share(rulings: Sequence[Ruling], *, accepted: bool) -> float | None:
    if not rulings:
        return None
    return round(sum(ruling.is_accepted is accepted for ruling in rulings) / len(rulings), 4)
