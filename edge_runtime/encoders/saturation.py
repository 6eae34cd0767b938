"""Whether this processor saturates sums of 8-bit products.

x86 processors with AVX2 and without VNNI add two products of uint8 activations and int8 weights in 16 bits. The sum may
overflow and is then clipped. Encoders of today's `edge-build` avoid this (`Variant.portable`). 8-bit encoders of older
packs do not, and give other embeddings on such processors.
"""

from __future__ import annotations

from functools import cache

from edge_identify.edge_runtime.encoders.protobuf_fields import (
    GRAPH_INITIALIZER,
    MODEL_GRAPH,
    TENSOR_DATA_TYPE,
    TENSOR_RAW_DATA,
    VARINT,
    delimited,
    varint,
)

#: Field numbers and element types of onnx.proto; `protobuf_fields` holds the other field numbers.
_MODEL_IR_VERSION, _MODEL_OPSET, _OPSET_VERSION = 1, 8, 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR = 1, 2, 4
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_ELEMENT, _TENSOR_SHAPE, _SHAPE_DIM, _DIM_VALUE = 1, 2, 1, 1, 2, 1, 1
_TENSOR_DIMS, _TENSOR_NAME = 1, 8
_UINT8, _INT8, _INT32 = 2, 3, 6

_IR_VERSION, _OPSET = 8, 13  # old enough for every ONNX Runtime that opens a pack
_ROWS, _DEPTH, _COLUMNS = 4, 64, 16  # a whole tile of every kernel: a smaller product may take another path
_LARGEST_ACTIVATION, _LARGEST_WEIGHT = 255, 127


@cache
def saturates_here() -> bool:
    """Return whether ONNX Runtime saturates uint8 by int8 matrix products on this processor.

    It runs a graph of one operator on the largest numbers. That takes about a millisecond, once in a process.
    """
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(probe_model(), providers=["CPUExecutionProvider"], enable_fallback=0)
    activations = np.full((_ROWS, _DEPTH), _LARGEST_ACTIVATION, np.uint8)
    (found,) = session.run(["product"], {"activations": activations})
    return bool((found != _LARGEST_ACTIVATION * _LARGEST_WEIGHT * _DEPTH).any())


def probe_model() -> bytes:
    """Return an ONNX model: uint8 `activations` [4, 64] times int8 weights of 127 gives int32 `product` [4, 16]."""
    node = (
        delimited(_NODE_INPUT, b"activations")
        + delimited(_NODE_INPUT, b"weights")
        + delimited(_NODE_OUTPUT, b"product")
        + delimited(_NODE_OPERATOR, b"MatMulInteger")
    )
    weights = (
        _number(_TENSOR_DIMS, _DEPTH)
        + _number(_TENSOR_DIMS, _COLUMNS)
        + _number(TENSOR_DATA_TYPE, _INT8)
        + delimited(_TENSOR_NAME, b"weights")
        + delimited(TENSOR_RAW_DATA, bytes([_LARGEST_WEIGHT]) * (_DEPTH * _COLUMNS))
    )
    graph = (
        delimited(_GRAPH_NODE, node)
        + delimited(_GRAPH_NAME, b"probe")
        + delimited(GRAPH_INITIALIZER, weights)
        + delimited(_GRAPH_INPUT, _matrix(b"activations", _UINT8, _ROWS, _DEPTH))
        + delimited(_GRAPH_OUTPUT, _matrix(b"product", _INT32, _ROWS, _COLUMNS))
    )
    opset = _number(_OPSET_VERSION, _OPSET)
    return _number(_MODEL_IR_VERSION, _IR_VERSION) + delimited(MODEL_GRAPH, graph) + delimited(_MODEL_OPSET, opset)


def _matrix(name: bytes, element: int, rows: int, columns: int) -> bytes:
    """Return a ValueInfoProto of a matrix."""
    shape = b"".join(delimited(_SHAPE_DIM, _number(_DIM_VALUE, size)) for size in (rows, columns))
    tensor = _number(_TENSOR_ELEMENT, element) + delimited(_TENSOR_SHAPE, shape)
    return delimited(_VALUE_NAME, name) + delimited(_VALUE_TYPE, delimited(_TYPE_TENSOR, tensor))


def _number(field: int, value: int) -> bytes:
    return varint(field << 3 | VARINT) + varint(value)
