"""What a pack knows of its own scores: how sure a similarity is, measured when the pack was built.

Scores of two encoders, and of two variants of one, are not alike. So a calibration belongs to one image variant, and
a variant without one is uncalibrated: a reader never takes another's.

`calibration.json`: {"variants": {NAME: {the fields of `Calibration`}}}. Unknown fields are ignored. `text_bands` knows
another, for texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object

MAX_CALIBRATION_BYTES = 2**20  # a few hundred bytes for each variant
MAX_NEIGHBOURS = 1000  # each is looked up for every photo
_MOST = 1e6  # of any coefficient: scores lie within -1 and 1, so a larger one is hostile or a mistake
_LEAST_TEMPERATURE = 1e-4  # a step function; anything smaller only overflows
_MOST_PHOTOS = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns the scores of one image variant into a decision.

    Attributes:
        measured_with: The variant that embedded the photos: another where this one cannot run on the maker's machine.
        neighbours: Best references that count, the first included, at least 2.
        score_weight: Weight of the best score in the evidence, 0 or more, as are the next two.
        contrast_weight: Of the best score less half the mean of the other neighbours'.
        margin_weight: Of the best score less the second.
        intercept: The evidence where all three are 0.
        temperature: Of the softmax that shares a certainty out among the neighbours, in units of the score.
        accept: Least evidence of a photo that shows something in the pack.
        least_share: Least share of the first reference, .5 to .9, for it to be the answer rather than one of several.
        false_accept_rate: Share of photos of unknown things that the maker let pass, 0 to .5.
        genuine_count: Simulated photos of references that this was measured with.
        impostor_count: Photos with the right answer left out, or of things that were drawn.
        false_accepts: Measured share of those impostors that pass.
        true_accepts: Measured share of the genuine photos that pass.
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


def read_calibrations(path: Path) -> Mapping[str, Calibration]:
    """Read a pack's calibrations, by image variant.

    Args:
        path: The file, its hash checked before.

    Raises:
        PackDamagedError: It cannot be read.
        PackFormatError: It is not what this module describes.
    """
    return _calibrations(read_calibration_fields(path))


def read_calibration_fields(path: Path) -> JsonObject:
    """Read `calibration.json`; its hash was checked before.

    Raises:
        PackDamagedError: It cannot be read.
        PackFormatError: It is not JSON, or too long.
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
    """Return the canonical bytes of `calibration.json`; without `texts` where none are calibrated."""
    values = {"variants": {name: asdict(entry) for name, entry in calibrations.items()}}
    if texts:
        values["texts"] = {name: asdict(entry) for name, entry in texts.items()}
    return canonical_json(values)


def number_within(fields: JsonObject, key: str, least: float, most: float) -> float:
    """Return a number field.

    Raises:
        PackFormatError: It is missing, no number, or outside `least` to `most`.
    """
    value = fields.number(key)
    if not least <= value <= most:
        raise PackFormatError(f"{fields.where}: `{key}` is {value:g}, outside {least:g} to {most:g}")
    return value


def _calibrations(fields: JsonObject) -> Mapping[str, Calibration]:
    return {name: _calibration(entry) for name, entry in fields.items("variants")}


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
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCalibration:
    """What turns the scores of one text variant into bands.

    Attributes:
        measured_with: The variant that embedded the texts.
        strong: Least score of a strong match, -1 to 1.
        fair: Of a fair one; `strong` or less.
        auroc: How often a text of something in the pack scored above one of something else, .5 to 1.
        genuine_count: Texts of labels and names that this was measured with.
        impostor_count: The same without their references, and texts of other things.
        genuine_strong: Share of the genuine texts that are strong.
        genuine_fair: That are fair or strong.
        impostors_strong: Share of the impostors that are strong.
        impostors_fair: That are fair or strong.
    """

    measured_with: str
    strong: float
    fair: float
    auroc: float
    genuine_count: int
    impostor_count: int
    genuine_strong: float
    genuine_fair: float
    impostors_strong: float
    impostors_fair: float
