"""A graph with other embeddings than torch is not written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_identify.convert.export.onnx import tower_to_onnx
from edge_identify.convert.export.onnx.fused.fused_graph import fused_image_graph, fused_text_graph
from edge_identify.convert.export.onnx.graph_conventions import serialise_anonymously
from edge_identify.convert.export.onnx.torch_comparison import check_against_torch, proof_pixels, proof_tokens
from edge_identify.edge_runtime.errors import SetupError

Towers = Callable[..., tuple[Any, Any]]


@pytest.mark.parametrize("size_px", [1, 30, 32, 224])
def test_the_images_are_the_same_every_time_and_fit_every_size(size_px: int) -> None:
    images = proof_pixels(size_px)
    assert images.shape == (4, size_px, size_px, 3)
    assert np.array_equal(images, proof_pixels(size_px))


def test_each_text_ends_once_where_the_tower_looks(towers_of: Towers) -> None:
    for pool, end in (("argmax", 299), ("eos", 7)):
        for custom_text in (False, True):
            _, tower = towers_of(custom_text=custom_text, text={"pool_type": pool})
            tokens = proof_tokens(tower, 12)
            assert np.array_equal(tokens, proof_tokens(tower, 12))
            ends = [int(np.argmax(row == end)) for row in tokens]
            assert ends == [0, 3, 7, 11]


def _damage_constant(model: Any, name: str) -> None:
    from onnx import numpy_helper

    (entry,) = [entry for entry in model.graph.initializer if entry.name == name]
    values = numpy_helper.to_array(entry).copy()
    values[..., : values.shape[-1] // 2] *= 1.1
    entry.CopyFrom(numpy_helper.from_array(values, name))


@pytest.mark.parametrize(
    "name", ["block0.query_key_value.weight", "block2.narrow.weight", "last_norm.bias", "patches.weight"]
)
def test_a_graph_with_one_weight_wrong_is_refused_with_its_figures(
    towers_of: Towers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tower, _ = towers_of()

    def damaged(tower: Any, size_px: int) -> Any:
        model = fused_image_graph(tower, size_px)
        _damage_constant(model, name)
        return model

    monkeypatch.setattr(tower_to_onnx, "fused_image_graph", damaged)
    with pytest.raises(SetupError, match=r"image tower's ONNX graph .* least cosine 0\.9\d+ of 4 .* needs 0\.99999"):
        tower_to_onnx.export_image_onnx(tower, size_px=32, out=tmp_path / "tower.onnx")
    assert not list(tmp_path.iterdir())


def test_a_text_graph_whose_tokens_see_what_follows_is_refused(towers_of: Towers) -> None:
    _, tower = towers_of()
    model = fused_text_graph(tower, 12)
    assert model is not None
    for node in model.graph.node:
        if node.op_type == "MultiHeadAttention":
            del node.input[4:]
    with pytest.raises(SetupError, match="text tower's ONNX graph"):
        check_against_torch(serialise_anonymously(model), tower, proof_tokens(tower, 12), "text")


def test_a_graph_that_leaves_the_length_wrong_is_refused(towers_of: Towers) -> None:
    from onnx import helper

    tower, _ = towers_of()
    model = fused_image_graph(tower, 32)
    assert model is not None
    last = model.graph.node.pop()
    model.graph.node.append(helper.make_node("Add", [last.input[0], last.input[0]], list(last.output)))
    with pytest.raises(SetupError, match="does not answer as torch does"):
        check_against_torch(serialise_anonymously(model), tower, proof_pixels(32), "image")
