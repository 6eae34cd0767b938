"""What a calibration is fitted to: scores and points of photos of three populations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def kinds(self) -> tuple[Sequence[ScoredPhoto], Sequence[ScoredPhoto], Sequence[ScoredPhoto]]:
        """Return genuine photos, siblings and strangers."""
        return self.genuine, self.siblings, self.strangers


def verdict_of(photo: ScoredPhoto, calibration: Calibration) -> Verdict:
    """Return the decision on a photo by similarity alone."""
    return decide(photo.scores[: calibration.neighbours], calibration)
