"""A bench embeds with each variant once and does not confuse variants."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from edge_identify.convert.export.fidelity import FidelitySample
from edge_identify.convert.export.fidelity_samples import FidelityBench
from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.edge_runtime.pack.manifest import Runtime, Tensor

VECTORS = np.eye(4, dtype=np.float32)


def bench_of_four() -> FidelityBench:
    pixels = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    sample = FidelitySample(description="numbers", queries=pixels, references=pixels, right=np.arange(4))
    model: Any = None
    bench = FidelityBench(model=model, image_sample=sample, text_sample=sample, original_references=VECTORS)
    bench._originals["images"] = VECTORS
    return bench


def variant_that_returns(vectors: np.ndarray, asked: list[int]) -> ExportedVariant:
    def embed(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return np.asarray(vectors[batch[:, 0, 0, 0]])

    return ExportedVariant(
        name="onnx-fp32",
        runtime=Runtime.ONNX,
        model="encoders/image/onnx-fp32/model.onnx",
        input=Tensor(name="pixels", dtype="uint8", shape=(-1, 2, 2, 3)),
        output=Tensor(name="embedding", dtype="float32", shape=(-1, 4)),
        requires="nothing",
        embed=embed,
    )


def test_variants_of_two_folders_that_have_one_path_have_their_own_figures() -> None:
    bench = bench_of_four()
    right, wrong = variant_that_returns(VECTORS, []), variant_that_returns(np.roll(VECTORS, 1, axis=1), [])

    found = [bench.measure_images({"onnx-fp32": one}, one)["onnx-fp32"].cosine_mean for one in (right, wrong)]

    assert found == [1.0, 0.0]


def test_a_variant_is_asked_once_and_let_go_with_what_it_said() -> None:
    bench, asked = bench_of_four(), list[int]()
    variant = variant_that_returns(VECTORS, asked)

    for _ in range(2):
        bench.measure_images({"onnx-fp32": variant}, variant)
    assert sum(asked) == 8  # four photos and four references

    del variant
    gc.collect()
    assert len(bench._known) == 0
