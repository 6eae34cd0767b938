"""What each operator of an ML program computes, in torch.

A newcomer would pass arguments on as they come. Core ML counts padding from the first axis and torch from the
last, `same` padding depends on the image's size, and a mask bit on a slice means "ignore this bound". Each
function takes the operator's inputs by their Core ML names; an input that it does not name is one it does not
understand, and the interpreter refuses the program rather than leave it out.

Every input is a tensor (lengths and axes too) or text. Half precision is widened to float32 when it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Result = Tensor | Sequence[Tensor]

#: The operators, by their name in the program.
OPERATORS: dict[str, Callable[..., Result]] = {}

_DTYPES = {
    "bool": torch.bool,
    "fp16": torch.float32,  # the interpreter computes in float32 throughout
    "fp32": torch.float32,
    "int16": torch.int32,  # narrow integers only hold indices here
    "int32": torch.int32,
    "uint16": torch.int32,
}


def _operator(name: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        OPERATORS[name] = function
        return function

    return register


def _integers(tensor: Tensor) -> list[int]:
    return [int(value) for value in tensor.reshape(-1).tolist()]


# Arithmetic, element by element


@_operator("add")
def _add(x: Tensor, y: Tensor) -> Tensor:
    return x + y


@_operator("sub")
def _sub(x: Tensor, y: Tensor) -> Tensor:
    return x - y


@_operator("mul")
def _mul(x: Tensor, y: Tensor) -> Tensor:
    return x * y


@_operator("real_div")
def _real_div(x: Tensor, y: Tensor) -> Tensor:
    return x / y


@_operator("maximum")
def _maximum(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x, y)


@_operator("greater_equal")
def _greater_equal(x: Tensor, y: Tensor) -> Tensor:
    return x >= y


@_operator("select")
def _select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(cond, a, b)


@_operator("cast")
def _cast(x: Tensor, dtype: str) -> Tensor:
    return x.to(_DTYPES[dtype])


# Activations


@_operator("relu")
def _relu(x: Tensor) -> Tensor:
    return F.relu(x)


@_operator("relu6")
def _relu6(x: Tensor) -> Tensor:
    return F.relu6(x)


@_operator("thresholded_relu")  # half of a hard swish, together with relu6
def _thresholded_relu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x >= alpha, x, torch.zeros_like(x))


@_operator("sigmoid_hard")
def _sigmoid_hard(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return (alpha * x + beta).clamp(0.0, 1.0)


@_operator("sigmoid")
def _sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


@_operator("silu")
def _silu(x: Tensor) -> Tensor:
    return F.silu(x)


@_operator("softmax")
def _softmax(x: Tensor, axis: Tensor) -> Tensor:
    return torch.softmax(x, int(axis))


@_operator("gelu")
def _gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    if mode == "EXACT":
        return F.gelu(x)
    if mode == "TANH_APPROXIMATION":
        return F.gelu(x, approximate="tanh")
    return x * torch.sigmoid(1.702 * x)  # SIGMOID_APPROXIMATION: OpenAI's QuickGELU


# Layers


@_operator("linear")
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


@_operator("matmul")
def _matmul(x: Tensor, y: Tensor, transpose_x: Tensor | None = None, transpose_y: Tensor | None = None) -> Tensor:
    left = x.transpose(-1, -2) if transpose_x is not None and bool(transpose_x) else x
    right = y.transpose(-1, -2) if transpose_y is not None and bool(transpose_y) else y
    return left @ right


@_operator("layer_norm")
def _layer_norm(
    x: Tensor, axes: Tensor, epsilon: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None
) -> Tensor:
    shape = [x.shape[axis] for axis in _integers(axes)]
    return F.layer_norm(x, shape, gamma, beta, float(epsilon))


@_operator("batch_norm")
def _batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
) -> Tensor:
    return F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=float(epsilon))


@_operator("conv")
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
    steps, spread = _integers(strides), _integers(dilations)
    reach = [(size - 1) * gap + 1 for size, gap in zip(weight.shape[2:], spread, strict=True)]
    padded = F.pad(x, _padding(pad_type, pad, x.shape[2:], reach, steps))
    convolve = F.conv2d if x.dim() == 4 else F.conv1d
    return convolve(padded, weight, bias, steps, 0, spread, int(groups))


@_operator("avg_pool")
def _avg_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor,
    pad_type: str,
    pad: Tensor,
    exclude_padding_from_average: Tensor,
    ceil_mode: Tensor,
) -> Tensor:
    window, steps = _integers(kernel_sizes), _integers(strides)
    around = _padding(pad_type, pad, x.shape[2:], window, steps)
    _only_whole_windows(ceil_mode, x, around, window, steps)
    averages = F.avg_pool2d(F.pad(x, around), window, steps)
    if not bool(exclude_padding_from_average):
        return averages
    return averages / F.avg_pool2d(F.pad(torch.ones_like(x), around), window, steps)


@_operator("max_pool")
def _max_pool(
    x: Tensor, kernel_sizes: Tensor, strides: Tensor, pad_type: str, pad: Tensor, ceil_mode: Tensor
) -> Tensor:
    window, steps = _integers(kernel_sizes), _integers(strides)
    around = _padding(pad_type, pad, x.shape[2:], window, steps)
    _only_whole_windows(ceil_mode, x, around, window, steps)
    return F.max_pool2d(F.pad(x, around, value=-math.inf), window, steps)


def _only_whole_windows(
    ceil_mode: Tensor, x: Tensor, around: Sequence[int], window: Sequence[int], steps: Sequence[int]
) -> None:
    """Refuse a window that reaches past the edge; where none does, rounding up and down are the same."""
    sizes = F.pad(x, list(around)).shape[2:]
    left_over = [(size - reach) % step for size, reach, step in zip(sizes, window, steps, strict=True)]
    if bool(ceil_mode) and any(left_over):
        raise NotImplementedError(f"ceil_mode with {left_over} pixels left over")


def _padding(kind: str, pad: Tensor, sizes: Sequence[int], reach: Sequence[int], steps: Sequence[int]) -> list[int]:
    """Return padding in torch's order: before and after, last axis first."""
    if kind == "custom":
        given = _integers(pad)
        pairs = list(zip(given[0::2], given[1::2], strict=True))
    elif kind in ("same", "same_lower"):
        pairs = [_same(*axis, lower=kind == "same_lower") for axis in zip(sizes, reach, steps, strict=True)]
    else:  # valid
        pairs = [(0, 0)] * len(sizes)
    return [amount for pair in reversed(pairs) for amount in pair]


