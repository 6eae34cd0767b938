"""Calibrations with invalid values: every number out of range is refused before the first decision."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colour_packs import add_calibration, rewrite_manifest
from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest
from edge_identify.edge_runtime.search.identifier import Identifier

MakePack = Callable[[], Path]

POINTS: dict[str, Any] = {
    "share_exponent": 1.0, "points_exponent": 1.0, "evidence_weight": 1.0, "count_weight": 1.0, "lead_weight": 1.0,
    "intercept": 0.0, "accept": 0.0, "certainty": {"identified": 0.9, "probably": 0.5}, "false_accepts": 0.0,
    "sibling_accepts": 0.0, "true_accepts": 1.0,
}  # fmt: skip


def refused(folder: Path) -> str:
    with pytest.raises(PackFormatError) as error:
        Identifier(open_pack(folder))
    return str(error.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("neighbours", 1, "`neighbours` is 1"),
        ("neighbours", 10**9, "`neighbours` is 1000000000"),  # would look up a billion references for a photo
        ("neighbours", 2.5, "`neighbours` should be int"),
        ("score_weight", -0.1, "`score_weight` is -0.1"),  # a better match would make the answer less sure
        ("contrast_weight", -1, "`contrast_weight` is -1"),
        ("margin_weight", 1e300, "`margin_weight` is 1e+300"),
        ("intercept", 1e7, "`intercept` is 1e+07"),
        ("intercept", "high", "`intercept` should be a number"),
        ("intercept", True, "`intercept` should be a number"),
        ("temperature", 0, "`temperature` is 0"),  # divided by
        ("temperature", -1, "`temperature` is -1"),
        ("temperature", 1e-300, "`temperature` is 1e-300"),
        ("accept", -1e9, "`accept` is -1e+09"),
        ("least_share", 0.4, "`least_share` is 0.4"),
        ("least_share", 0.95, "`least_share` is 0.95"),
        ("false_accept_rate", 0.9, "`false_accept_rate` is 0.9"),
        ("true_accepts", 1.1, "`true_accepts` is 1.1"),
        ("genuine_count", 0, "`genuine_count` is 0"),
        ("measured_with", 7, "`measured_with` should be str"),
        ("sibling_accepts", 1.5, "`sibling_accepts` is 1.5"),
        ("certainty", {"identified": 2, "probably": 0.5}, "`identified` is 2"),
        ("certainty", {"identified": 0.5}, "`probably` should be a number"),
        ("certainty", 0.9, "`certainty` should be dict"),
        ("points", POINTS | {"count_weight": -1}, "`count_weight` is -1"),  # points would count against
        ("points", POINTS | {"points_exponent": 1e9}, "`points_exponent` is 1e+09"),
        ("points", POINTS | {"lead_weight": None}, "`lead_weight` should be a number"),
        ("points", POINTS | {"accept": -1e7}, "`accept` is -1e+07"),
        ("points", POINTS | {"certainty": {"identified": 0.4, "probably": 0.5}}, "`probably` is 0.5"),
        ("points", {}, "`share_exponent` should be a number"),
        ("points", [], "`points` should be dict"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(
    colour_pack: MakePack, field: str, value: object, message: str
) -> None:
    changes: dict[str, Any] = {field: value}
    assert message in refused(add_calibration(colour_pack(), **changes))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_none_is_refused(colour_pack: MakePack, number: str) -> None:
    folder = add_calibration(colour_pack())
    path = folder / "calibration.json"
    path.write_text(path.read_text().replace('"accept": 0.0', f'"accept": {number}'))
    assert number in path.read_text()
    rewrite_manifest(folder)

    assert "calibration.json" in refused(folder)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"variants": []}', '{"variants": {"onnx-fp32": null}}', "[" * 100_000, " " * 2**20 + "{}"],
)
def test_what_is_no_calibration_is_refused(colour_pack: MakePack, text: str) -> None:
    folder = add_calibration(colour_pack())
    (folder / "calibration.json").write_text(text)
    rewrite_manifest(folder)

    assert "calibration.json" in refused(folder)


def test_a_calibration_that_changed_after_the_pack_was_made_is_refused(colour_pack: MakePack) -> None:
    folder = add_calibration(colour_pack())
    path = folder / "calibration.json"
    path.write_text(path.read_text().replace('"accept": 0.0', '"accept": 9.0'))

    with pytest.raises(PackDamagedError, match=r"calibration\.json: its content has changed"):
        Identifier(open_pack(folder))


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ({"file": "elsewhere.json"}, "names 'elsewhere.json', which is not among its files"),
        ({"file": "../calibration.json"}, "which is not among its files"),
        ({}, "`file` should be str, found nothing"),
        ("calibration.json", "`calibration` should be dict, found str"),
    ],
)
def test_a_manifest_that_points_elsewhere_is_refused(colour_pack: MakePack, calibration: object, message: str) -> None:
    folder = add_calibration(colour_pack())
    values = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps(values | {"calibration": calibration}))

    with pytest.raises(PackFormatError) as error:
        read_manifest(folder)
    assert message in str(error.value)


def test_the_wildest_numbers_that_are_allowed_decide_without_a_fault(colour_pack: MakePack, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), (3, 200, 40)).save(tmp_path / "photo.png")
    for intercept, accept in ((1e6, -1e6), (-1e6, 1e6)):
        folder = add_calibration(
            colour_pack() if not (tmp_path / "colours").exists() else tmp_path / "colours",
            score_weight=1e6, contrast_weight=1e6, margin_weight=1e6, intercept=intercept, accept=accept,
            temperature=1e-4, neighbours=1000,
        )  # fmt: skip
        with Identifier(open_pack(folder)) as identifier:
            answer = identifier.identify(tmp_path / "photo.png")
        assert all(0 <= (match.confidence or 0) <= 1 for match in answer.matches)
