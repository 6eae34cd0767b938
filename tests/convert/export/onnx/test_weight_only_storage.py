"""Weights stored in fewer bits give the same or nearly the same embeddings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx, export_text_onnx
from edge_identify.convert.export.onnx.weight_only_storage import quantise_weights_only, store_weights_as_fp16

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDE = {"width": 256, "layers": 2}  # blocks of 128 weights must be filled to pay


@pytest.fixture(scope="module")
def files(towers_of: Callable[..., tuple[Any, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    image, text = towers_of(vision=WIDE, text=WIDE)
    folder = tmp_path_factory.mktemp("towers")
    export_image_onnx(image, size_px=32, out=folder / "image.onnx")
    export_text_onnx(text, context_length=12, out=folder / "text.onnx")
    return {"image": folder / "image.onnx", "text": folder / "text.onnx"}


@pytest.fixture(scope="module")
def inputs(pixels: NDArray[np.uint8], tokens: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {"image": pixels, "text": tokens}


def _answers(path: Path, batch: NDArray[Any]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answers: NDArray[np.float32] = session.run(["embedding"], {session.get_inputs()[0].name: batch})[0]
    return answers


def _least_cosine(source: Path, out: Path, batch: NDArray[Any]) -> float:
    return float((_answers(source, batch) * _answers(out, batch)).sum(axis=1).min())


@pytest.mark.parametrize("kind", ["image", "text"])
def test_half_the_bytes_change_nothing_that_matters(
    files: dict[str, Path], inputs: dict[str, NDArray[Any]], tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "fp16.onnx"
    store_weights_as_fp16(files[kind], out)
    assert out.stat().st_size < files[kind].stat().st_size * 0.52
    assert _least_cosine(files[kind], out, inputs[kind]) > 0.99999
    again = tmp_path / "again.onnx"
    store_weights_as_fp16(files[kind], again)
    assert again.read_bytes() == out.read_bytes()


def test_a_weight_too_large_for_float16_stays_as_it_is(files: dict[str, Path], tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(files["image"]))
    entry = next(entry for entry in model.graph.initializer if entry.name == "patches.weight")
    large = np.full(entry.dims, 70_000.0, np.float32)
    entry.CopyFrom(numpy_helper.from_array(large, entry.name))
    onnx.save(model, str(tmp_path / "large.onnx"))
    store_weights_as_fp16(tmp_path / "large.onnx", tmp_path / "fp16.onnx")
    stored = {entry.name: entry for entry in onnx.load(str(tmp_path / "fp16.onnx")).graph.initializer}
    np.testing.assert_array_equal(numpy_helper.to_array(stored["patches.weight"]), large)
    assert stored["block0.widen.weight.fp16"].data_type == onnx.TensorProto.FLOAT16


@pytest.mark.parametrize(("bits", "share", "cosine"), [(8, 0.32, 0.995), (4, 0.22, 0.9)])
@pytest.mark.parametrize("kind", ["image", "text"])
def test_matrices_in_few_bits_point_the_same_way(
    files: dict[str, Path],
    inputs: dict[str, NDArray[Any]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    kind: str,
    bits: Any,
    share: float,
    cosine: float,
) -> None:
    import onnx

    out, again = tmp_path / "few.onnx", tmp_path / "again.onnx"
    quantise_weights_only(files[kind], out, bits=bits)
    quantise_weights_only(files[kind], again, bits=bits)
    assert out.read_bytes() == again.read_bytes()
    assert out.stat().st_size < files[kind].stat().st_size * share
    assert _least_cosine(files[kind], out, inputs[kind]) > cosine
    assert "MatMul" not in {node.op_type for node in onnx.load(str(out)).graph.node}
    assert capfd.readouterr() == ("", "")
