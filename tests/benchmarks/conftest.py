"""What tests of benchmarks share: a pack with every part that a built one has, whose encoder is called onnx-int8."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from colour_packs import with_files
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from service_packs import write_service_pack


@pytest.fixture
def int8_pack(tmp_path: Path) -> Path:
    """A pack with all that a built one may have: a text tower, thumbnails and a calibration."""
    folder = write_service_pack(tmp_path / "pack")
    manifest = read_manifest(folder)
    assert manifest.calibration_file is not None
    assert manifest.thumbnails is not None
    (variant,) = manifest.image_variants.values()
    renamed = replace(
        manifest,
        image_variants={"onnx-int8": replace(variant, name="onnx-int8")},
        text_variants={"onnx-int8": replace(*manifest.text_variants.values(), name="onnx-int8")},
    )
    index = replace(manifest.index, embedded_with="onnx-int8")
    calibration = folder / manifest.calibration_file
    calibration.write_text(calibration.read_text(encoding="utf-8").replace("onnx-fp32", "onnx-int8"), encoding="utf-8")
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(with_files(replace(renamed, index=index), folder)))
    return folder
