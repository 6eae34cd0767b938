"""Findings about a pack as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from installed_packs import install

from colour_packs import add_calibration, colour_manifest
from edge_identify.convert.builtin import WEIGHTS_NAME
from edge_identify.convert.doctor.examination import examine_pack
from edge_identify.convert.doctor.pack_checks import (
    calibration_findings,
    damage_finding,
    encoder_finding,
    licence_finding,
    signature_finding,
)
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.store.pack_store import PackStore


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


def test_a_pack_that_did_not_come_signed_is_told(colour_pack: Callable[[], Path], tmp_path: Path) -> None:
    folder = colour_pack()
    alone = signature_finding(open_pack(folder))
    assert alone is not None
    assert (alone.kind, alone.severity) == ("unsigned", "note")
    assert "edge-serve init" in alone.advice

    store = PackStore(tmp_path / "store")
    install(store, folder)
    (name,) = store.names()
    installed = signature_finding(open_pack(store.active(name).folder))
    assert installed is not None
    assert "edge-identify trust" in installed.advice

    store.note_signature(name, "2026-03-01T12:00:00Z")
    assert signature_finding(open_pack(store.active(name).folder)) is None


@pytest.mark.parametrize("name", ["format-1-first", "format-1-with-signs"])
def test_a_pack_from_before_signatures_is_examined_and_told_to_be_unsigned(name: str) -> None:
    folder = Path(__file__).parents[2] / "golden" / name
    findings = examine_pack(folder, today=date(2026, 3, 1)).findings
    assert "unsigned" in [finding.kind for finding in findings]
