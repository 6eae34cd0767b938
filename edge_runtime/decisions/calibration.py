"""The calibration of a pack: constants that turn scores into probabilities, measured when the pack was built.

Scores differ between encoders, and between variants of one encoder. So a calibration belongs to one image variant. A
variant without a calibration is uncalibrated: a reader never uses that of another variant.

`calibration.json`: {"variants": {NAME: {the fields of `Calibration`}}}. Unknown fields are ignored. The key `texts`
holds calibrations for texts; see `text_bands`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.text_calibration import TextCalibration

MAX_CALIBRATION_BYTES = 2**20  # a few hundred bytes for each variant
MAX_NEIGHBOURS = 1000  # each neighbour is looked up for every photo
_MOST = 1e6  # limit of any coefficient: scores lie within -1 and 1, so a larger one is hostile or a mistake
_LEAST_TEMPERATURE = 1e-4  # the softmax is a step function there; a smaller value overflows
_MOST_PHOTOS = 2**31 - 1
LEAST_SLOPE = 0.01  # of a correction; 0 or less would not keep the order of confidences


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """Least confidences of the first reference for the two words that name it; see `decision`.

    Attributes:
        identified: Least confidence for the decision identified, 0 to 1.
        probably: Least confidence for the decision probably, 0 to `identified`. It is also the least known probability
            for the decision ambiguous.
    """

    identified: float
    probably: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Maps the log-odds of a confidence to corrected ones, as fitted to realistic photos. See `decision.corrected`.

    Attributes:
        slope: Factor of the log-odds, above 0.
        intercept: Added to them.
    """

    slope: float
    intercept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPhotos:
    """What real photos told of the pack's answers. Every photo was answered by constants fitted without it.

    Attributes:
        count: Number of photos.
        identified: Share of them called identified.
        identified_right: Share of the identified whose named reference is right; None if there are none.
        probably: Share of them called probably.
        probably_right: Share of the probably whose named reference is right; None if there are none.
        calibration_error: Expected calibration error of the first reference's confidence.
        simulated: The whole calibration as fitted to simulated photos alone; it has no real photos.
        sets_accept: Whether the thresholds `accept` were set with them. Then all counts and shares of accepted photos
            are of real photos, too.
    """

    count: int
    identified: float
    identified_right: float | None
    probably: float
    probably_right: float | None
    calibration_error: float
    simulated: Calibration
    sets_accept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCalibration:
    """The constants that turn similarity and agreeing points into a decision; see `point_evidence`.

    Attributes:
        share_exponent: Exponent of a share from similarity, 0 or more.
        points_exponent: Exponent of 1 + points in a share, 0 or more.
        evidence_weight: Weight of the evidence from similarity; 0 or more.
        count_weight: Weight of the log of 1 + points of the first reference; 0 or more.
        lead_weight: Weight of the lead: that log, less the log of 1 + points of any other reference; 0 or more.
        intercept: The evidence at evidence, count and lead 0.
        accept: Least evidence, in log-odds, for a decision other than unknown.
        certainty: Least confidences for identified and probably.
        false_accepts: Measured share of the strangers that pass.
        sibling_accepts: Measured share of the siblings that pass.
        true_accepts: Measured share of the genuine photos that pass.
        correction: Corrects the confidences; None in older packs.
    """

    share_exponent: float
    points_exponent: float
    evidence_weight: float
    count_weight: float
    lead_weight: float
    intercept: float
    accept: float
    certainty: Certainty
    false_accepts: float
    sibling_accepts: float
    true_accepts: float
    correction: Correction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The constants that turn the scores of one image variant into a decision; see `decision`.

    Attributes:
        measured_with: The variant that embedded the photos. It is another variant if this one cannot run on the maker's
            machine.
        neighbours: Number of best references that the decision uses, the first included; at least 2.
        score_weight: Weight of the best score in the evidence; 0 or more.
        contrast_weight: Weight of the contrast (best score less half the mean of the other neighbours'); 0 or more.
        margin_weight: Weight of the margin (best score less the second); 0 or more.
        intercept: The evidence at score, contrast and margin 0.
        temperature: Temperature of the softmax over the neighbours' scores, in units of the score.
        accept: Least evidence, in log-odds, for a decision other than unknown.
        least_share: Least share of the first reference, .5 to .9, for the decision identified rather than ambiguous.
        false_accept_rate: Share of strangers that the maker allowed to pass, 0 to .5. Strangers are photos of unrelated
            things.
        genuine_count: Number of photos of references in the measurement.
        impostor_count: Number of strangers; in older packs, of strangers and siblings.
        false_accepts: Measured share of the impostors that pass.
        true_accepts: Measured share of the genuine photos that pass.
        sibling_accepts: Measured share of siblings that pass: the genuine photos without their reference. None in packs
            made before it was measured apart.
        certainty: Least confidences for identified and probably; None in packs made before these words.
        points: The constants for answers whose points were compared; None if the pack was built without points.
        correction: Corrects the confidences from similarity; None in older packs.
        real_photos: What real photos told; None if none were given.
    """

    measured_with: str
    neighbours: int
    score_weight: float
    contrast_weight: float
    margin_weight: float
    intercept: float
    temperature: float
    accept: float
    least_share: float
    false_accept_rate: float
    genuine_count: int
    impostor_count: int
    false_accepts: float
    true_accepts: float
    sibling_accepts: float | None = None
    certainty: Certainty | None = None
    points: PointCalibration | None = None
    correction: Correction | None = None
    real_photos: RealPhotos | None = None


def read_calibrations(path: Path) -> Mapping[str, Calibration]:
    """Read a pack's calibrations, by image variant.

    Args:
        path: `calibration.json`, with its hash already checked.

    Raises:
        PackDamagedError: The file cannot be read.
        PackFormatError: A field is missing, malformed or out of range.
    """
    return _calibrations(read_calibration_fields(path))


def read_calibration_fields(path: Path) -> JsonObject:
    """Read `calibration.json`, whose hash must have been checked, as an object of JSON.

    Raises:
        PackDamagedError: The file cannot be read.
        PackFormatError: It is not a JSON object, or longer than `MAX_CALIBRATION_BYTES`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CALIBRATION_BYTES + 1)
    except OSError as error:
        raise PackDamagedError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_json_object(data, where=str(path), max_bytes=MAX_CALIBRATION_BYTES)