def _same(size: int, reach: int, step: int, *, lower: bool) -> tuple[int, int]:
    # As many outputs as size / step, rounded up; an odd pixel goes after, or before for `same_lower`.
    total = max((math.ceil(size / step) - 1) * step + reach - size, 0)
    before = total - total // 2 if lower else total // 2
    return before, total - before


@_operator("upsample_bilinear")
def _upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor,
    scale_factor_width: Tensor,
    align_corners: Tensor,
    half_pixel_centers: Tensor | None = None,
) -> Tensor:
    """Resize by factors, which may be below 1; half pixels are meant where corners are not aligned."""
    aligned = bool(align_corners)
    if half_pixel_centers is not None and bool(half_pixel_centers) is aligned:
        raise NotImplementedError(f"upsample_bilinear with align_corners and half_pixel_centers both {aligned}")
    factors = (float(scale_factor_height), float(scale_factor_width))
    size = [math.floor(extent * factor) for extent, factor in zip(x.shape[2:], factors, strict=True)]
    return F.interpolate(x, size=size, mode="bilinear", align_corners=aligned)


# Reductions


@_operator("reduce_mean")
def _reduce_mean(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.mean(_integers(axes), bool(keep_dims))


@_operator("reduce_sum")
def _reduce_sum(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.sum(_integers(axes), bool(keep_dims))


@_operator("reduce_max")
def _reduce_max(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.amax(_integers(axes), bool(keep_dims))


@_operator("reduce_l2_norm")
def _reduce_l2_norm(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.square().sum(_integers(axes), bool(keep_dims)).sqrt()


@_operator("reduce_argmax")
def _reduce_argmax(x: Tensor, axis: Tensor, keep_dims: Tensor) -> Tensor:
    return torch.argmax(x, int(axis), bool(keep_dims)).to(torch.int32)


# Shapes and places


@_operator("reshape")
def _reshape(x: Tensor, shape: Tensor) -> Tensor:
    # 0 keeps the size of the axis in the same place.
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(_integers(shape))])


@_operator("transpose")
def _transpose(x: Tensor, perm: Tensor) -> Tensor:
    return x.permute(_integers(perm))


@_operator("expand_dims")
def _expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    rank = x.dim() + axes.numel()  # a negative axis counts from the end of the result
    for axis in sorted(axis % rank for axis in _integers(axes)):
        x = x.unsqueeze(axis)
    return x


@_operator("squeeze")
def _squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(_integers(axes)))


@_operator("concat")
def _concat(values: Sequence[Tensor], axis: Tensor, interleave: Tensor | None = None) -> Tensor:
    if interleave is not None and bool(interleave):
        return torch.stack(list(values), int(axis) + 1).flatten(int(axis), int(axis) + 1)
    return torch.cat(list(values), int(axis))


@_operator("stack")
def _stack(values: Sequence[Tensor], axis: Tensor) -> Tensor:
    return torch.stack(list(values), int(axis))


@_operator("split")
def _split(
    x: Tensor, axis: Tensor, num_splits: Tensor | None = None, split_sizes: Tensor | None = None
) -> Sequence[Tensor]:
    if split_sizes is not None:
        return torch.split(x, _integers(split_sizes), int(axis))
    parts = int(num_splits) if num_splits is not None else x.shape[int(axis)]
    return torch.chunk(x, parts, int(axis))


@_operator("tile")
def _tile(x: Tensor, reps: Tensor) -> Tensor:
    return x.repeat(_integers(reps))


@_operator("slice_by_index")
def _slice_by_index(
    x: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: Tensor | None = None,
    begin_mask: Tensor | None = None,
    end_mask: Tensor | None = None,
    squeeze_mask: Tensor | None = None,
) -> Tensor:
    none = [0] * x.dim()
    steps = [1] * x.dim() if stride is None else _integers(stride)
    open_begin, open_end, single = (
        none if mask is None else _integers(mask) for mask in (begin_mask, end_mask, squeeze_mask)
    )
    if min(steps) < 1:
        raise NotImplementedError("slices that run backwards")
    places: list[int | slice] = []
    for axis, (first, last) in enumerate(zip(_integers(begin), _integers(end), strict=True)):
        span = slice(None if open_begin[axis] else first, None if open_end[axis] else last, steps[axis])
        places.append(first if single[axis] else span)
    return x[tuple(places)]


@_operator("gather")
def _gather(x: Tensor, indices: Tensor, axis: Tensor, batch_dims: Tensor | None = None) -> Tensor:
    _only_zero("batch_dims", batch_dims)
    place = int(axis) % x.dim()
    taken = torch.index_select(x, place, indices.reshape(-1).to(torch.int64))
    return taken.reshape(*x.shape[:place], *indices.shape, *x.shape[place + 1 :])


@_operator("gather_nd")
def _gather_nd(x: Tensor, indices: Tensor, batch_dims: Tensor | None = None) -> Tensor:
    _only_zero("batch_dims", batch_dims)
    return x[tuple(indices.to(torch.int64).unbind(-1))]


def _only_zero(name: str, value: Tensor | None) -> None:
    if value is not None and int(value) != 0:
        raise NotImplementedError(f"{name} of {int(value)}")
