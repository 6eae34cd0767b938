"""A pack's calibration, fitted to a maker's real photos on top of the simulated ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from edge_identify.convert.calibrating.real_photo_fitting import LEAST_PHOTOS, fit_to_real_photos
from edge_identify.convert.calibrating.real_photos import ScoredRealPhotos
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPhotoOutcome:
    """The result of calibrating with real photos.

    Attributes:
        calibrations: The calibrations, by variant.
        left_out: Photos that embed as a reference image does.
        unchanged_because: Why the calibrations are as before; None if they were fitted.
    """

    calibrations: Mapping[str, Calibration]
    left_out: tuple[SkippedImage, ...]
    unchanged_because: str | None


def calibrate_with_real_photos(
    calibrations: Mapping[str, Calibration],
    scored: Mapping[str, ScoredRealPhotos],
    false_accept_rate: float | None = None,
) -> RealPhotoOutcome:
    """Fit calibrations to real photos. Fewer than `LEAST_PHOTOS` change nothing.

    Args:
        calibrations: The calibrations, by variant.
        scored: Scores of the photos, by variant that measures; each calibration names its own.
        false_accept_rate: A new rate, to be held on the table's photos of other things; None keeps the thresholds that
            were fitted to simulated photos.

    Raises:
        SetupError: A new rate is asked for, and too few photos of other things tell whether it holds.
    """
    left_out = tuple({one.path: one for each in scored.values() for one in each.left_out}.values())
    fewest = min(len(each.photos) for each in scored.values())
    if fewest < LEAST_PHOTOS:
        return RealPhotoOutcome(
            calibrations=calibrations,
            left_out=left_out,
            unchanged_because=f"{counted(fewest, 'real photo')} {plural(fewest, 'is', 'are')} too few to calibrate "
            f"with, at least {LEAST_PHOTOS} are needed and some dozens are better",
        )
    fitted = {
        name: _fitted(calibration, scored[calibration.measured_with], false_accept_rate)
        for name, calibration in calibrations.items()
    }
    return RealPhotoOutcome(calibrations=fitted, left_out=left_out, unchanged_because=None)


def _fitted(calibration: Calibration, scored: ScoredRealPhotos, false_accept_rate: float | None) -> Calibration:
    if false_accept_rate is not None:
        strangers = scored.strangers()
        needed = math.ceil(1 / false_accept_rate)
        if len(strangers) < needed:
            raise SetupError(
                f"--false-accept-rate {false_accept_rate:g}: the table has {counted(len(strangers), 'photo')} of "
                f"things that are not in the pack; at least {needed} tell whether this rate holds"
            )
    return fit_to_real_photos(scored.photos, calibration, scored.groups, false_accept_rate)
