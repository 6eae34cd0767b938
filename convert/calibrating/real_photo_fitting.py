"""Fits a calibration to a maker's real photos, on top of the fit to simulated ones. Deterministic.

The weights of the evidence stay. Two things are fitted, and a third if the maker asks for it:
- A correction of the confidences, on top of that from simulated photos; see `correction_fitting`.
- The least confidences for identified and probably, as `certainty_fitting` fits them, weighted against the simulated
  ones by the number of photos.
- The thresholds `accept`, to hold a false accept rate; see `real_accepts`.

Photos of things that are not in the pack take part: their first reference is wrong.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from edge_identify.convert.calibrating.calibration_fitting import KEPT_BY_SIMILARITY, SURELY_RIGHT
from edge_identify.convert.calibrating.certainty_fitting import fit_certainty, raise_probably
from edge_identify.convert.calibrating.correction_fitting import composed, fit_correction
from edge_identify.convert.calibrating.evidence_fitting import DECIMALS
from edge_identify.convert.calibrating.named_reference import NamedReference
from edge_identify.convert.calibrating.point_fitting import (
    KEPT_WITH_POINTS,
    LEAST_NAMED_RIGHT,
    LEAST_PROBABLY_RIGHT,
    LEAST_RIGHT,
)
from edge_identify.convert.calibrating.real_accepts import hold_false_accept_rate
from edge_identify.convert.calibrating.real_answers import RealAnswer, answer_to, answer_with_points
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, verdict_of
from edge_identify.convert.evaluating.decision_figures import calibration_error
from edge_identify.edge_runtime.decisions.calibration import Calibration, Certainty, Correction, RealPhotos
from edge_identify.edge_runtime.decisions.decision import Decision

LEAST_PHOTOS = 10  # fewer tell nothing of 95 %
FOLDS = 5
_SIMULATED_PHOTOS = 20  # weight of the simulated least confidences, in real photos


def fit_to_real_photos(
    photos: Sequence[ScoredPhoto],
    fitted: Calibration,
    groups: Sequence[str],
    false_accept_rate: float | None = None,
) -> Calibration:
    """Return a calibration fitted to real photos, with what it measured on photos that it was not fitted to.

    Args:
        photos: Scores of the photos, at least one; points if the calibration has constants for points.
        fitted: The calibration that was fitted to simulated photos. What earlier real photos changed is undone.
        groups: For each photo what it shows; see `RealPhoto.group`. Photos of one group are fitted to or measured,
            never both.
        false_accept_rate: Largest share of the photos of other things that may be called anything but unknown; None
            keeps the thresholds of the simulated photos.
    """
    simulated = without_real_photos(fitted)
    answers = _held_out_answers(photos, simulated, groups, false_accept_rate)
    told = _figures(answers, simulated, sets_accept=false_accept_rate is not None)
    return replace(_fitted_to(photos, simulated, groups, false_accept_rate), real_photos=told)


def without_real_photos(calibration: Calibration) -> Calibration:
    """Return the calibration as it was fitted to simulated photos."""
    return calibration if calibration.real_photos is None else calibration.real_photos.simulated


def _fitted_to(
    photos: Sequence[ScoredPhoto], simulated: Calibration, groups: Sequence[str], false_accept_rate: float | None
) -> Calibration:
    fitted = _with_certainty(photos, simulated)
    if false_accept_rate is None:
        return fitted
    return hold_false_accept_rate(fitted, photos, groups, false_accept_rate)


def _with_certainty(photos: Sequence[ScoredPhoto], simulated: Calibration) -> Calibration:
    """Return a calibration with corrections and least confidences that were fitted to photos."""
    alone = [_answer_alone(photo, simulated) for photo in photos]
    has_points = simulated.points is not None
    # Similarity alone names a reference, without a look at the points, only if it is surer.
    right = SURELY_RIGHT if has_points else LEAST_RIGHT
    accepted = [each for each in alone if each.verdict.evidence >= simulated.accept]
    certainty = _blended(simulated.certainty, _named(alone), _named(accepted), kept=KEPT_BY_SIMILARITY, right=right)
    if has_points and certainty is not None and simulated.certainty is not None:
        # Points are compared with what similarity does not identify: no reason to identify more by it.
        certainty = replace(certainty, identified=max(certainty.identified, simulated.certainty.identified))
    fitted = replace(simulated, certainty=certainty, correction=composed(simulated.correction, _correction(alone)))
    if simulated.points is None:
        return fitted
    with_points = [photo for photo in photos if photo.points is not None]
    compared = [answer_with_points(photo, simulated) for photo in with_points]
    answered = [
        each
        for photo, each in zip(with_points, compared, strict=True)
        if each.verdict.evidence >= simulated.points.accept
        and verdict_of(photo, fitted).decision is not Decision.IDENTIFIED
    ]
    certainty = _blended(
        simulated.points.certainty, _named(compared), _named(answered), kept=KEPT_WITH_POINTS, right=LEAST_RIGHT
    )
    rule = replace(
        simulated.points,
        certainty=certainty or simulated.points.certainty,
        correction=composed(simulated.points.correction, _correction(compared)),
    )
    return replace(fitted, points=rule)


def _answer_alone(photo: ScoredPhoto, calibration: Calibration) -> RealAnswer:
    return RealAnswer(verdict=verdict_of(photo, calibration), is_right=photo.right == 0)


def _named(answers: Sequence[RealAnswer]) -> list[NamedReference]:
    """Return the first references with the confidences that thresholds hold for: those before any correction."""
    return [
        NamedReference(confidence=(each.verdict.uncorrected or each.verdict.confidences)[0], is_right=each.is_right)
        for each in answers
    ]


def _correction(answers: Sequence[RealAnswer]) -> Correction:
    return fit_correction([each.verdict.confidences[0] for each in answers], [each.is_right for each in answers])


def _blended(
    simulated: Certainty | None,
    named: Sequence[NamedReference],
    answered: Sequence[NamedReference],
    *,
    kept: tuple[float, float],
    right: float,
) -> Certainty | None:
    """Return least confidences between the simulated and the real ones, by the number of photos; on log-odds."""
    if simulated is None or not named:
        return simulated
    real = fit_certainty(named, kept=kept, right=(right, LEAST_NAMED_RIGHT))
    real = raise_probably(real, answered, LEAST_PROBABLY_RIGHT)
    weight = len(named) / (len(named) + _SIMULATED_PHOTOS)
    identified = _between(simulated.identified, real.identified, weight)
    return Certainty(
        identified=identified, probably=min(identified, _between(simulated.probably, real.probably, weight))
    )


def _between(simulated: float, real: float, weight: float) -> float:
    """Return the confidence whose log-odds lie between those of two others."""
    low, high = (math.log(each / (1 - each)) for each in (_inside(simulated), _inside(real)))
    return round(1 / (1 + math.exp(-((1 - weight) * low + weight * high))), DECIMALS)


def _inside(confidence: float) -> float:
    return min(max(confidence, 1e-4), 1 - 1e-4)


def _held_out_answers(
    photos: Sequence[ScoredPhoto], simulated: Calibration, groups: Sequence[str], false_accept_rate: float | None
) -> list[RealAnswer]:
    """Return the answer to each photo by a calibration that was fitted to the photos of other folds."""
    fold_of = _folds(groups)
    answers = []
    for fold in sorted(set(fold_of.values())):
        kept = [at for at, group in enumerate(groups) if fold_of[group] != fold]
        fitted = _fitted_to([photos[at] for at in kept], simulated, [groups[at] for at in kept], false_accept_rate)
        answers += [answer_to(photos[at], fitted) for at, group in enumerate(groups) if fold_of[group] == fold]
    return answers


def _folds(groups: Sequence[str]) -> dict[str, int]:
    """Assign whole groups to folds of about equal size; what a group is called decides, not its place in the table."""
    counts: dict[str, int] = defaultdict(int)
    for group in groups:
        counts[group] += 1
    sizes = [0] * FOLDS
    folds = {}
    for group in sorted(counts, key=lambda name: (-counts[name], hashlib.sha256(name.encode()).digest())):
        folds[group] = min(range(FOLDS), key=lambda fold: (sizes[fold], fold))
        sizes[folds[group]] += counts[group]
    return folds


def _figures(answers: Sequence[RealAnswer], simulated: Calibration, *, sets_accept: bool) -> RealPhotos:
    identified = [each for each in answers if each.verdict.decision is Decision.IDENTIFIED]
    probably = [each for each in answers if each.verdict.decision is Decision.PROBABLY]
    return RealPhotos(
        count=len(answers),
        identified=round(len(identified) / len(answers), DECIMALS),
        identified_right=_right(identified),
        probably=round(len(probably) / len(answers), DECIMALS),
        probably_right=_right(probably),
        calibration_error=calibration_error(
            [each.verdict.confidences[0] for each in answers], [each.is_right for each in answers]
        ),
        simulated=simulated,
        sets_accept=sets_accept,
    )


def _right(answers: Sequence[RealAnswer]) -> float | None:
    return round(sum(each.is_right for each in answers) / len(answers), DECIMALS) if answers else None
