"""The thresholds of one text variant, as `calibration.json` holds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCalibration:
    """The thresholds that turn the scores of one text variant into bands; see `text_bands`.

    Attributes:
        measured_with: The variant that embedded the texts.
        strong: Least score of a strong match, -1 to 1.
        fair: Least score of a fair match; at most `strong`.
        auroc: AUROC of genuine texts against impostors, .5 to 1; the lower of those against the two kinds of impostors.
        genuine_count: Number of genuine texts: labels and names of references in the pack.
        impostor_count: Number of impostors: the same texts with their references left out, and texts of other things.
        genuine_strong: Share of the genuine texts whose best right reference image is strong.
        genuine_fair: Share of the genuine texts whose best right reference image is fair or strong.
        impostors_strong: Share of the impostors whose best reference image is strong.
        impostors_fair: Share of the impostors whose best reference image is fair or strong.
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