def serialise_calibrations(
    calibrations: Mapping[str, Calibration], texts: Mapping[str, TextCalibration] | None = None
) -> bytes:
    """Return the canonical bytes of `calibration.json`. Without calibrated text variants it has no key `texts`."""
    values = {"variants": {name: _as_fields(entry) for name, entry in calibrations.items()}}
    if texts:
        values["texts"] = {name: asdict(entry) for name, entry in texts.items()}
    return canonical_json(values)


def serialise_calibrations_again(stored: JsonObject, calibrations: Mapping[str, Calibration]) -> bytes:
    """Return the canonical bytes of a `calibration.json` with other calibrations of photos; the rest stays.

    Args:
        stored: The fields of the file as `read_calibration_fields` returned them.
        calibrations: The calibrations, by image variant.
    """
    variants = {name: _as_fields(entry) for name, entry in calibrations.items()}
    return canonical_json({**stored.values, "variants": variants})


def _as_fields(calibration: Calibration) -> dict[str, object]:
    return _without_nothing(asdict(calibration))


def _without_nothing(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields without those that are None, at any depth."""
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if value is not None
    }


def number_within(fields: JsonObject, key: str, least: float, most: float) -> float:
    """Return a number field.

    Raises:
        PackFormatError: The field is missing, no number, or outside `least` to `most`.
    """
    value = fields.number(key)
    if not least <= value <= most:
        raise PackFormatError(f"{fields.where}: `{key}` is {value:g}, outside {least:g} to {most:g}")
    return value


def _calibrations(fields: JsonObject) -> Mapping[str, Calibration]:
    return {name: _calibration_with_real_photos(entry) for name, entry in fields.items("variants")}


def _calibration_with_real_photos(fields: JsonObject) -> Calibration:
    told = _real_photos(fields.object("real_photos")) if fields.has("real_photos") else None
    return replace(_calibration(fields), real_photos=told)


def _calibration(fields: JsonObject) -> Calibration:
    return Calibration(
        measured_with=fields.text("measured_with"),
        neighbours=fields.integer("neighbours", least=2, most=MAX_NEIGHBOURS),
        score_weight=number_within(fields, "score_weight", 0, _MOST),
        contrast_weight=number_within(fields, "contrast_weight", 0, _MOST),
        margin_weight=number_within(fields, "margin_weight", 0, _MOST),
        intercept=number_within(fields, "intercept", -_MOST, _MOST),
        temperature=number_within(fields, "temperature", _LEAST_TEMPERATURE, _MOST),
        accept=number_within(fields, "accept", -_MOST, _MOST),
        least_share=number_within(fields, "least_share", 0.5, 0.9),
        false_accept_rate=number_within(fields, "false_accept_rate", 0, 0.5),
        genuine_count=fields.integer("genuine_count", least=1, most=_MOST_PHOTOS),
        impostor_count=fields.integer("impostor_count", least=1, most=_MOST_PHOTOS),
        false_accepts=number_within(fields, "false_accepts", 0, 1),
        true_accepts=number_within(fields, "true_accepts", 0, 1),
        sibling_accepts=number_within(fields, "sibling_accepts", 0, 1) if fields.has("sibling_accepts") else None,
        certainty=_certainty(fields.object("certainty")) if fields.has("certainty") else None,
        points=_points(fields.object("points")) if fields.has("points") else None,
        correction=_correction(fields),
    )


def _points(fields: JsonObject) -> PointCalibration:
    return PointCalibration(
        share_exponent=number_within(fields, "share_exponent", 0, _MOST),
        points_exponent=number_within(fields, "points_exponent", 0, _MOST),
        evidence_weight=number_within(fields, "evidence_weight", 0, _MOST),
        count_weight=number_within(fields, "count_weight", 0, _MOST),
        lead_weight=number_within(fields, "lead_weight", 0, _MOST),
        intercept=number_within(fields, "intercept", -_MOST, _MOST),
        accept=number_within(fields, "accept", -_MOST, _MOST),
        certainty=_certainty(fields.object("certainty")),
        false_accepts=number_within(fields, "false_accepts", 0, 1),
        sibling_accepts=number_within(fields, "sibling_accepts", 0, 1),
        true_accepts=number_within(fields, "true_accepts", 0, 1),
        correction=_correction(fields),
    )


def _correction(fields: JsonObject) -> Correction | None:
    if not fields.has("correction"):
        return None
    entry = fields.object("correction")
    return Correction(
        slope=number_within(entry, "slope", LEAST_SLOPE, _MOST),
        intercept=number_within(entry, "intercept", -_MOST, _MOST),
    )


def _real_photos(entry: JsonObject) -> RealPhotos:
    return RealPhotos(
        count=entry.integer("count", least=1, most=_MOST_PHOTOS),
        identified=number_within(entry, "identified", 0, 1),
        identified_right=number_within(entry, "identified_right", 0, 1) if entry.has("identified_right") else None,
        probably=number_within(entry, "probably", 0, 1),
        probably_right=number_within(entry, "probably_right", 0, 1) if entry.has("probably_right") else None,
        calibration_error=number_within(entry, "calibration_error", 0, 1),
        simulated=_calibration(entry.object("simulated")),
        sets_accept=entry.truth("sets_accept"),
    )


def _certainty(entry: JsonObject) -> Certainty:
    identified = number_within(entry, "identified", 0, 1)
    return Certainty(identified=identified, probably=number_within(entry, "probably", 0, identified))
