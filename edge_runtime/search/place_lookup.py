"""What positions say of a pack's references: asks the table and applies the rules of `decisions.place_evidence`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.place_evidence import (
    PlaceEvidence,
    decide_with_place,
    distinguishes,
    gain_of,
    mean_nearness,
    place_score,
)
from edge_identify.edge_runtime.photos.position import box_within_reach, distance_m

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.decisions.decision import Verdict
    from edge_identify.edge_runtime.pack.references import ReferenceTable
    from edge_identify.edge_runtime.photos.position import Coordinates, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Candidates in the order that how they look and where they are gives them.

    Attributes:
        verdict: The decision; its confidences are in that order.
        order: That order, as positions among the candidates.
        evidence: What the position says of each, in that order.
    """

    verdict: Verdict
    order: tuple[int, ...]
    evidence: tuple[PlaceEvidence, ...]


class Places:
    """Where the references of a pack are: all of them, whatever a filter lets answer."""

    def __init__(self, references: ReferenceTable) -> None:
        """Take the pack's references; nothing is read yet."""
        self._references = references

    def weigh(
        self,
        position: Position,
        candidates: Sequence[tuple[str, float]],
        calibration: Calibration,
        *,
        vision: Verdict,
        crowd: Sequence[float],
        everyone: Sequence[tuple[str, float]] | None = None,
    ) -> Placed | None:
        """Decide from how candidates look and where the photo was taken.

        Args:
            position: Of the photo.
            candidates: Ids of references and their similarities, best first.
            calibration: Of the variant that the scores come from.
            vision: What is decided without the position.
            crowd: The scores that the evidence is made of, as `decide` takes them.
            everyone: What the candidates would be without a filter; None where there is none.

        Returns:
            None where the position says nothing: no candidate has coordinates, or it is the same of all.
        """
        density = self._density(position)
        coordinates, scores = self._place_scores(position, candidates, density)
        most_gain = math.inf
        if everyone is not None:
            most_gain = gain_of(
                [score for _, score in everyone], self._place_scores(position, everyone, density)[1], calibration
            )
        # Of what passes a filter it may say nothing, and still speak against the photo showing anything in the pack.
        if not distinguishes(scores):
            most_gain = min(most_gain, 0.0)
            if most_gain == 0:
                return None
        placed = decide_with_place(
            [score for _, score in candidates], scores, calibration, crowd=crowd, most_gain=most_gain
        )
        evidence = []
        for at in placed.order:
            spot = coordinates.get(candidates[at][0])
            evidence.append(
                PlaceEvidence(
                    distance_m=None if spot is None else distance_m(position.coordinates, spot),
                    score=scores[at],
                    # Past what vision looked at, it gives nothing.
                    vision_confidence=vision.confidences[at] if at < len(vision.confidences) else 0.0,
                )
            )
        return Placed(verdict=placed.verdict, order=placed.order, evidence=tuple(evidence))

    def _density(self, position: Position) -> float:
        within = self._references.coordinates_within(box_within_reach(position))
        return mean_nearness(position, within, self._located)

    def _place_scores(
        self, position: Position, candidates: Sequence[tuple[str, float]], density: float
    ) -> tuple[dict[str, Coordinates], list[float]]:
        """Return the coordinates of candidates by id, as far as they have any, and the place score of each."""
        coordinates = self._references.coordinates_of([name for name, _ in candidates])
        return coordinates, [place_score(position, coordinates.get(name), density) for name, _ in candidates]

    @cached_property
    def _located(self) -> int:
        return self._references.located_count()
