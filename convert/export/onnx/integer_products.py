"""Finds the integer products of an exported graph, and those that some x86 processors compute wrongly.

ONNX Runtime multiplies uint8 activations by int8 weights. On x86 processors with AVX2 and without VNNI it uses the
instruction `vpmaddubsw`, which adds two neighbouring products in 16 bits and saturates. Two products of 255 by 127 do
not fit. So 8-bit signed weights give one answer with VNNI and another one without. All other products are exact:
uint8 weights are widened to 16 bits first, and signed weights of 7 bits cannot overflow (255 * 64 * 2 = 32,640).

See "8-bit arithmetic" in edge_runtime/pack/FORMAT.md for the kernels of each processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

_LARGEST_ACTIVATION = 255
_INT16 = np.iinfo(np.int16)

#: Position of the weights among a node's inputs, for the operators whose weights are integers.
_INTEGER_WEIGHTS = {"MatMulInteger": 1, "ConvInteger": 1, "QLinearConv": 3, "QLinearMatMul": 3}
#: The same for operators that ONNX Runtime replaces by integer ones if DequantizeLinear computes their weights.
_DEQUANTISED_WEIGHTS = {"Conv": 1, "Gemm": 1, "MatMul": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerProduct:
    """A node that multiplies integers.

    Attributes:
        node: Its name.
        operator: Its operator, such as `MatMulInteger`.
        weights: Its constant weights, int8 or uint8, in the shape that the graph holds them.
    """

    node: str
    operator: str
    weights: NDArray[np.int8] | NDArray[np.uint8]


def integer_products(model: Path) -> Iterator[IntegerProduct]:
    """Yield the products of integers in an ONNX file that have constant weights."""
    import onnx

    graph = onnx.load(str(model)).graph
    constants = {entry.name: entry for entry in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        entry = _integer_weights(node, constants, makers)
        if entry is not None:
            yield IntegerProduct(node=node.name, operator=node.op_type, weights=onnx.numpy_helper.to_array(entry))


def saturating_products(model: Path) -> tuple[str, ...]:
    """Return the names of the products in an ONNX file that may overflow on a processor without VNNI."""
    return tuple(product.node for product in integer_products(model) if may_saturate(product.weights))


def may_saturate(weights: NDArray[np.int8] | NDArray[np.uint8]) -> bool:
    """Return whether two products of these weights with uint8 activations may not fit into 16 bits.

    All pairs of weights are considered, because kernels order them differently, and all activations from 0 to 255.

    Args:
        weights: Of any shape. Unsigned weights never saturate.
    """
    if weights.dtype == np.uint8 or not weights.size:
        return False
    two = np.sort(weights, axis=None).astype(int)
    most, least = two[-2:].clip(min=0).sum(), two[:2].clip(max=0).sum()
    return bool(_LARGEST_ACTIVATION * most > _INT16.max or _LARGEST_ACTIVATION * least < _INT16.min)


def _integer_weights(
    node: NodeProto, constants: Mapping[str, TensorProto], makers: Mapping[str, NodeProto]
) -> TensorProto | None:
    if node.op_type in _INTEGER_WEIGHTS:
        return constants.get(node.input[_INTEGER_WEIGHTS[node.op_type]])
    if node.op_type not in _DEQUANTISED_WEIGHTS:
        return None
    maker = makers.get(node.input[_DEQUANTISED_WEIGHTS[node.op_type]])
    if maker is None or maker.op_type != "DequantizeLinear":
        return None
    return constants.get(maker.input[0])
