"""Sets the thresholds `accept` to hold a false accept rate on real photos, and measures what they accept.

A stranger passes if similarity alone identifies it, or if it is accepted when its points were compared. So the
strangers that similarity identifies are taken off the number that may pass with points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from edge_identify.convert.calibrating.evidence_fitting import least_accepted, share_accepted
from edge_identify.convert.calibrating.real_answers import answer_with_points
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, verdict_of
from edge_identify.edge_runtime.decisions.calibration import Calibration, PointCalibration
from edge_identify.edge_runtime.decisions.decision import Decision

STRANGER = "photo "  # what the groups of photos of other things begin with; see `RealPhoto.group`


def hold_false_accept_rate(
    calibration: Calibration, photos: Sequence[ScoredPhoto], groups: Sequence[str], rate: float
) -> Calibration:
    """Return a calibration that holds a false accept rate on real photos, with what it accepts of them.

    Args:
        calibration: The calibration; its least confidences are final.
        photos: Scores of the photos. Without photos of other things, nothing changes.
        groups: What each shows; see `RealPhoto.group`.
        rate: Largest share of the photos of other things that may be called anything but unknown.
    """
    strangers = [photo for photo, group in zip(photos, groups, strict=True) if group.startswith(STRANGER)]
    known = [photo for photo, group in zip(photos, groups, strict=True) if not group.startswith(STRANGER)]
    if not strangers or not known:
        return calibration
    kinds = (known, [_without_its_reference(photo) for photo in known], strangers)
    accept = least_accepted(_evidence(strangers, calibration), rate)
    genuine, siblings, passed = (share_accepted(_evidence(kind, calibration), accept) for kind in kinds)
    held = replace(
        calibration,
        accept=accept,
        false_accept_rate=rate,
        genuine_count=len(known),
        impostor_count=len(strangers),
        true_accepts=genuine,
        sibling_accepts=siblings,
        false_accepts=passed,
    )
    return replace(held, points=_points(held, kinds, rate))


def _points(
    held: Calibration, kinds: tuple[Sequence[ScoredPhoto], Sequence[ScoredPhoto], Sequence[ScoredPhoto]], rate: float
) -> PointCalibration | None:
    compared = [[photo for photo in kind if photo.points is not None] for kind in kinds]
    if held.points is None or not all(compared):
        return held.points
    strangers = compared[2]
    others = [photo for photo in strangers if verdict_of(photo, held).decision is not Decision.IDENTIFIED]
    may_pass = math.floor(rate * len(strangers) + 1e-9) - (len(strangers) - len(others))
    accept = least_accepted(_evidence_with_points(others, held), may_pass / len(others))
    genuine, siblings, passed = (share_accepted(_evidence_with_points(kind, held), accept) for kind in compared)
    return replace(held.points, accept=accept, true_accepts=genuine, sibling_accepts=siblings, false_accepts=passed)


def _without_its_reference(photo: ScoredPhoto) -> ScoredPhoto:
    if photo.right is None or len(photo.scores) == 1:
        return photo
    at = photo.right
    points = None if photo.points is None else photo.points[:at] + photo.points[at + 1 :]
    return replace(photo, scores=photo.scores[:at] + photo.scores[at + 1 :], points=points, right=None)


def _evidence(photos: Sequence[ScoredPhoto], calibration: Calibration) -> list[float]:
    return [verdict_of(photo, calibration).evidence for photo in photos]


def _evidence_with_points(photos: Sequence[ScoredPhoto], calibration: Calibration) -> list[float]:
    return [answer_with_points(photo, calibration).verdict.evidence for photo in photos]
