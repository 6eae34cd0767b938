"""Writes the built-in image tower as an ONNX graph, from its layers.

torch's exporter gives the same nodes, but takes 30 s of CPU time, which every first build would wait for. The file is
compared with torch as any other. A tower with an unknown part gives None, and torch's exporter is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.export.onnx.fused.fused_layers import array
from edge_identify.convert.export.onnx.fused.fused_nodes import GraphWriter
from edge_identify.convert.export.onnx.graph_conventions import IMAGE_INPUT, IR_VERSION, OPSET, OUTPUT

if TYPE_CHECKING:
    from onnx import ModelProto

    from edge_identify.convert.export.onnx.fused.fused_layers import Array
    from edge_identify.convert.export.towers import ImageTower

_RELU6 = {"none": 0.0, "six": 6.0}


class _UnknownLayerError(Exception):
    pass


def two_map_graph(tower: ImageTower, size_px: int) -> ModelProto | None:
    """Write an image tower: `pixels`, uint8 [batch, size, size, 3], to `embedding`, float32 [batch, dim].

    Args:
        tower: Any image tower.
        size_px: Side of its square input.

    Returns:
        The model; None if the tower is not the built-in one, or has a layer that is not known here.
    """
    from onnx import TensorProto, helper

    from edge_identify.convert.builtin.image_tower import TwoMapTower

    trunk: Any = getattr(tower.visual, "trunk", None)
    if type(trunk) is not TwoMapTower or list(tower.visual.head):
        return None
    writer = GraphWriter()
    try:
        fine, coarse = _write_cells(_TrunkWriter(writer, size_px), _write_normalised(writer, tower), trunk.backbone)
    except _UnknownLayerError:
        return None
    dim = _write_embedding(writer, trunk, fine, coarse, tower)
    given = helper.make_tensor_value_info(IMAGE_INPUT, TensorProto.UINT8, ["batch", size_px, size_px, 3])
    returned = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dim])
    return writer.model(given=given, returned=returned, opset=OPSET, ir_version=IR_VERSION)


def _write_normalised(writer: GraphWriter, tower: ImageTower) -> str:
    from onnx import TensorProto

    planes = writer.node("Transpose", [IMAGE_INPUT], "planes", perm=[0, 3, 1, 2])
    values = writer.node("Cast", [planes], "values", to=TensorProto.FLOAT)
    scaled = writer.node("Mul", [values, writer.constant("scale", array(tower.scale))], "scaled")
    return writer.add(scaled, array(tower.offset), "normalised")


class _TrunkWriter:
    """Writes layers one after the other; `side_px` is the side of the map that the last one returns."""

    def __init__(self, writer: GraphWriter, side_px: int) -> None:
        self.writer, self.side_px = writer, side_px

    def layers(self, value: str, layers: Iterable[tuple[str, Any]], name: str) -> str:
        """Write convolutions, each with the normalisation and activation after it; return the last value's name."""
        from timm.layers.norm_act import BatchNormAct2d
        from torch import nn

        convolution: Any = None
        for part, layer in layers:
            if isinstance(layer, nn.Conv2d) and convolution is None:
                convolution = layer
            elif isinstance(layer, BatchNormAct2d) and convolution is not None:
                value, convolution = self._convolution(value, convolution, layer, f"{name}.{part}"), None
            elif not isinstance(layer, nn.Identity):
                raise _UnknownLayerError
        return value

    def block(self, value: str, block: Any, name: str) -> str:
        """Write a block of EfficientNet-Lite: its layers are applied in the order in which it lists them."""
        from timm.models._efficientnet_blocks import DepthwiseSeparableConv, InvertedResidual

        if type(block) not in (DepthwiseSeparableConv, InvertedResidual):
            raise _UnknownLayerError
        found = self.layers(value, block.named_children(), name)
        return self.writer.node("Add", [found, value], f"{name}.sum") if block.has_skip else found

    def _convolution(self, value: str, convolution: Any, norm: Any, name: str) -> str:
        from torch import nn

        weight, bias = _folded(convolution, norm)
        inputs = [value, self.writer.constant(f"{name}.weight", weight), self.writer.constant(f"{name}.bias", bias)]
        pads = self._pads(convolution)
        kernel, stride = convolution.kernel_size[0], convolution.stride[0]
        self.side_px = (self.side_px + pads[0] + pads[2] - kernel) // stride + 1
        found = self.writer.node(
            "Conv", inputs, name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=convolution.groups
        )
        if isinstance(norm.act, nn.Identity):
            return found
        if not isinstance(norm.act, nn.ReLU6):
            raise _UnknownLayerError
        none, six = (self.writer.constant(key, np.array(limit, np.float32)) for key, limit in _RELU6.items())
        return self.writer.node("Clip", [found, none, six], f"{name}.active")

    def _pads(self, convolution: Any) -> list[int]:
        """Return the rows and columns of zeros before and after, as ONNX orders them: top, left, bottom, right."""
        from timm.layers.conv2d_same import Conv2dSame

        if not isinstance(convolution, Conv2dSame):
            return [convolution.padding[0]] * 4
        # TensorFlow's "SAME": a side of ceil(side / stride) is left, and an odd row of zeros goes to the end.
        kernel, stride = convolution.kernel_size[0], convolution.stride[0]
        total = max((-(-self.side_px // stride) - 1) * stride + kernel - self.side_px, 0)
        return [total // 2, total // 2, total - total // 2, total - total // 2]


def _folded(convolution: Any, norm: Any) -> tuple[Array, Array]:
    # In float64, so that each product is rounded only once.
    factor = array(norm.weight).astype(np.float64) / np.sqrt(array(norm.running_var).astype(np.float64) + norm.eps)
    weight = array(convolution.weight) * factor[:, None, None, None]
    bias = array(norm.bias) - array(norm.running_mean) * factor
    return weight.astype(np.float32), bias.astype(np.float32)


def _write_cells(trunk: _TrunkWriter, normalised: str, backbone: Any) -> tuple[str, str]:
    """Write the trunk and the cells of its two maps; return the names of the fine and the coarse ones."""
    from edge_identify.convert.builtin.image_tower import COARSE_CELLS, MAPS

    value = trunk.layers(normalised, [("conv_stem", backbone.conv_stem), ("bn1", backbone.bn1)], "stem")
    fine_stage, coarse_stage = (backbone.feature_info[number]["module"] for number in MAPS)
    fine = ""
    for at, stage in enumerate(backbone.blocks):
        for number, block in enumerate(stage):
            value = trunk.block(value, block, f"blocks.{at}.{number}")
        if f"blocks.{at}" == fine_stage:
            fine = _pooled(trunk.writer, value, 2, 2)
        elif f"blocks.{at}" == coarse_stage:
            return fine, _pooled(trunk.writer, value, trunk.side_px - COARSE_CELLS + 1, 1)
    raise _UnknownLayerError


def _pooled(writer: GraphWriter, value: str, kernel: int, stride: int) -> str:
    cells = writer.node("AveragePool", [value], f"{value}.cells", kernel_shape=[kernel] * 2, strides=[stride] * 2)
    return writer.node("Reshape", [cells, writer.constant("flat_shape", [0, -1])], f"{value}.flat")


def _write_embedding(writer: GraphWriter, trunk: Any, fine: str, coarse: str, tower: ImageTower) -> int:
    """Write both parts, each of length 1, and the unit vector of both; return its length."""
    parts = [_part(writer, fine, trunk.fine, "fine"), _part(writer, coarse, trunk.coarse, "coarse")]
    both = writer.node("Concat", parts, "both", axis=1)
    if tower.adapter is not None:
        both = writer.multiply(both, array(tower.adapter), "adapted")
    writer.node("LpNormalization", [both], OUTPUT, axis=-1, p=2)
    return int(trunk.fine.out_features + trunk.coarse.out_features)


def _part(writer: GraphWriter, cells: str, layer: Any, name: str) -> str:
    constants = [writer.constant(f"{name}.weight", array(layer.weight))]
    if layer.bias is not None:
        constants.append(writer.constant(f"{name}.bias", array(layer.bias)))
    found = writer.node("Gemm", [cells, *constants], name, transB=1)
    return writer.node("LpNormalization", [found], f"{name}.unit", axis=-1, p=2)
