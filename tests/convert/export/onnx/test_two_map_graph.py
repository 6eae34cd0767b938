"""The built-in image tower is written from its layers, with the embeddings of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_identify.convert.export.onnx.torch_comparison import check_against_torch, proof_pixels
from edge_identify.convert.export.onnx.two_map_graph import two_map_graph
from edge_identify.convert.export.towers import ImageTower
from edge_identify.convert.models.model_loading import load_model
from edge_identify.edge_runtime.encoders.graph_check import check_graph

SIZE_PX = 160


@pytest.fixture(scope="module")
def visual() -> Any:
    return load_model("builtin").model.visual


def tower_of(visual: Any, adapter: Any = None) -> ImageTower:
    class Model:
        pass

    model: Any = Model()
    model.visual = visual
    return ImageTower(model, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25), adapter=adapter)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_graph_answers_as_torch_does(visual: Any, adapted: bool, tmp_path: Path) -> None:
    dim = visual.trunk.num_classes
    adapter = np.random.default_rng(0).normal(size=(dim, dim)).astype(np.float32) if adapted else None
    tower = tower_of(visual, adapter)

    model = two_map_graph(tower, SIZE_PX)

    assert model is not None
    data = model.SerializeToString()
    check_against_torch(data, tower, proof_pixels(SIZE_PX), "image")
    (tmp_path / "tower.onnx").write_bytes(data)
    check_graph(tmp_path / "tower.onnx", ["tower.onnx"])
    assert {node.op_type for node in model.graph.node}.isdisjoint({"Pad", "BatchNormalization"})


def test_a_tower_with_an_unknown_layer_is_left_to_torchs_exporter(visual: Any) -> None:
    import torch

    block = visual.trunk.backbone.blocks[2][1]
    known, block.se = block.se, torch.nn.Dropout()
    try:
        assert two_map_graph(tower_of(visual), SIZE_PX) is None
    finally:
        block.se = known


def test_another_tower_is_left_alone() -> None:
    import torch

    assert two_map_graph(tower_of(torch.nn.Linear(2, 2)), SIZE_PX) is None
