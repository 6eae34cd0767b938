"""Which ONNX graphs may run: an allow-list of operators, checked before ONNX Runtime sees the file.

A graph of these operators ends after as many steps as it has nodes. Control flow (`Loop`, `If`, `Scan`), strings,
sequences, random numbers, functions and custom domains are refused: an encoder needs none of them. What is left may
still be slow or large; the self-test of a new pack runs within limits of time and memory for that
(`store/bounded_self_test.py`).

Trap: a graph is refused if anything in it is not understood. Otherwise ONNX Runtime could read what was not checked.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator
from pathlib import Path

from edge_identify.edge_runtime.encoders.protobuf_fields import (
    ATTRIBUTE_GRAPHS,
    ATTRIBUTE_SPARSE,
    ATTRIBUTE_TENSORS,
    ENTRY_KEY,
    ENTRY_VALUE,
    GRAPH_INITIALIZER,
    GRAPH_NODE,
    GRAPH_SPARSE_INITIALIZER,
    MODEL_FUNCTION,
    MODEL_GRAPH,
    NODE_ATTRIBUTE,
    NODE_DOMAIN,
    NODE_OP_TYPE,
    TENSOR_EXTERNAL_DATA,
    ProtobufField,
    UnknownLayoutError,
    fields,
)
from edge_identify.edge_runtime.errors import PackDamagedError

MOST_NODES = 20_000  # a ViT-bigG without fused layers has about 6,000

#: ONNX's own operators without control flow: what this project's exporters write, and the usual exports of CLIP models.
_STANDARD = (
    "Abs Acos Add And ArgMax ArgMin Asin Atan AveragePool BatchNormalization BitwiseAnd BitwiseOr BitwiseXor Cast "
    "CastLike CenterCropPad Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos "
    "CumSum DepthToSpace DequantizeLinear Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand "
    "EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool "
    "Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization IsInf IsNaN "
    "LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul MatMulInteger "
    "Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow "
    "QLinearConv QLinearMatMul QuantizeLinear RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum "
    "ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize "
    "Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign "
    "SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze "
    "Upsample Where Xor"
)

#: ONNX Runtime's own operators that only compute, with fixed weights: fused and quantised layers.
_MICROSOFT = (
    "Attention BiasGelu BiasSplitGelu DequantizeLinear DynamicQuantizeMatMul FastGelu FusedConv FusedGemm "
    "FusedMatMul FusedMatMulActivation Gelu GemmFastGelu MatMulInteger16 MatMulIntegerToFloat MatMulNBits "
    "MultiHeadAttention QAttention QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv "
    "QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax "
    "QLinearWhere QuantizeLinear QuickGelu SimplifiedLayerNormalization SkipLayerNormalization "
    "SkipSimplifiedLayerNormalization"
)

#: Permitted operators by domain; ONNX's own domain has two names.
ALLOWED_OPERATORS = {
    "": frozenset(_STANDARD.split()),
    "ai.onnx": frozenset(_STANDARD.split()),
    "com.microsoft": frozenset(_MICROSOFT.split()),
}

_ALLOWED = {
    (domain.encode(), operator.encode()) for domain, operators in ALLOWED_OPERATORS.items() for operator in operators
}
_LOCATION = b"location"


def check_graph(path: Path, own_files: Collection[str]) -> None:
    """Check the graph of an ONNX file: its operators, and the files in which its weights lie.

    Args:
        path: The file, with its hash already checked.
        own_files: Names of the files in its folder whose hash was checked, too. Weights may lie in no other file.

    Raises:
        PackDamagedError: The graph has an operator, a function, a subgraph or a file that an encoder has no use for; it
            has more than `MOST_NODES` nodes; or it is not ONNX.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            problem = next(_problems(data, own_files), None)
    except (UnknownLayoutError, ValueError) as error:  # an empty file cannot be mapped
        problem = f"is not an ONNX model ({error})"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    if problem is not None:
        raise PackDamagedError(f"{path}: {problem}; ask the pack's maker for another one")


def _problems(data: mmap.mmap, own_files: Collection[str]) -> Iterator[str]:
    for field in fields(data, 0, len(data)):
        if field.number == MODEL_FUNCTION:
            yield "defines functions, which an encoder has no use for"
        if field.number == MODEL_GRAPH:
            yield from _problems_of_graph(data, field, own_files)


def _problems_of_graph(data: mmap.mmap, graph: ProtobufField, own_files: Collection[str]) -> Iterator[str]:
    nodes = 0
    for field in fields(data, graph.value, graph.end):
        if field.number == GRAPH_NODE:
            nodes += 1
            yield from _problems_of_node(data[field.value : field.end], own_files)
        elif field.number == GRAPH_INITIALIZER:
            yield from _problems_of_tensor(data, field, own_files)
        elif field.number == GRAPH_SPARSE_INITIALIZER:
            yield "has sparse weights, which an encoder has no use for"
    if nodes > MOST_NODES:
        yield f"has {nodes} nodes, more than the limit of {MOST_NODES}"


def _problems_of_node(node: bytes, own_files: Collection[str]) -> Iterator[str]:
    operators, domains = [b""], [b""]
    for field in fields(node, 0, len(node)):
        if field.number == NODE_OP_TYPE:
            operators.append(node[field.value : field.end])
        elif field.number == NODE_DOMAIN:
            domains.append(node[field.value : field.end])
        elif field.number == NODE_ATTRIBUTE:
            yield from _problems_of_attribute(node, field, own_files)
    if len(operators) > 2 or len(domains) > 2 or (domains[-1], operators[-1]) not in _ALLOWED:
        name = b".".join((*domains[1:], *operators[1:])).decode(errors="backslashreplace")[:100]
        yield f"uses the operator {name!r}, which an encoder has no use for"


def _problems_of_attribute(node: bytes, attribute: ProtobufField, own_files: Collection[str]) -> Iterator[str]:
    for field in fields(node, attribute.value, attribute.end):
        if field.number in ATTRIBUTE_GRAPHS:
            yield "has a subgraph, which an encoder has no use for"
        elif field.number in ATTRIBUTE_SPARSE:
            yield "has a sparse constant, which an encoder has no use for"
        elif field.number in ATTRIBUTE_TENSORS:
            yield from _problems_of_tensor(node, field, own_files)


def _problems_of_tensor(data: mmap.mmap | bytes, tensor: ProtobufField, own_files: Collection[str]) -> Iterator[str]:
    for field in fields(data, tensor.value, tensor.end):
        if field.number != TENSOR_EXTERNAL_DATA:
            continue
        entry = {part.number: data[part.value : part.end] for part in fields(data, field.value, field.end)}
        place = entry.get(ENTRY_VALUE, b"").decode(errors="backslashreplace")
        if entry.get(ENTRY_KEY) == _LOCATION and place not in own_files:
            yield f"takes weights from {place[:100]!r}, which is not one of its files"
