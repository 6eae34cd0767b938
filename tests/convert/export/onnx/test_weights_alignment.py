"""Large weights are aligned for mapping, and nothing else of the model changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from edge_identify.convert.export.onnx.graph_conventions import serialise_anonymously
from edge_identify.convert.export.onnx.weights_alignment import ALIGNMENT_BYTES, align_weights
from edge_identify.edge_runtime.encoders.mapped_weights import graph_with_mapped_weights
from edge_identify.edge_runtime.encoders.protobuf_fields import UnknownLayoutError, read_varint, varint

KINDS = (np.float32, np.float16, np.int8)


def model_of(lengths: list[int], *, name: str = "tower", opset: int = 18) -> ModelProto:
    """Return a model that sums the first values of weights of some lengths, large and small."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.integers(-99, 99, length).astype(KINDS[place % 3]), f"weight{'x' * place}")
        for place, length in enumerate(lengths)
    ]
    nodes, total = [], "start"
    for weight in weights:
        nodes.append(helper.make_node("Cast", [weight.name], [f"{weight.name}.float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("ReduceSum", [f"{weight.name}.float"], [f"{weight.name}.sum"], keepdims=0))
        nodes.append(helper.make_node("Add", [total, f"{weight.name}.sum"], [f"{weight.name}.total"]))
        total = f"{weight.name}.total"
    given_value = helper.make_tensor_value_info("start", TensorProto.FLOAT, ["n"])
    returned = helper.make_tensor_value_info(total, TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(nodes, name, [given_value], [returned], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


@given(
    lengths=st.lists(st.sampled_from([1, 3, 1023, 1024, 4095, 4096, 5001, 20_000]), min_size=1, max_size=6),
    name_length=st.integers(1, 200),
)
def test_every_large_weight_is_aligned_and_the_model_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], name_length: int
) -> None:
    model = model_of(lengths, name="n" * name_length)
    path = tmp_path_factory.getbasetemp() / "aligned.onnx"
    path.write_bytes(align_weights(model.SerializeToString(deterministic=True)))

    aligned = onnx.load(path)
    mapped = onnx.load_model_from_string(graph_with_mapped_weights(path))

    for weight, expected in zip(mapped.graph.initializer, model.graph.initializer, strict=True):
        is_large = expected.ByteSize() >= 4200
        if is_large:
            assert weight.data_location == TensorProto.EXTERNAL
        if weight.data_location == TensorProto.EXTERNAL:
            notes = {entry.key: entry.value for entry in weight.external_data}
            assert int(notes["offset"]) % ALIGNMENT_BYTES == 0
    aligned.graph.ClearField("doc_string")
    assert aligned == model


def test_the_runtime_answers_as_before_and_models_once_aligned_stay_as_they_are() -> None:
    plain = model_of([5001, 7, 20_000, 4096]).SerializeToString(deterministic=True)
    aligned = align_weights(plain)
    assert aligned != plain

    answers = [
        onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(
            None, {"start": np.array([0.5], np.float32)}
        )
        for data in (plain, aligned)
    ]

    assert np.array_equal(*answers)
    assert serialise_anonymously(onnx.load_model_from_string(aligned)) == serialise_anonymously(
        onnx.load_model_from_string(plain)
    )


def test_every_exported_file_is_aligned(tmp_path: Path) -> None:
    path = tmp_path / "exported.onnx"
    path.write_bytes(serialise_anonymously(model_of([20_000, 5001, 4096])))

    mapped = onnx.load_model_from_string(graph_with_mapped_weights(path))

    assert [weight.data_location for weight in mapped.graph.initializer] == [TensorProto.EXTERNAL] * 3


@given(number=st.integers(0, 2**63), least=st.integers(1, 10))
def test_a_number_filled_up_is_read_as_the_number(number: int, least: int) -> None:
    written = varint(number, least_bytes=least)

    assert len(written) >= least
    assert read_varint(written, 0) == (number, len(written))


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(UnknownLayoutError):
        align_weights(b"\x07no model at all")
