"""Stores the weights of a tower in fewer bits; computation stays in float32, or in int8 for blocks of weights.

Trap: a whole graph in float16 does not work. ONNX Runtime's CPU kernels (1.31) crash on it, or compute in float32
anyway. With float16 weights alone, the file is half as large and the arithmetic is unchanged.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import numpy as np

from edge_identify.convert.export.onnx.graph_conventions import serialise_anonymously
from edge_identify.convert.export.onnx.onnx_quantisation import quantise_embedding_rows
from edge_identify.convert.models.libraries.library_logging import muted
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_LEAST_ELEMENTS = 256  # below, the additional Cast node needs more bytes than it saves
_LARGEST_FLOAT16 = float(np.finfo(np.float16).max)

#: Weights that share a scale, by bits. Centred cosine of a ViT-B-32 with random weights at 4 bits: .820 with 32, .785
#: with 64.
_WEIGHTS_PER_BLOCK = {8: 128, 4: 32}
_COMPUTE_IN_INT8 = 4  # ONNX Runtime's accuracy level; float32 (0) took 1.4 times as long (ViT-B-32)


def store_weights_as_fp16(source: Path, out: Path) -> None:
    """Write a tower whose weights are stored in float16 and cast to float32 when it is loaded.

    Args:
        source: A float32 file of `tower_to_onnx`.
        out: The file to write; its folder exists.
    """
    import onnx

    model = onnx.load(str(source))
    _halve(model.graph)
    write_bytes(out, serialise_anonymously(model))


def _halve(graph: GraphProto) -> None:
    casts: list[NodeProto] = []
    for entry in graph.initializer:
        if _fits_float16(entry):
            casts.append(_halve_entry(entry))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _halve_entry(entry: TensorProto) -> NodeProto:
    """Change a weight to float16 and rename it; return the Cast node that restores it under its old name."""
    from onnx import TensorProto, helper, numpy_helper

    name, stored = entry.name, f"{entry.name}.fp16"
    entry.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(entry).astype(np.float16), stored))
    return helper.make_node("Cast", [stored], [name], name=f"{name}/Cast", to=TensorProto.FLOAT)


def _fits_float16(entry: TensorProto) -> bool:
    from onnx import TensorProto, numpy_helper

    if entry.data_type != TensorProto.FLOAT or np.prod(entry.dims) < _LEAST_ELEMENTS:
        return False
    return bool(np.abs(numpy_helper.to_array(entry)).max() <= _LARGEST_FLOAT16)


def quantise_weights_only(source: Path, out: Path, *, bits: Literal[4, 8]) -> None:
    """Write a tower whose matrices are stored in 4 or 8 bits, with a scale for each block of weights.

    Token embeddings are stored in 8 bits in both cases. Convolutions stay in float32.

    Args:
        source: A float32 file of `tower_to_onnx`.
        out: The file to write; its folder exists.
        bits: Bits of a weight.
    """
    import onnx

    with TemporaryDirectory() as scratch, muted("onnxruntime", "onnx"):
        small_embedding = Path(scratch) / "embedding.onnx"
        quantise_embedding_rows(source, small_embedding)
        model = _in_blocks(onnx.load(str(small_embedding)), bits)
    write_bytes(out, serialise_anonymously(model))


def _in_blocks(model: ModelProto, bits: int) -> ModelProto:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantiser = MatMulNBitsQuantizer(
        model,
        bits=bits,
        block_size=_WEIGHTS_PER_BLOCK[bits],
        is_symmetric=False,  # the range of a block is rarely centred on zero; the offset costs half a byte
        accuracy_level=_COMPUTE_IN_INT8,
        op_types_to_quantize=("MatMul",),
    )
    quantiser.process()
    quantised: ModelProto = quantiser.model.model
    return quantised
