"""What a pack knows of its own scores: how sure a similarity is, measured when the pack was built.

Scores of two encoders, and of two variants of one, are not alike. So a calibration belongs to one image variant, and
a variant without one is uncalibrated: a reader never takes another's.

`calibration.json`: {"variants": {NAME: {the fields of `Calibration`}}}. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.json_fields import JsonObject, canonical_json, parse_json_object

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
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CALIBRATION_BYTES + 1)
    except OSError as error:
        raise PackDamagedError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_calibrations(data, where=str(path))


def parse_calibrations(data: bytes, *, where: str) -> Mapping[str, Calibration]:
    """Read the bytes of `calibration.json`; `serialise_calibrations` gave them.

    Raises:
        PackFormatError: Not JSON, too long, or a missing or impossible field.
    """
    fields = parse_json_object(data, where=where, max_bytes=MAX_CALIBRATION_BYTES)
    return {name: _calibration(entry) for name, entry in fields.items("variants")}


def serialise_calibrations(calibrations: Mapping[str, Calibration]) -> bytes:
    """Return the canonical bytes of `calibration.json`."""
    return canonical_json({"variants": {name: asdict(entry) for name, entry in calibrations.items()}})


def _calibration(fields: JsonObject) -> Calibration:
    return Calibration(
        measured_with=fields.text("measured_with"),
        neighbours=fields.integer("neighbours", least=2, most=MAX_NEIGHBOURS),
        score_weight=_within(fields, "score_weight", 0, _MOST),
        contrast_weight=_within(fields, "contrast_weight", 0, _MOST),
        margin_weight=_within(fields, "margin_weight", 0, _MOST),
        intercept=_within(fields, "intercept", -_MOST, _MOST),
        temperature=_within(fields, "temperature", _LEAST_TEMPERATURE, _MOST),
        accept=_within(fields, "accept", -_MOST, _MOST),
        least_share=_within(fields, "least_share", 0.5, 0.9),
        false_accept_rate=_within(fields, "false_accept_rate", 0, 0.5),
        genuine_count=fields.integer("genuine_count", least=1, most=_MOST_PHOTOS),
        impostor_count=fields.integer("impostor_count", least=1, most=_MOST_PHOTOS),
        false_accepts=_within(fields, "false_accepts", 0, 1),
        true_accepts=_within(fields, "true_accepts", 0, 1),
    )


def _within(fields: JsonObject, key: str, least: float, most: float) -> float:
    value = fields.number(key)
    if not least <= value <= most:
        raise PackFormatError(f"{fields.where}: `{key}` is {value:g}, outside {least:g} to {most:g}")
    return value
