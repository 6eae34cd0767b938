"""What is asked of a decision: the references that are nearest to a photo, a text, or several photos of one thing.

A newcomer would decide from the references that may answer alone. Where a filter leaves some out, the evidence is still
made of the whole pack: see `_crowd`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A reference that was found, the similarity of its nearest picture, and the index's id of that."""

    reference_id: str
    score: float
    index_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is known of one photo or text when its decision is to be made.

    Attributes:
        ranked: The references that may answer, best first.
        crowd: The scores that the evidence is made of: the first answer's, then those of all others of the whole pack.
        position: Where the photo was taken; None where that was not told.
        everyone: What would be ranked if all might answer; None where all may.
    """

    ranked: list[Nearest]
    crowd: list[float]
    position: Position | None
    everyone: list[Nearest] | None = None


def question_of(ranked: list[Nearest], position: Position | None, every: list[Nearest] | None) -> Question:
    """Return a question; `every` is what would be ranked if all might answer, None where all may."""
    crowd = [nearest.score for nearest in ranked] if every is None else _crowd(ranked[0], every)
    return Question(ranked=ranked, crowd=crowd, position=position, everyone=every)


def _crowd(first: Nearest, every: Sequence[Nearest]) -> list[float]:
    """Return the scores that the first of a filtered answer has to stand out from: those of the whole pack.

    A filter leaves fewer look-alikes, and among few any photo stands out. Measured against the whole pack, what is
    known with a filter would be known without. Which of the known things it is may become clearer: look-alikes that
    a filter leaves out are what the person who filters has ruled out.
    """
    return [first.score, *(other.score for other in every if other.reference_id != first.reference_id)]


def named_scores(ranked: Sequence[Nearest]) -> list[tuple[str, float]]:
    """Return the ids of references with their similarities, in their order."""
    return [(nearest.reference_id, nearest.score) for nearest in ranked]


def fused(photos: Sequence[Sequence[Nearest]]) -> list[Nearest]:
    """Return the references of several photos of one thing, best first, each with the picture nearest to any photo.

    The means are made of the first `DEPTH` references of each photo, however many are known: what is asked for to be
    shown changes no score. References past these follow, with means of their own, which are no better.
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
    """Return what references are sorted by: equal scores stand as an index orders them."""
    return -nearest.score, nearest.index_id
