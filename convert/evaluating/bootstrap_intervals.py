"""Bootstrap intervals of 95 % for the figures of an evaluation (percentile bootstrap over photos).

Photos are resampled with replacement, and each figure is measured on each resample. Two traps:

- Resampling inflates the expected calibration error. So the resampled errors are shifted until their mean is the
  measured error.
- The bootstrap assumes independent photos. With many photos of few things, the true intervals are wider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.evaluating.decision_figures import BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2000  # the ends of an interval then vary by less than .005 between seeds
SEED = 20_261_121  # arbitrary; fixed, so that a run can be repeated
PERCENT = 95
_TAILS = (2.5, 97.5)
_MOST_CELLS = 4_000_000  # resamples x photos at once: 32 MB for each array of counts

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoMeasurements:
    """Measurements of n photos, n at least 1; every array has shape [n].

    For a pack that is not calibrated, the fields about decisions, `evidence` and `confidence` are None.

    Attributes:
        is_known: Whether the photo shows something in the pack, bool.
        rank: Rank of the right reference, from 1; 0 if it was not found, int64.
        score: Best cosine similarity, float64.
        is_accepted: Whether the decision was not "unknown", bool.
        is_identified: Whether the decision was "identified", bool.
        is_probable: Whether the decision was "probably", bool.
        evidence: Log-odds that the photo shows something in the pack, float64.
        confidence: Confidence of the first match, 0 to 1, float64.
    """

    is_known: NDArray[np.bool_]
    rank: NDArray[np.int64]
    score: NDArray[np.float64]
    is_accepted: NDArray[np.bool_] | None = None
    evidence: NDArray[np.float64] | None = None
    confidence: NDArray[np.float64] | None = None
    is_identified: NDArray[np.bool_] | None = None
    is_probable: NDArray[np.bool_] | None = None


def bootstrap_intervals(sample: PhotoMeasurements, *, depths: tuple[int, ...]) -> Mapping[str, Interval | None]:
    """Return the 95 % interval of each figure, by its name in `evaluation_figures`. Deterministic.

    The figures are `recall@K` for each depth and `auroc_score`; for a calibrated pack also `false_accept_rate`,
    `false_reject_rate`, `right_accepted`, `auroc_evidence` and `ece`; with `is_identified` and `is_probable` also
    `identified_right_share`, `probably_right_share`, `right_identified` and `right_named`.

    Args:
        sample: The measurements.
        depths: Values of K for recall@K.

    Returns:
        (low, high) for each figure; None for a figure that no photo can be measured with.
    """
    rng = np.random.default_rng(SEED)
    count = len(sample.is_known)
    step = max(1, _MOST_CELLS // count)
    drawn: dict[str, list[NDArray[np.float64]]] = {}
    for at in range(0, RESAMPLES, step):
        times = _draw(rng, min(step, RESAMPLES - at), count)
        for name, values in _measure(sample, times, depths).items():
            drawn.setdefault(name, []).append(values)
    found = {name: _interval(np.concatenate(values)) for name, values in drawn.items()}
    if sample.confidence is not None:
        found["ece"] = _interval_of_error(sample, np.concatenate(drawn["ece"]))
    return found


def _draw(rng: np.random.Generator, resamples: int, count: int) -> NDArray[np.int64]:
    """Return how often each photo is in each resample, int64 [resamples, count]; each row sums to `count`."""
    chosen = rng.integers(0, count, (resamples, count))
    chosen += count * np.arange(resamples)[:, None]
    return np.bincount(chosen.ravel(), minlength=resamples * count).reshape(resamples, count)


def _measure(
    sample: PhotoMeasurements, times: NDArray[np.int64], depths: tuple[int, ...]
) -> dict[str, NDArray[np.float64]]:
    known = sample.is_known
    figures = {f"recall@{depth}": _share(times, known, (sample.rank > 0) & (sample.rank <= depth)) for depth in depths}
    figures["auroc_score"] = _auroc(times, known, sample.score)
    if sample.is_accepted is None or sample.evidence is None or sample.confidence is None:
        return figures
    is_right = sample.rank == 1
    return {
        **figures,
        **_measure_names(sample, times),
        "false_accept_rate": _share(times, ~known, sample.is_accepted),
        "false_reject_rate": _share(times, known, ~sample.is_accepted),
        "right_accepted": _share(times, known & is_right, sample.is_accepted),
        "auroc_evidence": _auroc(times, known, sample.evidence),
        "ece": _calibration_error(times, sample.confidence, is_right),
    }


def _measure_names(sample: PhotoMeasurements, times: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    if sample.is_identified is None or sample.is_probable is None:
        return {}
    is_right = sample.rank == 1
    return {
        "identified_right_share": _share(times, sample.is_identified, is_right),
        "probably_right_share": _share(times, sample.is_probable, is_right),
        "right_identified": _share(times, is_right, sample.is_identified),
        "right_named": _share(times, is_right, sample.is_identified | sample.is_probable),
    }


def _share(times: NDArray[np.int64], among: NDArray[np.bool_], hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of hits among the photos `among`, for each resample; NaN if a resample has none of them."""
    return _ratio((times @ (among & hits)).astype(np.float64), (times @ among).astype(np.float64))


def _auroc(times: NDArray[np.int64], known: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the AUROC of known against other photos for each resample; ties count half."""
    order = np.argsort(values, kind="stable")
    begins = np.flatnonzero(np.diff(values[order], prepend=-np.inf))  # of each run of equal values
    wins = np.add.reduceat(times[:, order] * known[order], begins, axis=1)
    others = np.add.reduceat(times[:, order] * ~known[order], begins, axis=1)
    below = np.cumsum(others, axis=1) - others
    pairs = wins.sum(axis=1).astype(np.float64) * others.sum(axis=1)
    return _ratio((wins * (below + others / 2)).sum(axis=1), pairs)


def _calibration_error(
    times: NDArray[np.int64], confidence: NDArray[np.float64], is_right: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the expected calibration error of each resample, in bins of equal count."""
    resamples, count = times.shape
    order = np.argsort(confidence, kind="stable")
    gaps = (confidence - is_right)[order]
    # The photos of each resample by rising confidence, each as often as it was drawn.
    drawn = np.repeat(np.tile(gaps, resamples), times[:, order].ravel()).reshape(resamples, count)
    sums = np.concatenate([np.zeros((resamples, 1)), np.cumsum(drawn, axis=1)], axis=1)
    ends = np.cumsum([len(part) for part in np.array_split(gaps, BINS)])
    found: NDArray[np.float64] = np.abs(np.diff(sums[:, [0, *ends]], axis=1)).sum(axis=1) / count
    return found


def _interval_of_error(sample: PhotoMeasurements, drawn: NDArray[np.float64]) -> Interval:
    assert sample.confidence is not None, "only a calibrated pack has an error"
    once = np.ones((1, len(sample.is_known)), dtype=np.int64)
    measured = float(_calibration_error(once, sample.confidence, sample.rank == 1)[0])
    low, high = np.percentile(drawn - (drawn.mean() - measured), _TAILS)
    return round(max(0.0, float(low)), 4), round(float(high), 4)


def _interval(drawn: NDArray[np.float64]) -> Interval | None:
    usable = drawn[np.isfinite(drawn)]
    if not len(usable):
        return None
    low, high = np.percentile(usable, _TAILS)
    return round(float(low), 4), round(float(high), 4)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares
