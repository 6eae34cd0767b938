"""The card describes a pack for people, and holds nothing that changes between builds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from colour_packs import CERTAINTY, add_calibration
from edge_identify.convert.calibrating.photo_calibration import CalibrationOutcome
from edge_identify.convert.packing.pack_card import pack_card
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.decisions.calibration import read_calibrations
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.pack.references import Reference


def test_the_card_tells_references_licences_encoders_and_their_fidelity(colour_pack: Callable[[], Path]) -> None:
    references = [
        Reference(id="a", name="A", licence="CC0-1.0"),
        Reference(id="b", name="B", licence="CC0-1.0", namespace="paris"),
        Reference(id="c", name="C"),
    ]

    nothing = CalibrationOutcome(calibrations={}, file=None, left_out_because="calibration: too few references")
    images = [
        CatalogueImage(
            index_id=at, reference_id=owner, sha256="", path=Path("/x.png"), licence=licence, provenance=whose
        )
        for at, (owner, licence, whose) in enumerate(
            [("a", "CC0-1.0", "Ada"), ("b", None, None), ("b", "MIT", None), ("c", None, None)]
        )
    ]
    card = pack_card(read_manifest(colour_pack()), references, images, nothing)

    assert card.startswith("# Four colours\n")
    assert "licences of the pictures: CC0-1.0 (1), MIT (1), not stated (2)" in card
    assert "provenance: stated of 1 of 4 pictures" in card
    assert "namespaces: none (2), paris (1)" in card
    assert "| image | onnx-fp32 | 0.0 | ONNX opset 18 | 1.0000 | 1.0000 | - | 1.000 | - | - |" in card
    assert "- image: 1 queries, by construction" in card
    assert "None: calibration: too few references." in card


def test_the_card_tells_what_is_accepted_with_and_without_points(colour_pack: Callable[[], Path]) -> None:
    points = {
        "share_exponent": 0.2, "points_exponent": 3.0, "evidence_weight": 0.3, "count_weight": 0.5, "lead_weight": 2.0,
        "intercept": -3.0, "accept": 0.5, "certainty": {"identified": 0.8, "probably": 0.4}, "false_accepts": 0.0167,
        "sibling_accepts": 0.5, "true_accepts": 0.95,
    }  # fmt: skip
    folder = add_calibration(
        colour_pack(),
        true_accepts=0.875,
        false_accepts=0.0175,
        sibling_accepts=0.45,
        certainty=CERTAINTY,
        points=points,
    )

    card = card_of(folder)

    assert "| onnx-fp32 | similarity | 0.875 | 0.450 | 0.018 | 0.02 | from 0.990 | from 0.700 |" in card
    assert "| onnx-fp32 | similarity and points | 0.950 | 0.500 | 0.017 | 0.02 | from 0.800 | from 0.400 |" in card
    assert "- onnx-fp32: measured with onnx-fp32, 10 photos of references and 10 of strangers" in card
    assert "another flavour" in card


def test_the_card_of_a_pack_without_points_has_one_row_and_no_number_that_was_not_measured(
    colour_pack: Callable[[], Path],
) -> None:
    card = card_of(add_calibration(colour_pack()))

    assert "| onnx-fp32 | similarity | 1.000 | - | 0.000 | 0.02 | - | - |" in card
    assert "similarity and points" not in card


def card_of(folder: Path) -> str:
    calibrations = read_calibrations(folder / "calibration.json")
    outcome = CalibrationOutcome(calibrations=calibrations, file="calibration.json", left_out_because=None)
    return pack_card(read_manifest(folder), [], [], outcome)


def test_what_a_maker_wrote_stays_on_its_line_and_is_no_markup(colour_pack: Callable[[], Path]) -> None:
    nothing = CalibrationOutcome(calibrations={}, file=None, left_out_because="too few")
    odd = "CC0\n\n## All yours\n<script>"
    image = CatalogueImage(index_id=1, reference_id="a", sha256="", path=Path("/x.png"), licence=odd)
    reference = Reference(id="a", name="A", namespace="[x](y)")
    card = pack_card(read_manifest(colour_pack()), [reference], [image], nothing)
    assert r"licences of the pictures: CC0 \#\# All yours \<script\> (1)" in card
    assert r"namespaces: \[x\](y) (1)" in card
