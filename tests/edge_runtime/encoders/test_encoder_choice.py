"""The variant that a device runs, and the input of a Core ML variant."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_identify.edge_runtime.encoders import encoder_choice
from edge_identify.edge_runtime.errors import PackError
from edge_identify.edge_runtime.pack.manifest import Manifest, Runtime, Tensor, Variant
from edge_identify.edge_runtime.pack.pack_reader import read_manifest

NAMES = ("onnx-fp32", "coreml-int8", "onnx-int8", "coreml-fp16")


@pytest.fixture
def manifest(colour_pack: Callable[[], Path]) -> Manifest:
    manifest = read_manifest(colour_pack())
    (variant,) = manifest.image_variants.values()
    variants = {name: replace(variant, name=name, runtime=Runtime(name.split("-")[0]), portable=True) for name in NAMES}
    return replace(manifest, image_variants=variants)


def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(encoder_choice, "find_spec", lambda _: object())


def test_the_small_onnx_variant_is_kept_everywhere_but_on_a_mac_with_core_ml(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encoder_choice.variants_to_keep(manifest) == ("onnx-int8",)
    on_a_mac(monkeypatch)
    assert encoder_choice.variants_to_keep(manifest) == ("coreml-int8",)


def test_a_variant_that_is_not_present_is_passed_over(manifest: Manifest) -> None:
    chosen = encoder_choice.preferred_variant(manifest.image_variants, ("coreml-int8", "onnx-fp32"), "colours")

    assert chosen.name == "onnx-fp32"


@pytest.mark.parametrize("saturates", [True, False])
@pytest.mark.parametrize("portable", [True, False])
def test_an_older_8_bit_encoder_is_passed_over_where_the_processor_saturates(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch, saturates: bool, portable: bool
) -> None:
    monkeypatch.setattr(encoder_choice, "saturates_here", lambda: saturates)
    variants = {name: replace(variant, portable=portable) for name, variant in manifest.image_variants.items()}
    older = replace(manifest, image_variants=variants)

    assert encoder_choice.variants_to_keep(older) == ("onnx-fp32" if saturates and not portable else "onnx-int8",)
    only = {"onnx-int8": variants["onnx-int8"]}
    assert encoder_choice.variants_to_keep(replace(older, image_variants=only)) == ("onnx-int8",)


def test_a_pack_for_other_machines_only_says_so(manifest: Manifest) -> None:
    with pytest.raises(
        PackError, match=r"none of its encoders \(.*\) runs here; ask its maker for one with .* onnx-int8"
    ):
        encoder_choice.preferred_variant(manifest.image_variants, ("coreml-int8", "coreml-fp16"), "colours")


def test_core_ml_gets_images_one_by_one_and_gives_a_batch(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from edge_identify.edge_runtime.encoders.coreml_encoder import CoreMLEncoder

    seen: list[Any] = []

    class Model:
        def __init__(self, path: str) -> None:
            assert path == str(tmp_path)

        def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
            (value,) = inputs.values()
            seen.append(value)
            return {"embedding": np.full((1, 3), float(np.asarray(value).flat[0]), np.float32)}

    monkeypatch.setitem(sys.modules, "coremltools", SimpleNamespace(models=SimpleNamespace(MLModel=Model)))
    variant: Variant = manifest.image_variants["coreml-int8"]
    images = CoreMLEncoder(tmp_path, replace(variant, input=Tensor(name="image", dtype="image", shape=(1, 8, 8, 3))))
    texts = CoreMLEncoder(tmp_path, replace(variant, input=Tensor(name="tokens", dtype="int32", shape=(1, 4))))

    embedded = images.embed(np.stack([np.full((8, 8, 3), value, np.uint8) for value in (7, 9)]))
    texts.embed(np.array([[5, 6, 0, 0]], np.int64))

    assert embedded.tolist() == [[7.0] * 3, [9.0] * 3]
    assert (seen[0].size, seen[0].mode) == ((8, 8), "RGB")
    assert (seen[2].dtype, seen[2].shape) == (np.int32, (1, 4))
