"""Layers of an ML program in torch: products, normalisations, convolutions, pooling, resizing.

Trap: Core ML counts padding from the first axis and torch from the last. `same` padding depends on the size of the
input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_identify.convert.export.coreml.operator_table import OperatorTable, integers, operator

LAYER_OPERATORS: OperatorTable = {}


@operator(LAYER_OPERATORS, "linear")
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


@operator(LAYER_OPERATORS, "matmul")
def _matmul(x: Tensor, y: Tensor, transpose_x: Tensor | None = None, transpose_y: Tensor | None = None) -> Tensor:
    left = x.transpose(-1, -2) if transpose_x is not None and bool(transpose_x) else x
    right = y.transpose(-1, -2) if transpose_y is not None and bool(transpose_y) else y
    return left @ right


@operator(LAYER_OPERATORS, "layer_norm")
def _layer_norm(
    x: Tensor, axes: Tensor, epsilon: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None
) -> Tensor:
    shape = [x.shape[axis] for axis in integers(axes)]
    return F.layer_norm(x, shape, gamma, beta, float(epsilon))


@operator(LAYER_OPERATORS, "batch_norm")
def _batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
) -> Tensor:
    return F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=float(epsilon))


@operator(LAYER_OPERATORS, "conv")
def _conv(
    x: Tensor,
    weight: Tensor,
    strides: Tensor,
    pad_type: str,
    pad: Tensor,
    dilations: Tensor,
    groups: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    steps, spread = integers(strides), integers(dilations)
    reach = [(size - 1) * gap + 1 for size, gap in zip(weight.shape[2:], spread, strict=True)]
    padded = F.pad(x, _padding(pad_type, pad, x.shape[2:], reach, steps))
    convolve = F.conv2d if x.dim() == 4 else F.conv1d
    return convolve(padded, weight, bias, steps, 0, spread, int(groups))


@operator(LAYER_OPERATORS, "avg_pool")
def _avg_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor,
    pad_type: str,
    pad: Tensor,
    exclude_padding_from_average: Tensor,
    ceil_mode: Tensor,
) -> Tensor:
    window, steps = integers(kernel_sizes), integers(strides)
    around = _padding(pad_type, pad, x.shape[2:], window, steps)
    _only_whole_windows(ceil_mode, x, around, window, steps)
    averages = F.avg_pool2d(F.pad(x, around), window, steps)
    if not bool(exclude_padding_from_average):
        return averages
    return averages / F.avg_pool2d(F.pad(torch.ones_like(x), around), window, steps)


@operator(LAYER_OPERATORS, "max_pool")
def _max_pool(
    x: Tensor, kernel_sizes: Tensor, strides: Tensor, pad_type: str, pad: Tensor, ceil_mode: Tensor
) -> Tensor:
    window, steps = integers(kernel_sizes), integers(strides)
    around = _padding(pad_type, pad, x.shape[2:], window, steps)
    _only_whole_windows(ceil_mode, x, around, window, steps)
    return F.max_pool2d(F.pad(x, around, value=-math.inf), window, steps)


def _only_whole_windows(
    ceil_mode: Tensor, x: Tensor, around: Sequence[int], window: Sequence[int], steps: Sequence[int]
) -> None:
    """Refuse `ceil_mode` if a window reaches past the edge; otherwise it makes no difference."""
    sizes = F.pad(x, list(around)).shape[2:]
    left_over = [(size - reach) % step for size, reach, step in zip(sizes, window, steps, strict=True)]
    if bool(ceil_mode) and any(left_over):
        raise NotImplementedError(f"ceil_mode with {left_over} pixels left over")


def _padding(kind: str, pad: Tensor, sizes: Sequence[int], reach: Sequence[int], steps: Sequence[int]) -> list[int]:
    """Return padding in torch's order: before and after, last axis first."""
    if kind == "custom":
        given = integers(pad)
        pairs = list(zip(given[0::2], given[1::2], strict=True))
    elif kind in ("same", "same_lower"):
        pairs = [_same(*axis, lower=kind == "same_lower") for axis in zip(sizes, reach, steps, strict=True)]
    else:  # valid
        pairs = [(0, 0)] * len(sizes)
    return [amount for pair in reversed(pairs) for amount in pair]


def _same(size: int, reach: int, step: int, *, lower: bool) -> tuple[int, int]:
    # Number of outputs: size / step, rounded up. An odd pixel of padding goes after, or before for `same_lower`.
    total = max((math.ceil(size / step) - 1) * step + reach - size, 0)
    before = total - total // 2 if lower else total // 2
    return before, total - before


@operator(LAYER_OPERATORS, "upsample_bilinear")
def _upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor,
    scale_factor_width: Tensor,
    align_corners: Tensor,
    half_pixel_centers: Tensor | None = None,
) -> Tensor:
    """Resize by factors, which may be below 1; without aligned corners, pixel centres are at half pixels."""
    aligned = bool(align_corners)
    if half_pixel_centers is not None and bool(half_pixel_centers) is aligned:
        raise NotImplementedError(f"upsample_bilinear with align_corners and half_pixel_centers both {aligned}")
    factors = (float(scale_factor_height), float(scale_factor_width))
    size = [math.floor(extent * factor) for extent, factor in zip(x.shape[2:], factors, strict=True)]
    return F.interpolate(x, size=size, mode="bilinear", align_corners=aligned)
