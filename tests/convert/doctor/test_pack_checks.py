"""Findings about a pack as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from colour_packs import add_calibration, colour_manifest
from edge_identify.convert.builtin import WEIGHTS_NAME
from edge_identify.convert.doctor.pack_checks import (
    calibration_findings,
    damage_finding,
    encoder_finding,
    licence_finding,
)
from edge_identify.edge_runtime.pack.pack_reader import open_pack


def kinds(folder: Path) -> list[str]:
    return [each.kind for each in calibration_findings(open_pack(folder)) if each is not None]


def test_a_pack_without_calibration_or_with_another_variant_s_is_found(colour_pack: Callable[[], Path]) -> None:
    folder = colour_pack()
    assert kinds(folder) == ["uncalibrated"]
    assert kinds(add_calibration(folder, variant="onnx-int8")) == ["uncalibrated"]
    assert kinds(add_calibration(folder)) == []


def test_a_calibration_that_accepts_few_of_the_pack_s_own_things_is_found(colour_pack: Callable[[], Path]) -> None:
    folder = colour_pack()
    assert kinds(add_calibration(folder, true_accepts=0.49)) == ["hardly-accepts"]
    assert kinds(add_calibration(folder, true_accepts=0.5)) == []


def test_a_changed_byte_is_found_with_its_file(colour_pack: Callable[[], Path]) -> None:
    folder = colour_pack()
    assert damage_finding(open_pack(folder)) is None

    data = bytearray((folder / "images.faiss").read_bytes())
    data[-1] ^= 1
    (folder / "images.faiss").write_bytes(data)

    found = damage_finding(open_pack(folder))
    assert found is not None
    assert len(found.cases) == 1
    assert "images.faiss" in found.cases[0].detail


def test_weights_for_research_only_are_found_by_what_the_pack_says_and_by_their_name() -> None:
    manifest = colour_manifest()
    said = replace(manifest.model, licence="X, for research only, accepted with --accept-licence; see Y")
    published = replace(manifest.model, name="MobileCLIP-S1", pretrained="datacompdr", licence="not known")

    assert licence_finding(manifest) is None
    for model in (said, published):
        found = licence_finding(replace(manifest, model=model))
        assert found is not None
        assert found.kind == "research-only"


def test_a_pack_with_an_earlier_builtin_encoder_is_told_of_the_newer_one() -> None:
    manifest = colour_manifest()
    for version in ("v2", "v3"):
        earlier = encoder_finding(replace(manifest, model=replace(manifest.model, name="builtin", pretrained=version)))
        assert earlier is not None
        assert (earlier.kind, earlier.severity) == ("earlier-encoder", "note")
        assert earlier.cases[0].detail == f"builtin ({version})"
    for name, pretrained in (("builtin", WEIGHTS_NAME), ("builtin", "mine.safetensors"), ("ViT-B-32", "v2")):
        model = replace(manifest.model, name=name, pretrained=pretrained)
        assert encoder_finding(replace(manifest, model=model)) is None
