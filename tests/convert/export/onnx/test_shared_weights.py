"""Equal weights are stored once, and the result of the graph does not change."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from edge_identify.convert.export.onnx.graph_conventions import serialise_anonymously
from edge_identify.convert.export.onnx.shared_weights import share_equal_weights

SIDE = 32


@pytest.fixture
def model() -> ModelProto:
    """Two layers with equal weights, stored twice, and a third whose weight differs in one value."""
    weight = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    other = weight.copy()
    other[0, 0] += 1
    return _model({"first": weight, "again": weight, "other": other})


def _model(weights: dict[str, np.ndarray]) -> ModelProto:
    nodes, last = [], "x"
    for name in weights:
        nodes.append(helper.make_node("MatMul", [last, name], [f"{name}_out"]))
        last = f"{name}_out"
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, SIDE])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [None, SIDE])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _answer(model: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    answer: np.ndarray = session.run(None, {"x": np.eye(SIDE, dtype=np.float32)})[0]
    return answer


def test_equal_weights_are_kept_once_and_the_answer_stays(model: ModelProto) -> None:
    before = _answer(model.SerializeToString())
    data = serialise_anonymously(model)
    assert [entry.name for entry in onnx.load_model_from_string(data).graph.initializer] == ["first", "other"]
    np.testing.assert_array_equal(_answer(data), before)


def test_small_weights_and_those_of_another_shape_or_type_stay() -> None:
    flat = np.zeros(SIDE * SIDE, dtype=np.float32)
    weights = {"square": flat.reshape(SIDE, SIDE), "small": np.zeros((2, 2), np.float32)}
    model = _model(weights)
    same_bytes = [flat.reshape(1, -1), flat.view(np.int32).reshape(SIDE, SIDE), np.zeros((2, 2), np.float32)]
    model.graph.initializer.extend(numpy_helper.from_array(value, f"n{at}") for at, value in enumerate(same_bytes))
    share_equal_weights(model)
    assert len(model.graph.initializer) == 5


def test_a_weight_that_is_a_result_keeps_its_name(model: ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("again", TensorProto.FLOAT, [SIDE, SIDE]))
    share_equal_weights(model)
    assert "again" in [entry.name for entry in model.graph.initializer]
