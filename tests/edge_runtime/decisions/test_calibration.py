"""A calibration is read back as it was written, and fields of a newer writer are ignored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_identify.edge_runtime.decisions.calibration import (
    Calibration,
    Certainty,
    PointCalibration,
    read_calibrations,
    serialise_calibrations,
)
from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError

CALIBRATION = Calibration(
    measured_with="onnx-int8",
    neighbours=20,
    score_weight=1.5,
    contrast_weight=0.0,
    margin_weight=3.25,
    intercept=-4.0,
    temperature=0.0175,
    accept=1.2345,
    least_share=0.55,
    false_accept_rate=0.02,
    genuine_count=600,
    impostor_count=800,
    false_accepts=0.0175,
    true_accepts=0.61,
)
POINTS = PointCalibration(
    share_exponent=0.2,
    points_exponent=2.75,
    evidence_weight=0.3125,
    count_weight=0.0,
    lead_weight=2.5,
    intercept=-3.5,
    accept=0.75,
    certainty=Certainty(identified=0.93, probably=0.61),
    false_accepts=0.0167,
    sibling_accepts=0.41,
    true_accepts=0.9,
)


def test_reading_what_was_written_gives_it_back(tmp_path: Path) -> None:
    with_words = replace(CALIBRATION, certainty=Certainty(identified=0.9, probably=0.5))
    with_points = replace(with_words, sibling_accepts=0.53, points=POINTS)
    written = {"onnx-int8": CALIBRATION, "coreml-int8": with_words, "onnx-fp32": with_points}
    path = tmp_path / "calibration.json"
    path.write_bytes(serialise_calibrations(written))

    assert read_calibrations(path) == written


def test_what_was_not_measured_is_not_written() -> None:
    written = json.loads(serialise_calibrations({"onnx-int8": CALIBRATION}))["variants"]["onnx-int8"]

    assert not {"sibling_accepts", "certainty", "points"} & set(written)


def test_fields_of_a_newer_writer_are_passed_over(tmp_path: Path) -> None:
    values = json.loads(serialise_calibrations({"onnx-int8": CALIBRATION}))
    values["variants"]["onnx-int8"]["mood"] = "good"

    (tmp_path / "calibration.json").write_text(json.dumps(values | {"more": []}))

    assert read_calibrations(tmp_path / "calibration.json") == {"onnx-int8": CALIBRATION}


def test_a_probably_that_is_surer_than_identified_is_refused(tmp_path: Path) -> None:
    odd = {"onnx-int8": replace(CALIBRATION, certainty=Certainty(identified=0.5, probably=0.9))}
    (tmp_path / "calibration.json").write_bytes(serialise_calibrations(odd))

    with pytest.raises(PackFormatError, match=r"`probably` is 0\.9"):
        read_calibrations(tmp_path / "calibration.json")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackDamagedError, match=r"none\.json: cannot be read"):
        read_calibrations(tmp_path / "none.json")
