"""A bench embeds with each variant once and does not confuse variants."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_identify.convert.caching.build_cache import temporary_cache
from edge_identify.convert.caching.kept_vectors import EncoderInput, KeyedEncoder
from edge_identify.convert.export import fidelity_samples
from edge_identify.convert.export.fidelity import FidelitySample
from edge_identify.convert.export.fidelity_samples import FidelityBench
from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.edge_runtime.pack.manifest import Runtime, Tensor

VECTORS = np.eye(4, dtype=np.float32)
MODEL = "encoders/image/onnx-fp32/model.onnx"


def vectors_of(batch: NDArray[Any], vectors: NDArray[np.float32] = VECTORS) -> NDArray[np.float32]:
    return np.asarray(vectors[batch[:, 0, 0, 0]])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FidelityBench]:
    original = KeyedEncoder(key="original", embed=vectors_of)
    monkeypatch.setattr(fidelity_samples, "original_image_encoder", lambda *_: original)
    inputs = [EncoderInput(key=str(at), draw=partial(np.full, (1, 2, 2, 3), at, np.uint8)) for at in range(4)]
    sample = FidelitySample(description="numbers", queries=inputs, references=inputs, right=np.arange(4))
    model: Any = SimpleNamespace(dim=4)
    with temporary_cache() as cache:
        yield FidelityBench(model=model, folder=tmp_path, image_sample=sample, text_sample=sample, cache=cache)


def variant_that_returns(vectors: NDArray[np.float32], asked: list[int]) -> ExportedVariant:
    def embed(batch: NDArray[Any]) -> NDArray[np.float32]:
        asked.append(len(batch))
        return vectors_of(batch, vectors)

    return ExportedVariant(
        name="onnx-fp32",
        runtime=Runtime.ONNX,
        model=MODEL,
        input=Tensor(name="pixels", dtype="uint8", shape=(-1, 2, 2, 3)),
        output=Tensor(name="embedding", dtype="float32", shape=(-1, 4)),
        requires="nothing",
        embed=embed,
    )


def place_file(folder: Path, content: bytes) -> None:
    (folder / MODEL).parent.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(content)


def test_variants_with_other_files_have_their_own_figures(bench: FidelityBench, tmp_path: Path) -> None:
    found = []
    for content, vectors in ((b"right", VECTORS), (b"wrong", np.roll(VECTORS, 1, axis=1))):
        place_file(tmp_path, content)
        one = variant_that_returns(vectors, [])
        found.append(bench.measure_images({"onnx-fp32": one}, one)["onnx-fp32"].cosine_mean)

    assert found == [1.0, 0.0]


def test_a_variant_embeds_each_input_once_and_alone(bench: FidelityBench, tmp_path: Path) -> None:
    place_file(tmp_path, b"file")
    asked = list[int]()
    variant = variant_that_returns(VECTORS, asked)

    for _ in range(2):
        bench.measure_images({"onnx-fp32": variant}, variant)

    assert asked == [1] * 4  # the photos and the references are the same inputs here
