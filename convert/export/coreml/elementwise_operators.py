"""Elementwise operators of an ML program in torch: arithmetic and activations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_identify.convert.export.coreml.operator_table import OperatorTable, operator

ELEMENTWISE_OPERATORS: OperatorTable = {}

_DTYPES = {
    "bool": torch.bool,
    "fp16": torch.float32,  # the interpreter computes in float32 throughout
    "fp32": torch.float32,
    "int16": torch.int32,  # narrow integers only hold indices here
    "int32": torch.int32,
    "uint16": torch.int32,
}


# Arithmetic, element by element


@operator(ELEMENTWISE_OPERATORS, "add")
def _add(x: Tensor, y: Tensor) -> Tensor:
    return x + y


@operator(ELEMENTWISE_OPERATORS, "sub")
def _sub(x: Tensor, y: Tensor) -> Tensor:
    return x - y


@operator(ELEMENTWISE_OPERATORS, "mul")
def _mul(x: Tensor, y: Tensor) -> Tensor:
    return x * y


@operator(ELEMENTWISE_OPERATORS, "real_div")
def _real_div(x: Tensor, y: Tensor) -> Tensor:
    return x / y


@operator(ELEMENTWISE_OPERATORS, "sqrt")
def _sqrt(x: Tensor) -> Tensor:
    return torch.sqrt(x)


@operator(ELEMENTWISE_OPERATORS, "maximum")
def _maximum(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x, y)


@operator(ELEMENTWISE_OPERATORS, "greater_equal")
def _greater_equal(x: Tensor, y: Tensor) -> Tensor:
    return x >= y


@operator(ELEMENTWISE_OPERATORS, "select")
def _select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(cond, a, b)


@operator(ELEMENTWISE_OPERATORS, "cast")
def _cast(x: Tensor, dtype: str) -> Tensor:
    return x.to(_DTYPES[dtype])


# Activations


@operator(ELEMENTWISE_OPERATORS, "clip")
def _clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return x.clamp(float(alpha), float(beta))


@operator(ELEMENTWISE_OPERATORS, "relu")
def _relu(x: Tensor) -> Tensor:
    return F.relu(x)


@operator(ELEMENTWISE_OPERATORS, "relu6")
def _relu6(x: Tensor) -> Tensor:
    return F.relu6(x)


@operator(ELEMENTWISE_OPERATORS, "thresholded_relu")  # part of a hard swish, with relu6
def _thresholded_relu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x >= alpha, x, torch.zeros_like(x))


@operator(ELEMENTWISE_OPERATORS, "sigmoid_hard")
def _sigmoid_hard(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return (alpha * x + beta).clamp(0.0, 1.0)


@operator(ELEMENTWISE_OPERATORS, "sigmoid")
def _sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


@operator(ELEMENTWISE_OPERATORS, "silu")
def _silu(x: Tensor) -> Tensor:
    return F.silu(x)


@operator(ELEMENTWISE_OPERATORS, "softmax")
def _softmax(x: Tensor, axis: Tensor) -> Tensor:
    return torch.softmax(x, int(axis))


@operator(ELEMENTWISE_OPERATORS, "gelu")
def _gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    if mode == "EXACT":
        return F.gelu(x)
    if mode == "TANH_APPROXIMATION":
        return F.gelu(x, approximate="tanh")
    return x * torch.sigmoid(1.702 * x)  # SIGMOID_APPROXIMATION: OpenAI's QuickGELU
