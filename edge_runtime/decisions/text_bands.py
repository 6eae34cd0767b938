"""How well a reference fits a text: strong, fair or weak, as far as the pack's maker measured it.

A newcomer would read a text's similarity as a photo's. Texts and pictures never come as close as two pictures of one
thing, and how close they come differs between encoders. So the bands are measured when the pack is built, with texts of
its own labels and names, and with texts of what is not in it; where those cannot be told apart there are none.

In `calibration.json`, beside `variants`: {"texts": {NAME: {the fields of `TextCalibration`}}}, by text variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from edge_identify.edge_runtime.decisions.calibration import TextCalibration, number_within, read_calibration_fields
from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject

_MOST_SCORE = 1.001  # a similarity, and what rounding adds
_MOST_TEXTS = 2**31 - 1


class TextBand(StrEnum):
    """How well a reference fits a text."""

    STRONG = "strong"  # hardly a text of anything else scores as high
    FAIR = "fair"  # few do
    WEAK = "weak"  # many do


def band_of(score: float, calibration: TextCalibration) -> TextBand:
    """Return the band of a match's similarity; never a lower one for a higher similarity."""
    if score >= calibration.strong:
        return TextBand.STRONG
    return TextBand.FAIR if score >= calibration.fair else TextBand.WEAK


def read_text_calibrations(path: Path) -> Mapping[str, TextCalibration]:
    """Read a pack's calibrations of texts, by text variant; none where the file has none.

    Args:
        path: `calibration.json`, its hash checked before.

    Raises:
        PackDamagedError: It cannot be read.
        PackFormatError: It is not what this module describes.
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
