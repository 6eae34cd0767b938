"""What a calibration is fitted to: scores and points of photos of three populations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.decisions.decision import Verdict, decide
from edge_identify.edge_runtime.search.geometry.cascade import CANDIDATES

NEIGHBOURS = 20  # the first match against the next 19: best on unknown photos of street mosaics


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPhoto:
    """Scores of the pack's references for one photo.

    Attributes:
        scores: Cosine similarities of distinct references, best first, at least one.
        points: Agreeing points with each reference, 0 if not compared; None if the photo's points were not compared.
        right: Position of the right reference in `scores`, from 0; None if it is not there.
        difficulty: Difficulty of the simulated photo, as `simulate_photo` takes it.
        is_realistic: Whether the photo is as hard as a real one. Thresholds are measured with these.
    """

    scores: tuple[float, ...]
    points: tuple[int, ...] | None = None
    right: int | None = None
    difficulty: float = 1.0
    is_realistic: bool = True

    def compared(self, count: int) -> list[int]:
        """Return the points with the first references: of those that a device compares, and 0 for the others."""
        assert self.points is not None, "only photos with points are asked"
        return [points if at < CANDIDATES else 0 for at, points in enumerate(self.points[:count])]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPhotos:
    """The photos that a calibration is fitted to; at least one of each kind.

    Attributes:
        genuine: Photos of references.
        siblings: The same photos, scored without the right reference.
        strangers: Photos of unrelated things.
    """

    genuine: Sequence[ScoredPhoto]
    siblings: Sequence[ScoredPhoto]
    strangers: Sequence[ScoredPhoto]

    def with_points(self) -> ScoredPhotos:
        """Return the photos whose points were compared."""
        kinds = ([photo for photo in kind if photo.points is not None] for kind in self.kinds())
        genuine, siblings, strangers = kinds
        return ScoredPhotos(genuine=genuine, siblings=siblings, strangers=strangers)

    def in_order(self) -> ScoredPhotos:
        """Return the photos in an order that depends on nothing but the photos."""
        genuine, siblings, strangers = (sorted(kind, key=_place_in_order) for kind in self.kinds())
        return ScoredPhotos(genuine=genuine, siblings=siblings, strangers=strangers)

    def realistic(self) -> Sequence[ScoredPhoto]:
        """Return the genuine photos that are as hard as real ones; all genuine photos if none is."""
        return [photo for photo in self.genuine if photo.is_realistic] or self.genuine

    def limits(self, false_accept_rate: float, sibling_rate: float | None) -> list[tuple[Sequence[ScoredPhoto], float]]:
        """Return the groups of photos that a rate holds for, each with its rate.

        Args:
            false_accept_rate: The rate of the strangers.
            sibling_rate: The rate of each third of the siblings, by difficulty; None for no limit.
        """
        thirds = [] if sibling_rate is None else [(group, sibling_rate) for group in _by_difficulty(self.siblings)]
        return [(self.strangers, false_accept_rate), *thirds]

    def kinds(self) -> tuple[Sequence[ScoredPhoto], Sequence[ScoredPhoto], Sequence[ScoredPhoto]]:
        """Return genuine photos, siblings and strangers."""
        return self.genuine, self.siblings, self.strangers


def _place_in_order(photo: ScoredPhoto) -> tuple[object, ...]:
    right = -1 if photo.right is None else photo.right
    return photo.scores, photo.points or (), right, photo.difficulty, photo.is_realistic


def _by_difficulty(photos: Sequence[ScoredPhoto]) -> list[list[ScoredPhoto]]:
    """Split photos into thirds by difficulty; fewer groups if there are fewer than three photos.

    Easy photos of siblings score higher than hard ones. The rate must hold for each third, because the quality of
    users' photos is not known.
    """
    ranked = sorted(photos, key=lambda photo: photo.difficulty)
    bounds = [round(len(ranked) * third / 3) for third in range(4)]
    return [ranked[start:end] for start, end in pairwise(bounds) if end > start]


def verdict_of(photo: ScoredPhoto, calibration: Calibration) -> Verdict:
    """Return the decision on a photo by similarity alone."""
    return decide(photo.scores[: calibration.neighbours], calibration)
