"""Reads the layers of open_clip's own transformers from the torch modules, as plain arrays.

open_clip keeps no configuration on the model, so the modules are read. Their types must match exactly. An unknown part
gives None, because a graph that is almost right would rank differently. Modules are typed `Any`, because torch's stubs
type each attribute of a module as a tensor or a module.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


class Activation(Enum):
    """The activation function between the two layers of a block's perceptron."""

    GELU = "gelu"
    GELU_TANH = "gelu-tanh"
    QUICK_GELU = "quick-gelu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """A layer normalisation.

    Attributes:
        weight: [width].
        bias: [width].
        epsilon: Added to the variance.
    """

    weight: Array
    bias: Array
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A linear layer: matrix product and bias.

    Attributes:
        weight: [inputs, outputs], as ONNX multiplies.
        bias: [outputs].
    """

    weight: Array
    bias: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A residual block: attention, then a perceptron. Layer scales are multiplied into the weights.

    Attributes:
        attention_norm: Normalisation before the attention.
        heads: Number of attention heads.
        query_key_value: The three input projections as one layer, [width, 3 * width].
        attention_out: The output projection of the attention.
        perceptron_norm: Normalisation before the perceptron.
        widen: First layer of the perceptron.
        activation: Activation between the two layers.
        narrow: Second layer of the perceptron.
    """

    attention_norm: Norm
    heads: int
    query_key_value: Linear
    attention_out: Linear
    perceptron_norm: Norm
    widen: Linear
    activation: Activation
    narrow: Linear


def array(tensor: torch.Tensor) -> Array:
    """Return a tensor's values, float32, of the same shape."""
    values: Array = tensor.detach().float().cpu().numpy()
    return values


def read_norm(module: Any) -> Norm | None:
    """Return the values of a layer normalisation; None for other modules."""
    from open_clip.transformer import LayerNorm, LayerNormFp32
    from torch import nn

    if type(module) not in (nn.LayerNorm, LayerNorm, LayerNormFp32) or module.weight is None or module.bias is None:
        return None
    return Norm(weight=array(module.weight), bias=array(module.bias), epsilon=float(module.eps))


def read_blocks(transformer: Any) -> tuple[Block, ...] | None:
    """Return the blocks of a transformer; None unless all are open_clip's plain residual blocks."""
    from open_clip.transformer import Transformer

    if type(transformer) is not Transformer:
        return None
    blocks = [_read_block(module) for module in transformer.resblocks]
    known = tuple(block for block in blocks if block is not None)
    return known if known and len(known) == len(blocks) else None


def _read_block(module: Any) -> Block | None:
    from open_clip.transformer import ResidualAttentionBlock

    if type(module) is not ResidualAttentionBlock or hasattr(module, "ln_1_kv"):
        return None
    attention_scale, perceptron_scale = _read_scale(module.ls_1), _read_scale(module.ls_2)
    norms = read_norm(module.ln_1), read_norm(module.ln_2)
    activation = _read_activation(module.mlp.gelu)
    if attention_scale is None or perceptron_scale is None or norms[0] is None or norms[1] is None:
        return None
    if activation is None or not _is_plain_attention(module.attn):
        return None
    attention = module.attn
    return Block(
        attention_norm=norms[0],
        heads=attention.num_heads,
        query_key_value=Linear(weight=array(attention.in_proj_weight).T, bias=array(attention.in_proj_bias)),
        attention_out=_scaled(attention.out_proj, attention_scale),
        perceptron_norm=norms[1],
        widen=_scaled(module.mlp.c_fc, np.float32(1)),
        activation=activation,
        narrow=_scaled(module.mlp.c_proj, perceptron_scale),
    )


def _is_plain_attention(module: Any) -> bool:
    from torch import nn

    return (
        type(module) is nn.MultiheadAttention
        and module.in_proj_weight is not None  # None: keys or values have another width
        and module.in_proj_bias is not None
        and module.bias_k is None
        and not module.add_zero_attn
    )


def _read_scale(module: Any) -> Array | np.float32 | None:
    from open_clip.transformer import LayerScale
    from torch import nn

    if type(module) is nn.Identity:
        return np.float32(1)
    return array(module.gamma) if type(module) is LayerScale else None


def _read_activation(module: Any) -> Activation | None:
    from open_clip.transformer import QuickGELU
    from torch import nn

    if type(module) is nn.GELU:
        return Activation.GELU_TANH if module.approximate == "tanh" else Activation.GELU
    return Activation.QUICK_GELU if type(module) is QuickGELU else None


def _scaled(module: Any, scale: Array | np.float32) -> Linear:
    return Linear(weight=array(module.weight).T * scale, bias=array(module.bias) * scale)
