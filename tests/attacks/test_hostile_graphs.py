"""ONNX graphs that a pack has no business to hold: refused before ONNX Runtime sees the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from onnx import TensorProto, helper, load, save

from edge_identify.edge_runtime.encoders import encoder_choice, graph_check
from edge_identify.edge_runtime.encoders.graph_check import ALLOWED_OPERATORS, check_graph
from edge_identify.edge_runtime.encoders.protobuf_fields import delimited, varint
from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.pack_reader import open_pack

if TYPE_CHECKING:
    from onnx import ModelProto

MakePack = Callable[[], Path]
Rewrite = Callable[[Path], None]


@pytest.fixture
def model(colour_pack: MakePack) -> Path:
    """The path of an encoder that is in order."""
    path = colour_pack() / "encoders/model.onnx"
    check_graph(path, {path.name})
    return path


def change(path: Path, by: Callable[[ModelProto], Any]) -> Path:
    found = load(path)
    by(found)
    save(found, path)
    return path


def endless_loop() -> Any:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["and_on"])],
        "body",
        [
            helper.make_tensor_value_info("at", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("and_on", TensorProto.BOOL, [])],
    )
    return helper.make_node("Loop", ["", "true"], [], body=body)


def weights_elsewhere(location: str) -> TensorProto:
    tensor = TensorProto(name="secret", data_type=TensorProto.UINT8, dims=[8], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        tensor.external_data.add(key=key, value=value)
    return tensor


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (lambda m: m.graph.node.append(endless_loop()), "subgraph|'Loop'"),
        (lambda m: m.graph.node.append(helper.make_node("Scan", [], ["x"])), "'Scan'"),
        (lambda m: m.graph.node.append(helper.make_node("If", ["c"], ["x"])), "'If'"),
        (lambda m: m.graph.node.append(helper.make_node("Evil", [], ["x"], domain="com.evil")), "'com.evil.Evil'"),
        (lambda m: m.graph.node.append(helper.make_node("Add", [], ["x"], domain="com.evil")), "'com.evil.Add'"),
        (lambda m: m.graph.node.append(helper.make_node("Tokenizer", [], ["x"], domain="com.microsoft")), "Tokenizer"),
        (lambda m: m.graph.node.append(helper.make_node("RandomNormal", [], ["x"])), "'RandomNormal'"),
        (
            lambda m: m.graph.node.append(helper.make_node("Add", [], ["x"], body=endless_loop().attribute[0].g)),
            "has a subgraph",
        ),
        (lambda m: m.functions.add(name="f", domain="local"), "defines functions"),
        (lambda m: m.graph.initializer.append(weights_elsewhere("/etc/passwd")), "weights from '/etc/passwd'"),
        (lambda m: m.graph.initializer.append(weights_elsewhere("../pack.json")), "weights from '../pack.json'"),
        (
            lambda m: m.graph.node.append(helper.make_node("Constant", [], ["x"], value=weights_elsewhere("/etc/x"))),
            "weights from '/etc/x'",
        ),
        (lambda m: m.graph.sparse_initializer.add(), "sparse weights"),
    ],
)  # fmt: skip
def test_what_an_encoder_has_no_use_for_is_refused(model: Path, by: Callable[[ModelProto], Any], message: str) -> None:
    change(model, by)

    with pytest.raises(PackDamagedError, match=message):
        check_graph(model, {model.name})


def test_a_graph_with_very_many_nodes_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_check, "MOST_NODES", 2)

    with pytest.raises(PackDamagedError, match="has 3 nodes, more than the limit of 2"):
        check_graph(model, {model.name})


def test_a_field_that_other_readers_see_under_another_number_is_refused(model: Path) -> None:
    hidden = helper.make_model(helper.make_graph([endless_loop()], "hidden", [], [])).SerializeToString()
    graph = load(model).graph.SerializeToString()
    key = varint((7 << 3 | 2) | 1 << 33)  # a reader of 32 bits sees field 7, the graph
    model.write_bytes(model.read_bytes() + key + delimited(7, graph)[1:] + hidden)

    with pytest.raises(PackDamagedError, match="is not an ONNX model"):
        check_graph(model, {model.name})


@pytest.mark.parametrize(
    "data", [b"", b"\x08\x0a" + bytes(range(200)), b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x3b", b"\x02\x00"]
)
def test_what_is_no_protobuf_is_refused(model: Path, data: bytes) -> None:
    model.write_bytes(data)

    with pytest.raises(PackDamagedError, match=r"is not an ONNX model|uses the operator"):
        check_graph(model, {model.name})


def test_a_pack_s_graph_is_checked_before_onnx_runtime_loads_it(
    colour_pack: MakePack, rewrite_manifest: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_it(*_: object, **__: object) -> None:
        raise AssertionError("the graph reached ONNX Runtime")

    folder = colour_pack()
    change(folder / "encoders/model.onnx", lambda m: m.graph.node.append(endless_loop()))
    rewrite_manifest(folder)
    monkeypatch.setattr("edge_identify.edge_runtime.encoders.onnx_encoder.OnnxEncoder", load_it)

    with pytest.raises(PackDamagedError, match="an encoder has no use for"):
        encoder_choice.image_encoder(open_pack(folder), many=False)


def test_every_permitted_operator_is_onnx_s_or_onnx_runtime_s() -> None:
    from onnx.defs import get_all_schemas_with_history

    known = {schema.name for schema in get_all_schemas_with_history() if not schema.domain}
    assert ALLOWED_OPERATORS[""] <= known | {"Swish", "RMSNormalization"}, "of later versions of ONNX"
    assert not ALLOWED_OPERATORS[""] & {"Loop", "If", "Scan", "SequenceMap", "StringNormalizer", "RandomUniform"}
