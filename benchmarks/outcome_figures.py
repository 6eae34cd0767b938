"""From single outcomes to the figures of a table: recall, its interval, and the area under a curve.

Ten photos of one product succeed or fail together. So whole references are resampled, each with all its photos, and not
single photos: the interval is about other things, not other photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.evaluating.evaluation import DEPTHS, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RESAMPLES = 2000  # the ends of the interval then move by less than .005 from one seed to another
_SEED = 20_261_121  # fixed, so that a run can be repeated
_TAILS = (2.5, 97.5)  # percent: an interval of 95 %


def recall_by_group(outcomes: Sequence[Outcome], column: str) -> dict[str, dict[str, Any]]:
    """Return the figures of each group that has photos of known things, by the value of a column of the queries."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.query.reference_id:
            groups.setdefault(outcome.query.columns[column], []).append(outcome)
    return {name: recall_figures(groups[name]) for name in sorted(groups)}


def recall_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the recall at each depth with its interval, of photos of known things."""
    references = [outcome.query.reference_id for outcome in outcomes]
    figures: dict[str, Any] = {"photos": len(outcomes), "references": len(set(references))}
    for depth in DEPTHS:
        hits = np.array([outcome.rank is not None and outcome.rank <= depth for outcome in outcomes])
        figures |= share_figures(f"recall@{depth}", hits, references)
    return figures


def share_figures(name: str, hits: NDArray[np.bool_], clusters: Sequence[str]) -> dict[str, Any]:
    """Return {name: the share of hits, name + "_interval": [low, high]}, rounded.

    Args:
        name: What is counted.
        hits: One for each photo, at least one.
        clusters: What each photo shows; photos of one thing are resampled together.
    """
    low, high = bootstrap_interval(hits, clusters)
    return {name: round(float(hits.mean()), 4), f"{name}_interval": [round(low, 4), round(high, 4)]}


def bootstrap_interval(hits: NDArray[np.bool_], clusters: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of the share of hits, by resampling clusters; the same for the same arguments."""
    names, owners = np.unique(np.asarray(clusters), return_inverse=True)
    sizes = np.bincount(owners)
    found = np.bincount(owners, weights=hits)
    rng = np.random.default_rng(_SEED)
    chosen = rng.integers(0, len(names), (_RESAMPLES, len(names)), dtype=np.int32)
    shares = found[chosen].sum(axis=1) / sizes[chosen].sum(axis=1)
    low, high = np.percentile(shares, _TAILS)
    return float(low), float(high)


def auroc(known: Sequence[float], unknown: Sequence[float]) -> float:
    """Return how often a known thing scores higher than an unknown one; of a tie, half counts.

    This is the area under the curve of true against false accepts over all thresholds.

    Args:
        known: Best similarities of photos of things that are among the references; at least one.
        unknown: Of photos of things that are not; at least one.
    """
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left")
    tied = np.searchsorted(ordered, known, side="right") - below
    return float((below + tied / 2).mean() / len(ordered))


def best_scores(outcomes: Sequence[Outcome], column: str, group: str) -> list[float]:
    """Return the best similarity of each photo of a group."""
    return [outcome.best_score for outcome in outcomes if outcome.query.columns[column] == group]


def value_at(figures: Mapping[str, Any], path: Sequence[str]) -> float | None:
    """Return a number deep in nested figures; None where that part was not measured."""
    found: Any = figures
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    number: float = found
    return number
