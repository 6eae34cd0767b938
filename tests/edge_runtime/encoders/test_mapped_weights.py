"""An ONNX model with mapped weights gives the same bits as one that ONNX Runtime loads itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edge_identify.edge_runtime.encoders.mapped_weights import graph_with_mapped_weights
from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.encoders.protobuf_fields import UnknownLayoutError
from edge_identify.edge_runtime.errors import PackDamagedError

DIM = 96


def write_model(path: Path, *, padding: int = 0, as_values: bool = False) -> Path:
    """Write a model with a large float, a large int8 and a small float weight."""
    rng = np.random.default_rng(0)
    floats = rng.standard_normal((DIM, DIM), dtype=np.float32)
    weights = [
        helper.make_tensor("floats", TensorProto.FLOAT, floats.shape, floats.ravel())
        if as_values
        else numpy_helper.from_array(floats, "floats"),
        numpy_helper.from_array(rng.integers(-99, 99, (DIM, DIM), dtype=np.int8), "bytes"),
        numpy_helper.from_array(np.array([0.01], np.float32), "small"),
    ]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["values", "floats"], ["first"]),
        helper.make_node("Cast", ["bytes"], ["decoded"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["decoded", "small"], ["second_weight"]),
        helper.make_node("MatMul", ["first", "second_weight"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "two_products" + "x" * padding,  # moves the weights in the file
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", DIM])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def answer(path: Path, *, many: bool) -> np.ndarray:
    encoder = OnnxEncoder(path, name="x", input_name="pixels", output_name="embedding", many=many)
    return encoder.embed(np.random.default_rng(1).integers(0, 256, (3, DIM), dtype=np.uint8))


@pytest.mark.parametrize("padding", range(5))
def test_the_answer_is_the_same_wherever_the_weights_lie_in_the_file(tmp_path: Path, padding: int) -> None:
    path = write_model(tmp_path / "model.onnx", padding=padding)
    plain = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(1).integers(0, 256, (3, DIM), dtype=np.uint8)

    mapped = answer(path, many=False)

    assert mapped == pytest.approx(plain.run(None, {"pixels": pixels})[0], rel=1e-5)
    assert mapped == pytest.approx(answer(path, many=True), rel=1e-5)


def test_large_weights_leave_the_graph_and_small_ones_and_unaligned_ones_stay(tmp_path: Path) -> None:
    seen = set()
    for padding in range(4):
        path = write_model(tmp_path / "model.onnx", padding=padding)
        model = onnx.load_model_from_string(graph_with_mapped_weights(path))
        floats, whole_bytes, small = model.graph.initializer
        seen.add(floats.data_location)

        assert whole_bytes.data_location == TensorProto.EXTERNAL
        assert small.data_location == TensorProto.DEFAULT
        if floats.data_location == TensorProto.EXTERNAL:
            notes = {entry.key: entry.value for entry in floats.external_data}
            assert int(notes["offset"]) % 4 == 0
            assert (notes["location"], int(notes["length"])) == ("model.onnx", 4 * DIM * DIM)
    assert seen == {TensorProto.EXTERNAL, TensorProto.DEFAULT}


def test_weights_kept_as_lists_of_values_stay_where_they_are(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx", as_values=True)

    assert answer(path, many=False) == pytest.approx(answer(path, many=True), rel=1e-5)


def test_reading_the_notes_back_gives_the_model_that_was_written(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx")
    found = onnx.load_model_from_string(graph_with_mapped_weights(path))
    onnx.load_external_data_for_model(found, str(tmp_path))

    expected = onnx.load(path)
    assert [numpy_helper.to_array(a).tolist() for a in found.graph.initializer] == [
        numpy_helper.to_array(a).tolist() for a in expected.graph.initializer
    ]
    assert found.graph.node == expected.graph.node


@given(data=st.binary(min_size=1, max_size=60))
def test_any_bytes_are_taken_apart_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(data)

    try:
        graph_with_mapped_weights(path)
    except UnknownLayoutError:
        with pytest.raises(PackDamagedError, match=r"any\.onnx: ONNX Runtime cannot load this model"):
            OnnxEncoder(path, name="x", input_name="pixels", output_name="embedding")


def test_a_model_cut_short_is_refused_by_name(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:5000])

    with pytest.raises(PackDamagedError, match=r"model\.onnx: ONNX Runtime cannot load this model"):
        answer(path, many=False)


def test_an_empty_model_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()

    with pytest.raises(PackDamagedError, match=r"model\.onnx: ONNX Runtime cannot load this model"):
        answer(tmp_path / "model.onnx", many=False)
