"""Figures of a pack's decisions on photos whose answer is known. Pure functions.

Two properties are measured separately: whether photos of unknown things are refused (false accept rate, AUROC), and
whether stated confidences are right (ECE, risk-coverage curve).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
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
    """The decision of a calibrated pack on one photo, and whether it is right.

    Attributes:
        verdict: The decision.
        score: Best cosine similarity.
        is_known: Whether the photo shows something in the pack.
        is_right: Whether the first match is the right reference.
        is_among_look_alikes: Whether an ambiguous answer names the right reference as a look-alike.
    """

    verdict: Verdict
    score: float
    is_known: bool
    is_right: bool
    is_among_look_alikes: bool = False

    @property
    def decision(self) -> Decision:
        """The word of the verdict."""
        return self.verdict.decision

    @property
    def is_accepted(self) -> bool:
        """Whether the decision is not "unknown"."""
        return self.decision is not Decision.UNKNOWN

    @property
    def is_named(self) -> bool:
        """Whether the decision names the first match: identified or probably."""
        return self.decision in (Decision.IDENTIFIED, Decision.PROBABLY)


def decision_figures(rulings: Sequence[Ruling]) -> dict[str, Any]:
    """Return the figures of some photos, at least one, as an object for JSON.

    - `known`: counts of photos of things in the pack: `identified_right`, `identified_wrong`, `probably_right`,
      `probably_wrong`, `ambiguous`, `unknown`. `ambiguous` splits into `ambiguous_with_right` (the right reference is
      among the look-alikes) and `ambiguous_without_right`.
    - `not_in_pack`: counts of the other photos: `identified`, `probably`, `ambiguous`, `unknown`.
    - `identified_right_share`, `probably_right_share`: share of right answers among all photos with this decision,
      photos not in the pack included.
    - `false_accept_rate`: share of the photos not in the pack that are not called unknown.
    - `false_reject_rate`: share of the known photos that are called unknown.
    - `right_identified`, `right_named`, `right_accepted`: of the photos whose first match is right, the share that is
      identified, identified or probably, and not unknown.
    - `auroc_evidence`, `auroc_score`: AUROC of known against other photos, by evidence and by cosine similarity.
    - `ece`: expected calibration error of the first match's confidence, in ten bins of equal count.
    - `reliability`: those bins, by rising confidence; see `reliability_bins`.
    - `risk_coverage`: share of wrong first matches among the most confident photos, for each coverage.

    Shares are 0 to 1. A figure without a photo to measure it with is None.
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
        "identified_right_share": _right_share(rulings, Decision.IDENTIFIED),
        "probably_right_share": _right_share(rulings, Decision.PROBABLY),
        "right_identified": _share_of(one.decision is Decision.IDENTIFIED for one in right),
        "right_named": _share_of(one.is_named for one in right),
        "right_accepted": _share(right, accepted=True),
        "auroc_evidence": auroc([one.verdict.evidence for one in known], [one.verdict.evidence for one in others]),
        "auroc_score": auroc([one.score for one in known], [one.score for one in others]),
        "ece": calibration_error(confidences, hits),
        "reliability": reliability_bins(confidences, hits),
        "risk_coverage": risk_coverage(confidences, hits),
    }


def auroc(known: Sequence[float], others: Sequence[float]) -> float | None:
    """Return the AUROC, rounded to 4 decimals; ties count half. None if either kind has no photo.

    Args:
        known: Values of known photos.
        others: Values of the other photos.
    """
    import numpy as np

    if not known or not others:
        return None
    ordered = np.sort(np.asarray(others))
    below = np.searchsorted(ordered, known, side="left")
    up_to = np.searchsorted(ordered, known, side="right")
    return round(float((below + up_to).mean() / 2 / len(ordered)), 4)


def calibration_error(confidences: Sequence[float], hits: Sequence[bool]) -> float:
    """Return the expected calibration error in bins of equal count, 0 to 1.

    Args:
        confidences: Confidence of each photo's first match, 0 to 1; at least one.
        hits: Whether that match is right, in the same order.
    """
    gaps = [abs(float((stated - came_true).sum())) for stated, came_true in _bins(confidences, hits)]
    return round(sum(gaps) / len(confidences), 4)


def reliability_bins(confidences: Sequence[float], hits: Sequence[bool]) -> list[dict[str, float]]:
    """Return the bins of the calibration error that hold photos, by rising confidence.

    Each bin has `photos` (a count), `stated` (mean confidence of the first matches) and `came_true` (share of them that
    is right).
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
    found = Counter(ruling.decision for ruling in rulings)
    counts = {
        "photos": len(rulings),
        "identified": found[Decision.IDENTIFIED],
        "probably": found[Decision.PROBABLY],
        "ambiguous": found[Decision.AMBIGUOUS],
        "unknown": found[Decision.UNKNOWN],
    }
    return _split(counts, rulings) if split_identified else counts


def _split(counts: dict[str, int], rulings: Sequence[Ruling]) -> dict[str, int]:
    right = Counter(ruling.decision for ruling in rulings if ruling.is_right)
    listed = sum(ruling.is_among_look_alikes and ruling.decision is Decision.AMBIGUOUS for ruling in rulings)
    return {
        "photos": counts["photos"],
        "identified_right": right[Decision.IDENTIFIED],
        "identified_wrong": counts["identified"] - right[Decision.IDENTIFIED],
        "probably_right": right[Decision.PROBABLY],
        "probably_wrong": counts["probably"] - right[Decision.PROBABLY],
        "ambiguous": counts["ambiguous"],
        "ambiguous_with_right": listed,
        "ambiguous_without_right": counts["ambiguous"] - listed,
        "unknown": counts["unknown"],
    }


def _share(rulings: Sequence[Ruling], *, accepted: bool) -> float | None:
    return _share_of(ruling.is_accepted is accepted for ruling in rulings)


def _right_share(rulings: Sequence[Ruling], decision: Decision) -> float | None:
    return _share_of(ruling.is_right for ruling in rulings if ruling.decision is decision)


def _share_of(hits: Iterable[bool]) -> float | None:
    found = list(hits)
    return round(sum(found) / len(found), 4) if found else None
