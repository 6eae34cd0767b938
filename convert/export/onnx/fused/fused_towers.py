"""Reads open_clip's image and text transformers as plain values, if all their options are known.

Trap: the parts of the text tower are attributes of the model in `CLIP`, and of `model.text` in `CustomTextCLIP`; two of
them have other names there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.export.onnx.fused.fused_layers import Block, Linear, Norm, array, read_blocks, read_norm

if TYPE_CHECKING:
    import torch

    from edge_identify.convert.export.onnx.fused.fused_layers import Array
    from edge_identify.convert.export.towers import ImageTower, TextTower


class TextPool(Enum):
    """The token that represents a text; the values are open_clip's."""

    FIRST = "first"
    LAST = "last"
    LARGEST_ID = "argmax"
    END_ID = "eos"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionParts:
    """An image transformer whose output is its class token.

    Attributes:
        patch_px: Side of a patch.
        grid: Number of patches along a side.
        patches: Patch embedding, [patch * patch * 3, width], for pixels of 0 to 255; includes the tower's scale.
        positions: Added to class token and patches, [grid * grid + 1, width]; includes the class token and the tower's
            offset.
        first_norm: Normalisation before the blocks; None if there is none.
        blocks: The blocks, at least one.
        last_norm: Normalisation of the class token.
        projection: Projection to the embedding, [width, dim]; None if there is none.
    """

    patch_px: int
    grid: int
    patches: Array
    positions: Array
    first_norm: Norm | None
    blocks: tuple[Block, ...]
    last_norm: Norm
    projection: Array | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextParts:
    """A text transformer.

    Attributes:
        tokens: Token embeddings, [vocabulary, width].
        positions: Position embeddings, [context, width].
        blocks: The blocks, at least one.
        is_causal: Whether attention is causal.
        pool: The token that represents the text.
        end_id: Id of that token, for `TextPool.END_ID`.
        last_norm: Normalisation of that token.
        projection: Projection to the embedding; None if there is none.
    """

    tokens: Array
    positions: Array
    blocks: tuple[Block, ...]
    is_causal: bool
    pool: TextPool
    end_id: int
    last_norm: Norm
    projection: Linear | None


def read_vision(tower: ImageTower, size_px: int) -> VisionParts | None:
    """Return the parts of an image tower; None unless it is open_clip's plain transformer with a class token."""
    from open_clip.transformer import VisionTransformer
    from torch import nn

    visual: Any = tower.visual
    if type(visual) is not VisionTransformer or not _is_plain_vision(visual, size_px):
        return None
    first_norm = None if type(visual.ln_pre) is nn.Identity else read_norm(visual.ln_pre)
    blocks, last_norm = read_blocks(visual.transformer), read_norm(visual.ln_post)
    if blocks is None or last_norm is None or (first_norm is None and type(visual.ln_pre) is not nn.Identity):
        return None
    patches, constant = _folded_patches(tower)
    positions = array(visual.positional_embedding).copy()
    positions[0] += array(visual.class_embedding)
    positions[1:] += constant
    return VisionParts(
        patch_px=visual.patch_size[0],
        grid=visual.grid_size[0],
        patches=patches,
        positions=positions,
        first_norm=first_norm,
        blocks=blocks,
        last_norm=last_norm,
        projection=_adapted(None if visual.proj is None else array(visual.proj), tower.adapter),
    )


def _adapted(projection: Array | None, adapter: torch.Tensor | None) -> Array | None:
    if adapter is None:
        return projection
    # In float64, so that the product is rounded only once.
    matrix = array(adapter).astype(np.float64)
    return (matrix if projection is None else projection.astype(np.float64) @ matrix).astype(np.float32)


def _adapted_layer(layer: Linear | None, adapter: torch.Tensor | None) -> Linear | None:
    if adapter is None:
        return layer
    if layer is None:
        return Linear(weight=array(adapter), bias=np.zeros(len(adapter), np.float32))
    bias = layer.bias.astype(np.float64) @ array(adapter)
    weight = _adapted(layer.weight, adapter)
    assert weight is not None, "there is a layer"
    return Linear(weight=weight, bias=bias.astype(np.float32))


