"""Operators of an ML program in torch that change shapes: reductions, reshaping, slices, gathering.

Trap: a mask bit of a slice means "ignore this bound".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from edge_identify.convert.export.coreml.operator_table import OperatorTable, integers, operator

SHAPE_OPERATORS: OperatorTable = {}

# Reductions


@operator(SHAPE_OPERATORS, "reduce_mean")
def _reduce_mean(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.mean(integers(axes), bool(keep_dims))


@operator(SHAPE_OPERATORS, "reduce_sum")
def _reduce_sum(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.sum(integers(axes), bool(keep_dims))


@operator(SHAPE_OPERATORS, "reduce_max")
def _reduce_max(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.amax(integers(axes), bool(keep_dims))


@operator(SHAPE_OPERATORS, "reduce_l2_norm")
def _reduce_l2_norm(x: Tensor, axes: Tensor, keep_dims: Tensor) -> Tensor:
    return x.square().sum(integers(axes), bool(keep_dims)).sqrt()


@operator(SHAPE_OPERATORS, "reduce_argmax")
def _reduce_argmax(x: Tensor, axis: Tensor, keep_dims: Tensor) -> Tensor:
    return torch.argmax(x, int(axis), bool(keep_dims)).to(torch.int32)


# Shapes and places


@operator(SHAPE_OPERATORS, "reshape")
def _reshape(x: Tensor, shape: Tensor) -> Tensor:
    # 0 keeps the size of that axis.
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(integers(shape))])


@operator(SHAPE_OPERATORS, "pad")
def _pad(x: Tensor, pad: Tensor, mode: str = "constant", constant_val: Tensor | None = None) -> Tensor:
    # MIL counts before and after from the first padded axis on, torch from the last one back.
    if mode != "constant":
        raise NotImplementedError(f"pad with mode {mode!r}")
    amounts = integers(pad)
    backwards = [amount for at in range(len(amounts) - 2, -1, -2) for amount in amounts[at : at + 2]]
    return F.pad(x, backwards, value=0.0 if constant_val is None else float(constant_val))


@operator(SHAPE_OPERATORS, "transpose")
def _transpose(x: Tensor, perm: Tensor) -> Tensor:
    return x.permute(integers(perm))


@operator(SHAPE_OPERATORS, "expand_dims")
def _expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    rank = x.dim() + axes.numel()  # a negative axis counts from the end of the result
    for axis in sorted(axis % rank for axis in integers(axes)):
        x = x.unsqueeze(axis)
    return x


@operator(SHAPE_OPERATORS, "squeeze")
def _squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(integers(axes)))


@operator(SHAPE_OPERATORS, "concat")
def _concat(values: Sequence[Tensor], axis: Tensor, interleave: Tensor | None = None) -> Tensor:
    if interleave is not None and bool(interleave):
        return torch.stack(list(values), int(axis) + 1).flatten(int(axis), int(axis) + 1)
    return torch.cat(list(values), int(axis))


@operator(SHAPE_OPERATORS, "stack")
def _stack(values: Sequence[Tensor], axis: Tensor) -> Tensor:
    return torch.stack(list(values), int(axis))


@operator(SHAPE_OPERATORS, "split")
def _split(
    x: Tensor, axis: Tensor, num_splits: Tensor | None = None, split_sizes: Tensor | None = None
) -> Sequence[Tensor]:
    if split_sizes is not None:
        return torch.split(x, integers(split_sizes), int(axis))
    parts = int(num_splits) if num_splits is not None else x.shape[int(axis)]
    return torch.chunk(x, parts, int(axis))


@operator(SHAPE_OPERATORS, "tile")
def _tile(x: Tensor, reps: Tensor) -> Tensor:
    return x.repeat(integers(reps))


@operator(SHAPE_OPERATORS, "slice_by_index")
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
    steps = [1] * x.dim() if stride is None else integers(stride)
    open_begin, open_end, single = (
        none if mask is None else integers(mask) for mask in (begin_mask, end_mask, squeeze_mask)
    )
    if min(steps) < 1:
        raise NotImplementedError("slices that run backwards")
    places: list[int | slice] = []
    for axis, (first, last) in enumerate(zip(integers(begin), integers(end), strict=True)):
        span = slice(None if open_begin[axis] else first, None if open_end[axis] else last, steps[axis])
        places.append(first if single[axis] else span)
    return x[tuple(places)]


@operator(SHAPE_OPERATORS, "pixel_shuffle")
def _pixel_shuffle(x: Tensor, upscale_factor: Tensor) -> Tensor:
    return F.pixel_shuffle(x, int(upscale_factor))


@operator(SHAPE_OPERATORS, "pixel_unshuffle")
def _pixel_unshuffle(x: Tensor, downscale_factor: Tensor) -> Tensor:
    return F.pixel_unshuffle(x, int(downscale_factor))


@operator(SHAPE_OPERATORS, "gather")
def _gather(x: Tensor, indices: Tensor, axis: Tensor, batch_dims: Tensor | None = None) -> Tensor:
    _only_zero("batch_dims", batch_dims)
    place = int(axis) % x.dim()
    taken = torch.index_select(x, place, indices.reshape(-1).to(torch.int64))
    return taken.reshape(*x.shape[:place], *indices.shape, *x.shape[place + 1 :])


@operator(SHAPE_OPERATORS, "gather_nd")
def _gather_nd(x: Tensor, indices: Tensor, batch_dims: Tensor | None = None) -> Tensor:
    _only_zero("batch_dims", batch_dims)
    return x[tuple(indices.to(torch.int64).unbind(-1))]


def _only_zero(name: str, value: Tensor | None) -> None:
    if value is not None and int(value) != 0:
        raise NotImplementedError(f"{name} of {int(value)}")
