"""A drifting variant stops the build or, if requested, is dropped with its files; the others are measured again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.convert.packing.pack_encoders import FidelityGate, preferred_embedder
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Fidelity, Runtime, Tensor

GOOD = Fidelity(sample="x", count=1, cosine_mean=1.0, cosine_min=1.0, top1_agreement=1.0)
BAD = Fidelity(sample="x", count=1, cosine_mean=0.5, cosine_min=0.1, top1_agreement=0.2)


def exported(folder: Path, name: str) -> ExportedVariant:
    place = folder / "encoders/image" / name
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(b"a model")
    return ExportedVariant(
        name=name,
        runtime=Runtime.ONNX,
        model=f"encoders/image/{name}/model.onnx",
        input=Tensor(name="pixels", dtype="uint8", shape=(-1, 8, 8, 3)),
        output=Tensor(name="embedding", dtype="float32", shape=(-1, 3)),
        requires="nothing",
        embed=lambda batch: np.zeros((len(batch), 3), np.float32),
    )


@pytest.fixture
def variants(tmp_path: Path) -> Mapping[str, ExportedVariant]:
    return {name: exported(tmp_path, name) for name in ("onnx-fp32", "onnx-int8")}


def test_faithful_variants_pass_with_their_files_and_figures(
    variants: Mapping[str, ExportedVariant], tmp_path: Path
) -> None:
    gate = FidelityGate(tmp_path, drop_drifting=False)

    passed = gate.pass_through("image", variants, lambda kept: dict.fromkeys(kept, GOOD))

    assert passed["onnx-int8"].files == ("encoders/image/onnx-int8/model.onnx",)
    assert passed["onnx-fp32"].fidelity == GOOD
    assert passed["onnx-int8"].portable
    assert gate.dropped == []


def test_a_variant_that_would_drift_on_another_processor_stops_the_build(
    variants: Mapping[str, ExportedVariant], tmp_path: Path
) -> None:
    gate = FidelityGate(tmp_path, drop_drifting=False)
    overflowing = replace(variants["onnx-int8"], saturating=("layer 3", "layer 7"))

    with pytest.raises(SetupError, match=r"onnx-int8 drifts.*2 of its 8-bit products.*without VNNI, first 'layer 3'"):
        gate.pass_through("image", {**variants, "onnx-int8": overflowing}, lambda kept: dict.fromkeys(kept, GOOD))


def test_a_drifting_variant_stops_the_build(variants: Mapping[str, ExportedVariant], tmp_path: Path) -> None:
    gate = FidelityGate(tmp_path, drop_drifting=False)

    with pytest.raises(SetupError, match=r"image encoder onnx-int8 drifts.*same nearest.*--variants.*--drop-drifting"):
        gate.pass_through("image", variants, lambda _: {"onnx-fp32": GOOD, "onnx-int8": BAD})


def test_a_dropped_variant_leaves_no_file_and_the_rest_is_measured_anew(
    variants: Mapping[str, ExportedVariant], tmp_path: Path
) -> None:
    gate = FidelityGate(tmp_path, drop_drifting=True)
    asked: list[tuple[list[str], str]] = []

    def measure(kept: Mapping[str, ExportedVariant]) -> Mapping[str, Fidelity]:
        asked.append((list(kept), preferred_embedder(kept).name))
        return {name: BAD if name == "onnx-int8" else GOOD for name in kept}

    passed = gate.pass_through("image", variants, measure)

    assert list(passed) == ["onnx-fp32"]
    assert asked == [(["onnx-fp32", "onnx-int8"], "onnx-int8"), (["onnx-fp32"], "onnx-fp32")]
    assert not (tmp_path / "encoders/image/onnx-int8").exists()
    assert gate.dropped[0].startswith("image encoder onnx-int8 drifts from the original: mean cosine 0.5000")


@pytest.mark.parametrize("drop_drifting", [True, False])
def test_an_embedder_that_drifts_does_not_take_the_faithful_ones_with_it(
    variants: Mapping[str, ExportedVariant], tmp_path: Path, drop_drifting: bool
) -> None:
    """All are compared with the embedder's references: if the embedder is bad, a perfect variant looks bad."""
    gate = FidelityGate(tmp_path, drop_drifting=drop_drifting)

    def measure(kept: Mapping[str, ExportedVariant]) -> Mapping[str, Fidelity]:
        return dict.fromkeys(kept, BAD if preferred_embedder(kept).name == "onnx-int8" else GOOD)

    if drop_drifting:
        assert list(gate.pass_through("image", variants, measure)) == ["onnx-fp32"]
        assert len(gate.dropped) == 1
    else:
        with pytest.raises(SetupError, match=r"^image encoder onnx-int8 drifts(?!.*onnx-fp32)"):
            gate.pass_through("image", variants, measure)
        assert (tmp_path / "encoders/image/onnx-int8/model.onnx").exists()


def test_nothing_is_dropped_if_no_onnx_variant_would_be_left(
    variants: Mapping[str, ExportedVariant], tmp_path: Path
) -> None:
    gate = FidelityGate(tmp_path, drop_drifting=True)

    with pytest.raises(SetupError, match=r"onnx-fp32 drifts.* / .*onnx-int8 drifts"):
        gate.pass_through("image", variants, lambda kept: dict.fromkeys(kept, BAD))
    assert (tmp_path / "encoders/image/onnx-int8/model.onnx").exists()


@pytest.mark.parametrize("drifting", [("onnx-int8",), ("onnx-fp32", "onnx-int8")])
def test_a_text_tower_that_drifts_never_stops_a_build(
    variants: Mapping[str, ExportedVariant], tmp_path: Path, drifting: tuple[str, ...]
) -> None:
    """An adapter is learnt from 300 references' images, and the text tower may know none of their names."""
    gate = FidelityGate(tmp_path, drop_drifting=False)

    passed = gate.pass_through(
        "text", variants, lambda kept: {name: BAD if name in drifting else GOOD for name in kept}, is_optional=True
    )

    assert list(passed) == [name for name in variants if name not in drifting]
    assert [name for name in variants if f"text encoder {name} drifts" in " ".join(gate.dropped)] == list(drifting)
    assert [(tmp_path / variant.model).exists() for variant in variants.values()] == [
        name in passed for name in variants
    ]
