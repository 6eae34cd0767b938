"""Estimated sizes are close to those of the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_identify.convert.export.export_sizes import estimated_bytes
from edge_identify.convert.export.tower_exports import text_tower_export
from edge_identify.convert.export.variants import ALL_VARIANTS, ONNX_VARIANTS, export_tower
from edge_identify.convert.models.model_families import describe_model
from edge_identify.convert.models.model_loading import load_model


def test_the_files_of_a_text_tower_are_about_as_large_as_estimated(tmp_path: Path) -> None:
    estimated = estimated_bytes(describe_model("builtin"))["text"]
    assert set(estimated) == set(ALL_VARIANTS)
    model = load_model("builtin")
    exported = export_tower(text_tower_export(model), ONNX_VARIANTS, tmp_path)
    for name, variant in exported.items():
        assert (tmp_path / variant.model).stat().st_size == pytest.approx(estimated[name], rel=0.06), name


def test_forms_of_transformers_are_told_of_transformers_alone() -> None:
    assert "onnx-w8" in estimated_bytes(describe_model("ViT-B-32"))["image"]
    assert "onnx-w8" not in estimated_bytes(describe_model("convnext_base"))["image"]
    assert "onnx-w8" in estimated_bytes(describe_model("convnext_base"))["text"]
