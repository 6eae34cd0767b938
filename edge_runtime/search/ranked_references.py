"""The input of a decision: the references nearest to a photo, a text, or several photos of one thing.

Trap: with a filter, the evidence still comes from the whole pack, not only from the references that pass; see `_crowd`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A reference that was found, the similarity of its nearest image, and that image's id in the index."""

    reference_id: str
    score: float
    index_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One photo or text before its decision.

    Attributes:
        ranked: The references that pass the filters, best first.
        crowd: The scores behind the evidence: the first reference's, then those of all others of the whole pack.
        position: Where the photo was taken; None if unknown.
        everyone: The ranking without filters; None if there are no filters.
    """

    ranked: list[Nearest]
    crowd: list[float]
    position: Position | None
    everyone: list[Nearest] | None = None


def question_of(ranked: list[Nearest], position: Position | None, every: list[Nearest] | None) -> Question:
    """Return a question; `every` is the ranking without filters, or None if there are no filters."""
    crowd = [nearest.score for nearest in ranked] if every is None else _crowd(ranked[0], every)
    return Question(ranked=ranked, crowd=crowd, position=position, everyone=every)


def _crowd(first: Nearest, every: Sequence[Nearest]) -> list[float]:
    """Return the scores of the whole pack that the first reference of a filtered answer is compared with.

    A filter leaves fewer look-alikes, and among few references every photo stands out. The comparison with the whole
    pack makes "known" mean the same with and without a filter. The choice between look-alikes may still become clearer,
    because the user has ruled out those that do not pass.
    """
    return [first.score, *(other.score for other in every if other.reference_id != first.reference_id)]


def named_scores(ranked: Sequence[Nearest]) -> list[tuple[str, float]]:
    """Return the ids of references with their similarities, in their order."""
    return [(nearest.reference_id, nearest.score) for nearest in ranked]


def fused(photos: Sequence[Sequence[Nearest]]) -> list[Nearest]:
    """Return the references of several photos of one thing, best first, each with the image nearest to any photo.

    A score is a mean over the photos. It uses the first `DEPTH` references of each photo, so `top_k` changes no score.
    The references after these follow with their own means, which are not better.
    """
    from edge_identify.edge_runtime.decisions.several_photos import DEPTH

    best = _fused([found[:DEPTH] for found in photos])
    if all(len(found) <= DEPTH for found in photos):
        return best
    told = {nearest.reference_id for nearest in best}
    return [*best, *(nearest for nearest in _fused(photos) if nearest.reference_id not in told)]


def _fused(photos: Sequence[Sequence[Nearest]]) -> list[Nearest]:
    from edge_identify.edge_runtime.decisions.several_photos import mean_scores

    means = mean_scores([{nearest.reference_id: nearest.score for nearest in found} for found in photos])
    every = sorted((nearest for found in photos for nearest in found), key=_standing, reverse=True)
    pictures = {nearest.reference_id: nearest for nearest in every}  # the last of each, which is its best, is kept
    return sorted((replace(pictures[name], score=score) for name, score in means.items()), key=_standing)


def _standing(nearest: Nearest) -> tuple[float, int]:
    """Return the sort key of references: higher scores first, then lower index ids."""
    return -nearest.score, nearest.index_id
