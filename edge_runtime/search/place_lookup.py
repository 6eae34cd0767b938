"""Decisions with a photo's position: reads coordinates from the pack and applies `decisions.place_evidence`."""

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
    """Candidates ranked by vision and position.

    Attributes:
        verdict: The decision; its confidences are in the new order.
        order: Indices of the candidates in the new order.
        evidence: The position's evidence for each candidate, in the new order.
    """

    verdict: Verdict
    order: tuple[int, ...]
    evidence: tuple[PlaceEvidence, ...]


class Places:
    """The coordinates of all references of a pack, whatever the filters."""

    def __init__(self, references: ReferenceTable) -> None:
        """Use the pack's references; nothing is read yet."""
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
        """Decide from the candidates' scores and the photo's position.

        Args:
            position: The photo's position.
            candidates: (reference id, cosine similarity), best first.
            calibration: Calibration of the variant that computed the scores.
            vision: The decision without the position.
            crowd: The scores for the evidence, as in `decide`.
            everyone: The candidates without a filter; None if there is no filter.

        Returns:
            None if the position changes nothing: all candidates have the same place score.
        """
        density = self._density(position)
        coordinates, scores = self._place_scores(position, candidates, density)
        most_gain = math.inf
        if everyone is not None:
            most_gain = gain_of(
                [score for _, score in everyone], self._place_scores(position, everyone, density)[1], calibration
            )
        # All candidates within a filter may have the same place score, and the gain without the filter be negative.
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
                    # Candidates beyond vision's confidences have none.
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
        """Return the known coordinates of candidates, by id, and the place score of each candidate."""
        coordinates = self._references.coordinates_of([name for name, _ in candidates])
        return coordinates, [place_score(position, coordinates.get(name), density) for name, _ in candidates]

    @cached_property
    def _located(self) -> int:
        return self._references.located_count()