def _is_plain_vision(visual: Any, size_px: int) -> bool:
    from torch import nn

    patch = visual.patch_size[0]
    return (
        tuple(visual.image_size) == (size_px, size_px)
        and tuple(visual.patch_size) == (patch, patch)
        and size_px % patch == 0
        and visual.conv1.bias is None
        and visual.conv1.kernel_size == visual.conv1.stride == (patch, patch)
        and visual.attn_pool is None
        and visual.pool_type == "tok"
        and not visual.output_tokens
        # Patch dropout is rare. It is inactive in inference mode, but not known here.
        and type(visual.patch_dropout) is nn.Identity
    )


def _folded_patches(tower: ImageTower) -> tuple[Array, Array]:
    # In float64, so that products and sums are rounded only once, and the result is that of torch.
    weight = array(tower.visual.conv1.weight).astype(np.float64)  # [width, 3, patch, patch]
    folded = weight * array(tower.scale)
    constant = (weight * array(tower.offset)).sum(axis=(1, 2, 3))
    rows = folded.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])  # rows in the order of pixels in memory
    return rows.astype(np.float32), constant.astype(np.float32)


def read_text(tower: TextTower, context_length: int) -> TextParts | None:
    """Return the parts of a text tower; None unless it is one of open_clip's plain transformers."""
    from open_clip import CLIP, CustomTextCLIP

    model: Any = tower.model
    parts: TextParts | None = None
    if type(model) is CLIP:
        parts = _text_parts(model, context_length, pool=model.text_pool_type, end_id=model.text_eos_id)
    elif type(model) is CustomTextCLIP and _is_plain_text(model.text):
        parts = _text_parts(model.text, context_length, pool=model.text.pool_type, end_id=model.text.eos_id)
    return parts if parts is None else replace(parts, projection=_adapted_layer(parts.projection, tower.adapter))


def _is_plain_text(text: Any) -> bool:
    from open_clip.transformer import TextTransformer

    return type(text) is TextTransformer and text.cls_emb is None and not text.use_pad_mask and not text.output_tokens


def _text_parts(owner: Any, context_length: int, *, pool: str, end_id: int | None) -> TextParts | None:
    blocks, last_norm = read_blocks(owner.transformer), read_norm(owner.ln_final)
    is_causal = _read_causality(owner.attn_mask, context_length)
    positions = array(owner.positional_embedding)
    if blocks is None or last_norm is None or is_causal is None or len(positions) != context_length:
        return None
    if pool not in {known.value for known in TextPool} or (pool == TextPool.END_ID.value and end_id is None):
        return None
    return TextParts(
        tokens=array(owner.token_embedding.weight),
        positions=positions,
        blocks=blocks,
        is_causal=is_causal,
        pool=TextPool(pool),
        end_id=end_id or 0,
        last_norm=last_norm,
        projection=_read_projection(owner.text_projection),
    )


def _read_causality(mask: object, context_length: int) -> bool | None:
    import torch

    if not isinstance(mask, torch.Tensor):
        return False if mask is None else None
    causal = torch.full((context_length, context_length), -torch.inf).triu(1)
    return True if torch.equal(mask.float().cpu(), causal) else None


def _read_projection(projection: Any) -> Linear | None:
    from torch import nn

    if projection is None:
        return None
    if isinstance(projection, nn.Linear):
        weight = array(projection.weight).T
        bias = np.zeros(weight.shape[1], np.float32) if projection.bias is None else array(projection.bias)
        return Linear(weight=weight, bias=bias)
    assert isinstance(projection, nn.Parameter), "open_clip projects with a layer, a matrix, or not at all"
    weight = array(projection)
    return Linear(weight=weight, bias=np.zeros(weight.shape[1], np.float32))
