"""The choice of the device, and batches that are halved until they fit into memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge_identify.convert.export import compute_device as computing_module
from edge_identify.convert.export.compute_device import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    Batches,
    Computing,
    Device,
    choose_device,
    is_out_of_memory,
    place_embedder,
)
from edge_identify.convert.export.towers import ImageTower, lying_on
from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.pack.manifest import Runtime, Tensor

Vectors = NDArray[np.float32]


def means(batch: NDArray[np.uint8] | NDArray[np.int64]) -> Vectors:
    found = batch.reshape(len(batch), -1, 3).mean(axis=1).astype(np.float32) + 1
    unit: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def images(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (count, 4, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 18.0 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["cuda", "mps", "torch", "python"],
)
def test_out_of_memory_halves_the_batch_says_so_once_and_goes_on(error: Exception) -> None:
    told, sizes = list[str](), list[int]()

    def embed(batch: NDArray[np.uint8] | NDArray[np.int64]) -> Vectors:
        if len(batch) > 3:
            raise error
        sizes.append(len(batch))
        return means(batch)

    batches = Batches(13, tell=told.append)
    np.testing.assert_array_equal(batches.embed(embed, images(20)), means(images(20)))
    assert sizes == [3] * 6 + [2]
    assert [line.partition("; ")[2] for line in told] == ["going on with 6", "going on with 3"]
    batches.embed(embed, list(images(5)))
    assert len(told) == 2  # the next ones begin small


def test_memory_that_does_not_suffice_for_one_is_an_error_that_says_what_to_do() -> None:
    def embed(_batch: object) -> Vectors:
        raise MemoryError("no room")

    with pytest.raises(SetupError, match=r"single image \(no room\); choose a smaller --model"):
        Batches(4).embed(embed, images(2))


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    def embed(_batch: object) -> Vectors:
        raise ValueError("another shape")

    with pytest.raises(ValueError, match="another shape"):
        Batches(4).embed(embed, images(2))
    assert not is_out_of_memory(PackDamagedError("model.onnx: does not run as the manifest says"))


_IN_LITTLE_MEMORY = """
import re, resource, sys
from pathlib import Path
import numpy as np
from edge_identify.convert.export.compute_device import Batches
from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder

encoder = OnnxEncoder(Path(sys.argv[1]), name="x", input_name="pixels", output_name="embedding", many=True)
pixels = np.full((16, 1024, 1024, 3), 7, np.uint8)
encoder.embed(pixels[:1])
taken = int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (taken + 100 * 2**20,) * 2)
batches = Batches(16, tell=print)
assert batches.embed(encoder.embed, pixels).shape == (16, 3)
assert batches.size < 8  # the encoder itself takes eight at a time
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there alone a process can be kept from memory like this")
def test_onnx_runtime_that_finds_no_memory_goes_on_with_fewer(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["embedding"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "mean colours",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", 1024, 1024, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    command = [sys.executable, "-c", _IN_LITTLE_MEMORY, str(tmp_path / "model.onnx")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "going on with 4" in ended.stdout


def test_auto_takes_the_fastest_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, chosen in ((True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert choose_device("auto") == chosen
        assert choose_device("cpu") is Device.CPU


def test_a_tower_computes_where_it_lies_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[object] = []
    move = ImageTower.to

    def moved(tower: ImageTower, place: str) -> ImageTower:
        moves.append(place)
        return move(tower, "cpu")

    monkeypatch.setattr(ImageTower, "to", moved)
    tower = ImageTower(_Model(), mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(KeyboardInterrupt), lying_on(tower, "cuda"):
        raise KeyboardInterrupt
    assert moves == ["cuda", "cpu"]


class _Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visual = torch.nn.Linear(3, 3)


def variant() -> ExportedVariant:
    tensor = Tensor(name="x", dtype="uint8", shape=(-1, 4, 4, 3))
    return ExportedVariant(
        name="onnx-int8", runtime=Runtime.ONNX, model="m", input=tensor, output=tensor, requires="", embed=means
    )


def test_references_are_embedded_on_cuda_only_where_it_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    on_cuda = Computing(wanted=Device.CUDA, tell=told.append)

    def place(placed: object) -> str:
        monkeypatch.setattr(computing_module, "_on_cuda", lambda *_: placed)
        return place_embedder(variant(), tmp_path, lambda: list(images(3)), on_cuda).provider

    assert place(lambda batch: means(batch) + np.float32(1e-6)) == CUDA_PROVIDER
    assert told == []
    assert place(lambda batch: means(batch)[:, ::-1]) == CPU_PROVIDER
    assert "gives other vectors with CUDA" in told[0]
    assert place(None) == CPU_PROVIDER
    assert "has no CUDA" in told[1]


def test_this_onnx_runtime_is_asked_for_its_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU_PROVIDER])
    told: list[str] = []
    computing = Computing(wanted=Device.CUDA, tell=told.append)
    assert place_embedder(variant(), tmp_path, lambda: list(images(1)), computing).embed is means
    assert len(told) == 1
    computing = Computing(wanted=Device.MPS, tell=told.append)
    assert place_embedder(variant(), tmp_path, lambda: list(images(1)), computing).provider == CPU_PROVIDER
