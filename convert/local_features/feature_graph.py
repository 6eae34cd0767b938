"""The local-feature net as an ONNX graph: conversion of the pixels and decoding of the heat are inside.

The graph is written by hand. Torch's exporter takes 24 s for this net, and this takes a tenth of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.export.onnx.graph_conventions import IMAGE_INPUT, IR_VERSION, OPSET, serialise_anonymously
from edge_identify.convert.export.onnx.weight_only_storage import store_weights_as_fp16
from edge_identify.convert.local_features.net_weights import CELL_PX, VARIANCE_FLOOR
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, TensorProto

OUTPUTS = ("descriptors", "heat", "reliability")

_SHORTEST = 1e-12  # torch's least length when it normalises
_BATCH_NORM_FLOOR = 1e-5  # torch's default, with which the net was trained

#: Stride of each 3 x 3 convolution; the last one of blocks 3 and 5 is 1 x 1.
_STRIDES = {
    "block1": (1, 2, 1, 2),
    "block2": (1, 1),
    "block3": (2, 1, 1),
    "block4": (2, 1, 1),
    "block5": (2, 1, 1, 1),
}


def write_feature_graph(weights: Mapping[str, NDArray[np.float32]], out: Path) -> None:
    """Write the net as ONNX, with its weights in float16; it computes in float32.

    Args:
        weights: The net's tensors, by name; see `net_weights`.
        out: The file to write; its folder exists.
    """
    with TemporaryDirectory() as scratch:
        exact = Path(scratch) / "exact.onnx"
        write_bytes(exact, serialise_anonymously(feature_graph(weights)))
        store_weights_as_fp16(exact, out)


def feature_graph(weights: Mapping[str, NDArray[np.float32]]) -> ModelProto:
    """Return the net as a graph in float32; see `FeatureNet` for its input and outputs."""
    from onnx import TensorProto, helper

    graph = _Graph(weights)
    grey = _standardised(graph)
    pooled = graph.add("AveragePool", grey, kernel_shape=[4, 4], strides=[4, 4])
    fine = graph.add("Add", graph.block("block1", grey), graph.plain_convolution("skip1.1", pooled))
    eighth = graph.block("block3", graph.block("block2", fine))
    sixteenth = graph.block("block4", eighth)
    coarsest = graph.block("block5", sixteenth)
    summed = graph.add("Add", graph.add("Add", eighth, graph.enlarged(sixteenth, 2)), graph.enlarged(coarsest, 4))
    maps = graph.head("block_fusion", 2, summed)
    _add_descriptors(graph, maps)
    _add_heat(graph, grey)
    certain = graph.add("Sigmoid", graph.head("heatmap_head", 2, maps))
    graph.add("Squeeze", certain, graph.integers([1]), output="reliability")
    pixels = helper.make_tensor_value_info(IMAGE_INPUT, TensorProto.UINT8, [1, "height", "width", 3])
    shapes: dict[str, list[int | str]] = {
        "descriptors": [1, "dim", "rows", "columns"],
        "heat": [1, "height", "width"],
        "reliability": [1, "rows", "columns"],
    }
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in OUTPUTS]
    made = helper.make_graph(graph.nodes, "features", [pixels], outputs, graph.initializers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _standardised(graph: _Graph) -> str:
    """Add the pixels' mean over the channels, with mean 0 and variance 1 over the image, [1, 1, height, width]."""
    from onnx import TensorProto

    numbers = graph.add("Cast", IMAGE_INPUT, to=TensorProto.FLOAT)
    grey = graph.add("Transpose", graph.add("ReduceMean", numbers, graph.integers([3])), perm=[0, 3, 1, 2])
    centred = graph.add("Sub", grey, graph.add("ReduceMean", grey, graph.integers([2, 3])))
    variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), graph.integers([2, 3]))
    return graph.add("Div", centred, graph.add("Sqrt", graph.add("Add", variance, graph.number(VARIANCE_FLOOR))))


def _add_descriptors(graph: _Graph, maps: str) -> None:
    lengths = graph.add("ReduceL2", maps, graph.integers([1]))
    graph.add("Div", maps, graph.add("Max", lengths, graph.number(_SHORTEST)), output="descriptors")


def _add_heat(graph: _Graph, grey: str) -> None:
    logits = graph.head("keypoint_head", 3, graph.add("SpaceToDepth", grey, blocksize=CELL_PX))
    shares = graph.add("Softmax", logits, axis=1)
    of_pixels = graph.add("Slice", shares, graph.integers([0]), graph.integers([CELL_PX**2]), graph.integers([1]))
    graph.add("Squeeze", graph.add("DepthToSpace", of_pixels, blocksize=CELL_PX), graph.integers([1]), output="heat")


class _Graph:
    """The nodes and constants of a graph that is being written."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weights = weights
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        from onnx import helper

        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def integers(self, values: Sequence[int]) -> str:
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def enlarged(self, maps: str, factor: int) -> str:
        """Add bilinear enlargement."""
        scales = self.constant(np.array([1, 1, factor, factor], np.float32))
        return self.add("Resize", maps, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def block(self, name: str, maps: str) -> str:
        """Add the layers of a block."""
        for at, stride in enumerate(_STRIDES[name]):
            maps = self.layer(f"{name}.{at}", maps, stride)
        return maps

    def head(self, name: str, layers: int, maps: str) -> str:
        """Add layers of stride 1 and a convolution without ReLU."""
        for at in range(layers):
            maps = self.layer(f"{name}.{at}", maps, 1)
        return self.plain_convolution(f"{name}.{layers}", maps)

    def plain_convolution(self, name: str, maps: str) -> str:
        return self._convolution(maps, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], 1)

    def layer(self, name: str, maps: str, stride: int) -> str:
        """Add a convolution with its normalisation folded in, and ReLU."""
        weight = self._weights[f"{name}.layer.0.weight"]
        scale = 1 / np.sqrt(self._weights[f"{name}.layer.1.running_var"] + np.float32(_BATCH_NORM_FLOOR))
        bias = -self._weights[f"{name}.layer.1.running_mean"] * scale
        return self.add("Relu", self._convolution(maps, weight * scale[:, None, None, None], bias, stride))

    def _convolution(self, maps: str, weight: NDArray[np.float32], bias: NDArray[np.float32], stride: int) -> str:
        side = weight.shape[2]
        return self.add(
            "Conv",
            maps,
            self.constant(weight),
            self.constant(bias),
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[side // 2] * 4,
        )
