"""Graphs of plain convolutional towers: the same embeddings as torch, and None where an operator is not known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from edge_identify.convert.export.onnx.convolutional_graph import convolutional_graph
from edge_identify.convert.export.onnx.graph_conventions import serialise_anonymously
from edge_identify.convert.export.onnx.torch_comparison import check_against_torch, proof_pixels

if TYPE_CHECKING:
    import torch

SIDE_PX = 16


def tower(activation: str) -> torch.nn.Module:
    """Return a tower with the operators of the built-in encoder, and one activation function of choice."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Tower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, stride=2, bias=False)
            self.norm = nn.BatchNorm2d(8)
            self.active = getattr(nn, activation)()
            self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
            self.fine, self.coarse = nn.Linear(8 * 16, 6), nn.Linear(8, 4, bias=False)
            self.register_buffer("adapter", torch.eye(10) + 0.1)
            for each in (self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias):
                assert each is not None
                each.data.uniform_(0.5, 1.5)

        adapter: torch.Tensor

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            values = pixels.permute(0, 3, 1, 2).to(torch.float32) * 0.01 + 0.1
            first = self.active(self.norm(self.stem(F.pad(values, (0, 1, 0, 1)))))
            second = first + self.depthwise(first)
            fine = F.avg_pool2d(first, 2).flatten(1)
            coarse = F.avg_pool2d(second, 8).flatten(1)
            parts = [F.normalize(self.fine(fine), dim=1), F.normalize(self.coarse(coarse), dim=1)]
            return F.normalize(torch.cat(parts, dim=1) @ self.adapter, dim=1)

    torch.manual_seed(1)
    return Tower().eval()


@pytest.mark.parametrize("activation", ["ReLU6", "ReLU", "Hardtanh"])
def test_the_graph_answers_as_torch_does_for_any_batch(activation: str) -> None:
    made, inputs = tower(activation), proof_pixels(SIDE_PX)

    model = convolutional_graph(made, inputs)

    assert model is not None
    check_against_torch(serialise_anonymously(model), made, inputs, "image")


def test_normalisation_and_padding_are_part_of_the_convolution() -> None:
    model = convolutional_graph(tower("ReLU6"), proof_pixels(SIDE_PX))

    assert model is not None
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("Conv") == 2
    assert not {"Pad", "BatchNormalization"} & set(operators)


def test_the_same_tower_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (convolutional_graph(tower("ReLU6"), proof_pixels(SIDE_PX)) for _ in range(2))

    assert first is not None
    assert second is not None
    assert serialise_anonymously(first) == serialise_anonymously(second)
    onnx.save(first, str(tmp_path / "tower.onnx"))
    onnx.checker.check_model(str(tmp_path / "tower.onnx"))


def test_a_tower_with_another_operator_is_left_to_torch() -> None:
    assert convolutional_graph(tower("GELU"), proof_pixels(SIDE_PX)) is None


def test_a_tower_without_convolutions_is_left_to_torch() -> None:
    from torch import nn

    assert convolutional_graph(nn.Linear(3, 3), np.zeros((2, SIDE_PX, SIDE_PX, 3), np.uint8)) is None
