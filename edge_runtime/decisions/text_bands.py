"""How well a reference fits a text: strong, fair or weak, by thresholds measured when the pack was built.

Trap: a text and an image never reach the similarity of two images of one thing, and the range differs between encoders.
So the thresholds are measured for each text variant. Genuine texts are the pack's own labels and names; impostors are
texts of things that are not in it. If their scores cannot be separated, the pack has no bands.

`calibration.json` holds them beside `variants`: {"texts": {NAME: {the fields of `TextCalibration`}}}.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from edge_identify.edge_runtime.decisions.calibration import number_within, read_calibration_fields
from edge_identify.edge_runtime.decisions.text_calibration import TextCalibration
from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject

_MOST_SCORE = 1.001  # a cosine similarity plus rounding errors
_MOST_TEXTS = 2**31 - 1


class TextBand(StrEnum):
    """How well a reference fits a text."""

    STRONG = "strong"  # almost no text of another thing scores as high
    FAIR = "fair"  # few texts of other things score as high
    WEAK = "weak"  # many texts of other things score as high


def band_of(score: float, calibration: TextCalibration) -> TextBand:
    """Return the band of a match by its cosine similarity, -1 to 1."""
    if score >= calibration.strong:
        return TextBand.STRONG
    return TextBand.FAIR if score >= calibration.fair else TextBand.WEAK


def read_text_calibrations(path: Path) -> Mapping[str, TextCalibration]:
    """Read a pack's text calibrations, by text variant; empty if the file has none.

    Args:
        path: `calibration.json`, with its hash already checked.

    Raises:
        PackDamagedError: The file cannot be read.
        PackFormatError: A field is missing, malformed or out of range.
    """
    fields = read_calibration_fields(path)
    if not fields.has("texts"):
        return {}
    return {name: _text_calibration(entry) for name, entry in fields.items("texts")}


def _text_calibration(fields: JsonObject) -> TextCalibration:
    found = TextCalibration(
        measured_with=fields.text("measured_with"),
        strong=number_within(fields, "strong", -_MOST_SCORE, _MOST_SCORE),
        fair=number_within(fields, "fair", -_MOST_SCORE, _MOST_SCORE),
        auroc=number_within(fields, "auroc", 0.5, 1),
        genuine_count=fields.integer("genuine_count", least=1, most=_MOST_TEXTS),
        impostor_count=fields.integer("impostor_count", least=1, most=_MOST_TEXTS),
        genuine_strong=number_within(fields, "genuine_strong", 0, 1),
        genuine_fair=number_within(fields, "genuine_fair", 0, 1),
        impostors_strong=number_within(fields, "impostors_strong", 0, 1),
        impostors_fair=number_within(fields, "impostors_fair", 0, 1),
    )
    if found.fair > found.strong:
        raise PackFormatError(f"{fields.where}: `fair` is {found.fair:g}, above `strong`, {found.strong:g}")
    return found
