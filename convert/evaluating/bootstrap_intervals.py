"""How far a figure may be off because these photos were taken and not others: bootstrap intervals of 95 %.

The photos are drawn anew from themselves, with replacement, and each figure is measured on each draw. What a newcomer
would get wrong: resampling makes a calibration error larger by itself, since a draw is rougher than what it is drawn
from, so its interval is moved back by the mean of what the draws add. And photos of one thing succeed or fail
together: where there are many of few things, the truth is less sure than these intervals say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.evaluating.decision_figures import BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2000  # the ends of an interval then move by less than .005 from one seed to another
SEED = 20_261_121  # any number; fixed, so that a run can be repeated
PERCENT = 95
_TAILS = (2.5, 97.5)
_MOST_CELLS = 4_000_000  # resamples x photos at once: 32 MB for each array of counts

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoMeasurements:
    """What was measured of some photos, at least one; every array is as long as there are photos.

    Attributes:
        is_known: Whether it shows something in the pack, bool.
        rank: Of the right reference, from 1; 0 where it was not found, int64.
        score: Best similarity, float64.
        is_accepted: Whether it was taken for something in the pack, bool; None with the next two for a pack that is
            not calibrated.
        evidence: That it shows something in the pack, float64.
        confidence: Of the first match, float64.
    """

    is_known: NDArray[np.bool_]
    rank: NDArray[np.int64]
    score: NDArray[np.float64]
    is_accepted: NDArray[np.bool_] | None = None
    evidence: NDArray[np.float64] | None = None
    confidence: NDArray[np.float64] | None = None


def bootstrap_intervals(sample: PhotoMeasurements, *, depths: tuple[int, ...]) -> Mapping[str, Interval | None]:
    """Return the interval of each figure that the sample allows, by the names that `evaluation_figures` uses.

    `recall@K` for each depth and `auroc_score` always; for a calibrated pack also `false_accept_rate`,
    `false_reject_rate`, `right_accepted`, `auroc_evidence` and `ece`. None where there is no photo to measure with. The
    same sample gives the same intervals.
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
    return figures | {
        "false_accept_rate": _share(times, ~known, sample.is_accepted),
        "false_reject_rate": _share(times, known, ~sample.is_accepted),
        "right_accepted": _share(times, known & is_right, sample.is_accepted),
        "auroc_evidence": _auroc(times, known, sample.evidence),
        "ece": _calibration_error(times, sample.confidence, is_right),
    }


def _share(times: NDArray[np.int64], among: NDArray[np.bool_], hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of hits among some photos, for each resample; NaN where it has none of them."""
    return _ratio((times @ (among & hits)).astype(np.float64), (times @ among).astype(np.float64))


def _auroc(times: NDArray[np.int64], known: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how often a known photo's value is above another's, ties counting half, for each resample."""
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
    """Return the calibration error in bins of equal count of each resample."""
    resamples, count = times.shape
    order = np.argsort(confidence, kind="stable")
    gaps = (confidence - is_right)[order]
    # Each resample's photos by rising confidence, a photo as often as it was drawn.
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
