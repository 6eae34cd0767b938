"""Graphs of open_clip's transformers with fused operators, which ONNX Runtime cannot fuse from torch's export.

In float32 the speed is nearly that of torch's export. With 8-bit weights the gain is a fifth larger, and the last block
costs next to nothing (see `fused_nodes`). A tower with an unknown part gives None, and torch's exporter is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.export.onnx.fused.fused_nodes import GraphWriter, Pick, write_blocks
from edge_identify.convert.export.onnx.fused.fused_towers import (
    TextParts,
    TextPool,
    VisionParts,
    read_text,
    read_vision,
)
from edge_identify.convert.export.onnx.graph_conventions import IMAGE_INPUT, IR_VERSION, OPSET, OUTPUT, TEXT_INPUT

if TYPE_CHECKING:
    from onnx import ModelProto

    from edge_identify.convert.export.onnx.fused.fused_layers import Array
    from edge_identify.convert.export.towers import ImageTower, TextTower

#: Added to the attention scores of masked tokens. Its exponential is 0 in float32, as with minus infinity. Unlike
#: infinity, it works in float16 and with a quantiser that measures the range of constants.
_UNSEEN = -10_000.0


def fused_image_graph(tower: ImageTower, size_px: int) -> ModelProto | None:
    """Write an image tower: `pixels`, uint8 [batch, size, size, 3], to `embedding`, float32 [batch, dim].

    Args:
        tower: Any image tower.
        size_px: Side of its square input.

    Returns:
        The model; None if the tower is not open_clip's own transformer with a class token, or has an option that is not
        known here.
    """
    from onnx import TensorProto, helper

    parts = read_vision(tower, size_px)
    if parts is None:
        return None
    writer = GraphWriter()
    embedded = _embed_patches(writer, parts)

    def pick(value: str) -> str:
        return _pick_at(writer, value, 0)

    pooled = write_blocks(writer, embedded, parts.blocks, parts.last_norm, pick=pick, masks=("", ""))
    dim = _finish(writer, pooled, parts.projection, None, len(parts.last_norm.bias))
    given = helper.make_tensor_value_info(IMAGE_INPUT, TensorProto.UINT8, ["batch", size_px, size_px, 3])
    returned = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dim])
    return writer.model(given=given, returned=returned, opset=OPSET, ir_version=IR_VERSION)


def fused_text_graph(tower: TextTower, context_length: int) -> ModelProto | None:
    """Write a text tower: `tokens`, int64 [batch, context], to `embedding`, float32 [batch, dim].

    Args:
        tower: Any text tower.
        context_length: Token ids in its input.

    Returns:
        The model; None if the tower is not one of open_clip's own transformers, or has an option that is not known
        here.
    """
    from onnx import TensorProto, helper

    parts = read_text(tower, context_length)
    if parts is None:
        return None
    writer = GraphWriter()
    rows = writer.node("Gather", [writer.constant("token_embedding", parts.tokens), TEXT_INPUT], "token_rows", axis=0)
    embedded = writer.add(rows, parts.positions, "embedded")
    pick, last_mask = _text_pooling(writer, parts)
    # The last block computes only the pooled token and has its own mask.
    is_masked = parts.is_causal and len(parts.blocks) > 1
    mask = writer.constant("causal_mask", _causal_mask(context_length)) if is_masked else ""
    pooled = write_blocks(writer, embedded, parts.blocks, parts.last_norm, pick=pick, masks=(mask, last_mask))
    weight, bias = (parts.projection.weight, parts.projection.bias) if parts.projection else (None, None)
    dim = _finish(writer, pooled, weight, bias, len(parts.last_norm.bias))
    given = helper.make_tensor_value_info(TEXT_INPUT, TensorProto.INT64, ["batch", context_length])
    returned = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dim])
    return writer.model(given=given, returned=returned, opset=OPSET, ir_version=IR_VERSION)


def _embed_patches(writer: GraphWriter, parts: VisionParts) -> str:
    from onnx import TensorProto

    grid, patch = parts.grid, parts.patch_px
    # Transposed as uint8: a quarter of the memory traffic of float32.
    cells = writer.node(
        "Reshape", [IMAGE_INPUT, writer.constant("cells_shape", [0, grid, patch, grid, patch, 3])], "cells"
    )
    ordered = writer.node("Transpose", [cells], "ordered_cells", perm=[0, 1, 3, 2, 4, 5])
    rows = writer.node(
        "Reshape", [ordered, writer.constant("rows_shape", [0, grid * grid, patch * patch * 3])], "pixel_rows"
    )
    values = writer.node("Cast", [rows], "pixel_values", to=TensorProto.FLOAT)
    patches = writer.multiply(values, parts.patches, "patches")
    padding = writer.constant("class_padding", [0, 1, 0, 0, 0, 0])  # a row of zeros in front, for the class token
    embedded = writer.add(writer.node("Pad", [patches, padding], "padded_patches"), parts.positions, "embedded")
    return embedded if parts.first_norm is None else writer.normalise(embedded, parts.first_norm, "first_norm")


def _text_pooling(writer: GraphWriter, parts: TextParts) -> tuple[Pick, str]:
    """Write the position of the pooled token; return the function that picks it, and its mask in the last block."""
    context = len(parts.positions)
    if parts.pool in (TextPool.FIRST, TextPool.LAST):
        place = 0 if parts.pool is TextPool.FIRST else context - 1
        mask = writer.constant("last_mask", _causal_mask(context)[:, :, place : place + 1]) if parts.is_causal else ""
        return lambda value: _pick_at(writer, value, place), mask
    place_name = _find_end(writer, parts)

    def pick(value: str) -> str:
        return writer.node("GatherND", [value, place_name], f"{value}.wanted", batch_dims=1)

    return pick, _mask_after(writer, place_name, context) if parts.is_causal else ""


def _find_end(writer: GraphWriter, parts: TextParts) -> str:
    from onnx import TensorProto

    ids = TEXT_INPUT
    if parts.pool is TextPool.END_ID:
        is_end = writer.node("Equal", [ids, writer.constant("end_id", parts.end_id)], "is_end")
        ids = writer.node("Cast", [is_end], "is_end_number", to=TensorProto.INT32)
    place = writer.node("ArgMax", [ids], "end_place", axis=1, keepdims=1)
    return writer.node("Unsqueeze", [place, writer.constant("last_axis", [2])], "end_places")  # [batch, 1, 1]


def _mask_after(writer: GraphWriter, place: str, context: int) -> str:
    places = writer.constant("places", np.arange(context, dtype=np.int64).reshape(1, 1, 1, context))
    end = writer.node("Unsqueeze", [place, writer.constant("fourth_axis", [3])], "end_of_row")
    is_seen = writer.node("LessOrEqual", [places, end], "is_seen")
    seen = writer.constant("seen", np.array(0, np.float32))
    unseen = writer.constant("unseen", np.array(_UNSEEN, np.float32))
    return writer.node("Where", [is_seen, seen, unseen], "last_mask")


def _causal_mask(context: int) -> Array:
    return np.triu(np.full((context, context), _UNSEEN, np.float32), 1)[None, None]


def _pick_at(writer: GraphWriter, value: str, place: int) -> str:
    return writer.node("Gather", [value, writer.constant("wanted_place", [place])], f"{value}.wanted", axis=1)


def _finish(writer: GraphWriter, pooled: str, weight: Array | None, bias: Array | None, width: int) -> int:
    """Write projection and L2 normalisation; return the embedding's length."""
    value = pooled if weight is None else writer.multiply(pooled, weight, "projected")
    if bias is not None and bias.any():
        value = writer.add(value, bias, "shifted")
    flat = writer.node("Squeeze", [value, writer.constant("token_axis", [1])], "direction")
    writer.node("LpNormalization", [flat], OUTPUT, axis=-1, p=2)
    return width if weight is None else weight.shape[1]
