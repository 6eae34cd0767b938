"""The 8-bit form of a convolutional net computes the same bits everywhere: with whole numbers, in every order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge_identify.convert.export.onnx.same_bits import add_in_float, count_in_whole_numbers

SIZE_PX = 12


def chain(*, means: float = 127.5, extra: str = "") -> onnx.ModelProto:
    """Return pixels -> normalised -> three convolutions -> 8 bits, the second without a limit, with random weights."""
    random = np.random.default_rng(0)
    constants = {
        "factor": np.full((1, 1, 1, 1), 1 / 127.5),
        "offset": np.full((1, 3, 1, 1), -means / 127.5),
        "w1": random.normal(size=(8, 3, 3, 3)),
        "b1": random.normal(size=8),
        "w2": random.normal(size=(4, 8, 1, 1)),
        "b2": random.normal(size=4),
        "w3": random.normal(size=(4, 1, 3, 3)),
        "b3": random.normal(size=4),
        "least": 0,
        "most": 6,
        "scale": 6 / 255,
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["pixels"], ["cast"], to=TensorProto.FLOAT),
        node("Transpose", ["cast"], ["first"], perm=[0, 3, 1, 2]),
        node("Mul", ["first", "factor"], ["scaled"], name="scale"),
        node("Add", ["scaled", "offset"], ["normal"], name="shift"),
        node("Conv", ["normal", "w1", "b1"], ["c1"], name="one", pads=[1, 1, 1, 1]),
        node("Clip", ["c1", "least", "most"], ["r1"], name="clip1"),
        node("Conv", ["r1", "w2", "b2"], ["c2"], name="two"),
        node("Conv", ["c2", "w3", "b3"], ["c3"], name="three", group=4, pads=[1, 1, 1, 1]),
        *([node(extra, ["c3"], ["c3x"])] if extra else []),
        node("Clip", ["c3x" if extra else "c3", "least", "most"], ["r3"], name="clip3"),
        node("QuantizeLinear", ["r3", "scale", "zero"], ["embedding"]),
    ]
    initializers = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE_PX, SIZE_PX, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.UINT8, ["n", 4, SIZE_PX, SIZE_PX])],
        [*initializers, numpy_helper.from_array(np.zeros((), np.uint8), "zero")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(model: onnx.ModelProto, outputs: list[str], level: str = "ENABLE_ALL") -> list[NDArray[Any]]:
    known = {output.name for output in model.graph.output}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
    session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(1).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    found: list[NDArray[Any]] = session.run(outputs, {"pixels": pixels})
    return found


def whole(model: onnx.ModelProto) -> onnx.ModelProto:
    (values,) = run(model, ["c2"])
    assert count_in_whole_numbers(model, lambda names: dict.fromkeys(names, float(np.abs(values).max()))) == 3
    onnx.checker.check_model(model)
    return model


@pytest.mark.parametrize("means", [127.5, 122.77])
def test_all_sums_are_whole_numbers_that_float32_has(means: float) -> None:
    model = whole(chain(means=means))

    for sums in run(model, ["r1.sums", "c2.sums", "r3.sums"], "DISABLE_ALL"):
        assert (sums == np.round(sums)).all()
        assert np.abs(sums).max() > 2**20  # the room is used
    weights = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    for name, largest in (("one", 255 if means == 127.5 else 1058), ("two", 1023), ("three", 1023)):
        rows = np.abs(weights[f"{name}.whole"].astype(float)).reshape(len(weights[f"{name}.whole"]), -1).sum(axis=1)
        assert (largest * rows + np.abs(weights[f"{name}.whole_bias"]) < 2**24).all()


def test_every_optimisation_gives_the_same_bits_and_nearly_those_of_the_float_net() -> None:
    (before,) = run(chain(), ["embedding"])

    model = whole(chain())

    (first,), (second,) = run(model, ["embedding"]), run(model, ["embedding"], "DISABLE_ALL")
    assert (first == second).all()
    assert np.abs(first.astype(int) - before.astype(int)).mean() < 0.5  # of 255


def test_layers_that_are_no_chain_stay_as_they_are() -> None:
    model = chain(extra="Sigmoid")
    before = model.SerializeToString()

    assert count_in_whole_numbers(model, lambda _: {}) == 0
    assert model.SerializeToString() == before


def test_only_sums_of_8_bit_tensors_are_computed_in_float() -> None:
    node = helper.make_node
    model = chain()
    model.graph.node.extend(
        [
            node("DequantizeLinear", ["embedding", "scale", "zero"], ["one"]),
            node("DequantizeLinear", ["embedding", "scale", "zero"], ["other"]),
            node("Add", ["one", "other"], ["sum"], name="residual"),
        ]
    )

    assert add_in_float(model) == 1
    assert [each.op_type for each in model.graph.node if each.name in ("residual", "shift")] == ["Add", "Sum"]


def test_the_files_stay_readable_by_devices(tmp_path: Path) -> None:
    from edge_identify.edge_runtime.encoders.graph_check import check_graph

    model = whole(chain())
    add_in_float(model)
    onnx.save(model, tmp_path / "net.onnx")

    check_graph(tmp_path / "net.onnx", own_files=())
