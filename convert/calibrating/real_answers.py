"""The answer that a device gives to a photo whose scores and points are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, verdict_of
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.decisions.point_evidence import decide_with_points

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.decisions.decision import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RealAnswer:
    """The answer to a photo.

    Attributes:
        verdict: The decision.
        is_right: Whether its first reference is right.
    """

    verdict: Verdict
    is_right: bool


def answer_to(photo: ScoredPhoto, calibration: Calibration) -> RealAnswer:
    """Return the answer that a device gives: points are compared if similarity alone does not identify the photo."""
    verdict = verdict_of(photo, calibration)
    if calibration.points is None or photo.points is None or verdict.decision is Decision.IDENTIFIED:
        return RealAnswer(verdict=verdict, is_right=photo.right == 0)
    return answer_with_points(photo, calibration)


def answer_with_points(photo: ScoredPhoto, calibration: Calibration) -> RealAnswer:
    """Return the answer to a photo whose points are compared, whatever similarity alone says."""
    verdict = verdict_of(photo, calibration)
    decided = decide_with_points(verdict, photo.compared(len(verdict.confidences)), calibration)
    if decided is None:  # all confidences are 0
        return RealAnswer(verdict=verdict, is_right=photo.right == 0)
    return RealAnswer(verdict=decided.verdict, is_right=photo.right == decided.order[0])
