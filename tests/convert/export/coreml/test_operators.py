"""Operators compared with coremltools' constant folding, and with torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from edge_identify.convert.export.coreml.coremltools_library import load_coremltools
from edge_identify.convert.export.coreml.operators import OPERATORS

CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

FIRST_ROWS = {"begin": [0, 1, 1], "end": [2, 3, 4]}

CASES: list[tuple[str, dict[str, Any]]] = [
    ("reshape", {"x": CUBE, "shape": [4, -1]}),
    ("pad", {"x": CUBE, "pad": [1, 0, 2, 3], "mode": "constant", "constant_val": 0.5}),
    ("pad", {"x": CUBE, "pad": [0, 1, 1, 0, 2, 0], "mode": "constant", "constant_val": 0.0}),
    ("transpose", {"x": CUBE, "perm": [2, 0, 1]}),
    ("expand_dims", {"x": CUBE, "axes": [-1, 0]}),
    ("squeeze", {"x": CUBE[:1, :, :1], "axes": [0, -1]}),
    ("squeeze", {"x": CUBE[:1, :, :1]}),
    ("tile", {"x": CUBE, "reps": [2, 1, 3]}),
    ("concat", {"values": (CUBE, CUBE + 1), "axis": -1}),
    ("stack", {"values": (CUBE, CUBE + 1), "axis": 1}),
    ("split", {"x": CUBE, "num_splits": 2, "axis": 2}),
    ("split", {"x": CUBE, "split_sizes": [1, 2], "axis": 1}),
    ("slice_by_index", {"x": CUBE, **FIRST_ROWS}),
    ("slice_by_index", {"x": CUBE, **FIRST_ROWS, "stride": [1, 1, 2]}),
    ("slice_by_index", {"x": CUBE, **FIRST_ROWS, "begin_mask": [True, False, True]}),
    ("slice_by_index", {"x": CUBE, "begin": [1, 0, 0], "end": [0, 1, 1], "end_mask": [True, False, True]}),
    ("slice_by_index", {"x": CUBE, **FIRST_ROWS, "squeeze_mask": [False, True, False]}),
    ("slice_by_index", {"x": CUBE, "begin": [0, -2, 0], "end": [2, 3, -1]}),
    ("gather", {"x": CUBE, "indices": np.array([[2, 0], [1, 1]], np.int32), "axis": 1}),
    ("reduce_mean", {"x": CUBE, "axes": [0, 2], "keep_dims": False}),
    ("reduce_sum", {"x": CUBE, "axes": [1], "keep_dims": True}),
    ("reduce_max", {"x": CUBE, "axes": [-1], "keep_dims": True}),
    ("reduce_l2_norm", {"x": CUBE, "axes": [-1], "keep_dims": True}),
    ("reduce_argmax", {"x": CUBE[:, ::-1].copy(), "axis": 1, "keep_dims": False}),
    ("matmul", {"x": CUBE, "y": CUBE + 1, "transpose_x": False, "transpose_y": True}),
    ("matmul", {"x": CUBE, "y": CUBE + 1, "transpose_x": True, "transpose_y": False}),
    ("softmax", {"x": CUBE, "axis": 1}),
    ("gelu", {"x": CUBE - 12, "mode": "EXACT"}),
    ("gelu", {"x": CUBE - 12, "mode": "TANH_APPROXIMATION"}),
    ("gelu", {"x": CUBE - 12, "mode": "SIGMOID_APPROXIMATION"}),
    ("sigmoid", {"x": CUBE - 12}),
    ("relu", {"x": CUBE - 12}),
    ("clip", {"x": CUBE - 12, "alpha": 0.0, "beta": 6.0}),
    ("add", {"x": CUBE, "y": CUBE[:1]}),
    ("sub", {"x": CUBE, "y": CUBE[:1]}),
    ("mul", {"x": CUBE, "y": CUBE[:1]}),
    ("real_div", {"x": CUBE, "y": CUBE[:1] + 1}),
    ("maximum", {"x": CUBE, "y": CUBE[::-1].copy()}),
    ("greater_equal", {"x": CUBE, "y": CUBE[::-1].copy()}),
    ("select", {"cond": CUBE > 7, "a": CUBE, "b": -CUBE}),
    ("cast", {"x": CUBE + 0.7, "dtype": "int32"}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_an_operator_computes_what_coremltools_computes_on_constants(name: str, arguments: dict[str, Any]) -> None:
    expected = _coremltools_value(name, arguments)
    found = OPERATORS[name](**{key: _as_interpreted(value) for key, value in arguments.items()})
    results = [found] if isinstance(found, torch.Tensor) else list(found)
    assert len(results) == len(expected)
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.numpy(), value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_of_a_convolution_is_torch_s_same_padding(dilation: int) -> None:
    x, weight = torch.randn(1, 2, 7, 6), torch.randn(4, 2, 3, 5)
    found = _conv(x, weight, strides=[1, 1], pad_type="same", dilations=[dilation] * 2)
    torch.testing.assert_close(found, F.conv2d(x, weight, padding="same", dilation=dilation))


@pytest.mark.parametrize("pad_type", ["same", "same_lower"])
def test_same_padding_with_steps_keeps_a_size_divided_and_rounded_up(pad_type: str) -> None:
    found = _conv(torch.randn(1, 2, 7, 6), torch.randn(4, 2, 3, 3), strides=[2, 3], pad_type=pad_type)
    assert found.shape[2:] == (4, 2)


def test_the_odd_pixel_of_same_padding_goes_after_and_of_same_lower_before() -> None:
    x, weight = torch.tensor([[[[1.0, 2.0, 3.0]]]]), torch.tensor([[[[1.0, 10.0]]]])
    assert _conv(x, weight, strides=[1, 1], pad_type="same").flatten().tolist() == [21.0, 32.0, 3.0]
    assert _conv(x, weight, strides=[1, 1], pad_type="same_lower").flatten().tolist() == [10.0, 21.0, 32.0]


def test_custom_padding_is_counted_from_the_first_axis() -> None:
    x, weight = torch.randn(1, 2, 5, 5), torch.randn(4, 1, 3, 3)
    found = _conv(x, weight, strides=[2, 1], pad_type="custom", pad=[1, 2, 3, 4], groups=2)
    torch.testing.assert_close(found, F.conv2d(F.pad(x, (3, 4, 1, 2)), weight, stride=(2, 1), groups=2))


@pytest.mark.parametrize("exclude", [True, False])
def test_an_average_pool_counts_padding_as_torch_does(exclude: bool) -> None:
    x = torch.randn(1, 2, 6, 6)
    found = OPERATORS["avg_pool"](
        x,
        exclude_padding_from_average=torch.tensor(exclude),
        **_pool(kernel_sizes=[3, 3], strides=[2, 2], pad=[1, 1, 1, 1]),
    )
    torch.testing.assert_close(found, F.avg_pool2d(x, 3, 2, 1, count_include_pad=not exclude))


def test_a_maximum_pool_never_takes_its_padding() -> None:
    x = -1 - torch.rand(1, 2, 6, 6)
    found = OPERATORS["max_pool"](x, **_pool(kernel_sizes=[3, 3], strides=[2, 2], pad=[1, 1, 1, 1]))
    torch.testing.assert_close(found, F.max_pool2d(x, 3, 2, 1))


def test_a_place_of_several_axes_is_looked_up_row_by_row() -> None:
    found = OPERATORS["gather_nd"](torch.from_numpy(CUBE), torch.tensor([[1, 2], [0, 1]], dtype=torch.int32))
    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(found.numpy(), np.stack([CUBE[1, 2], CUBE[0, 1]]))


def test_an_image_is_resized_between_the_middles_of_its_pixels() -> None:
    image = np.random.default_rng(0).random((10, 5), dtype=np.float32)

    def between(line: np.ndarray, count: int) -> np.ndarray:
        places = (np.arange(count) + 0.5) * len(line) / count - 0.5
        return np.asarray(np.interp(places, np.arange(len(line)), line))

    expected = np.apply_along_axis(between, 1, np.apply_along_axis(between, 0, image, 8), 15)
    factors = {"scale_factor_height": torch.tensor(0.8), "scale_factor_width": torch.tensor(3.0)}
    found = OPERATORS["upsample_bilinear"](
        torch.from_numpy(image)[None, None], **factors, align_corners=torch.tensor(False)
    )
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-6)


def test_activations_are_torch_s() -> None:
    x = torch.linspace(-5, 8, 27)
    torch.testing.assert_close(OPERATORS["silu"](x), F.silu(x))
    torch.testing.assert_close(OPERATORS["relu6"](x), F.relu6(x))
    torch.testing.assert_close(
        OPERATORS["thresholded_relu"](x, alpha=torch.tensor(2.0)), F.threshold(x, 2.0, 0.0) + 2.0 * (x == 2)
    )
    hard = OPERATORS["sigmoid_hard"](x, alpha=torch.tensor(1 / 6), beta=torch.tensor(0.5))
    torch.testing.assert_close(hard, F.hardsigmoid(x))


def test_norms_are_torch_s() -> None:
    x, gain, bias = torch.randn(2, 3, 4, 4), torch.rand(3), torch.randn(3)
    mean, variance, epsilon = torch.randn(3), torch.rand(3) + 0.5, torch.tensor(1e-5)
    batch = OPERATORS["batch_norm"](x, mean=mean, variance=variance, epsilon=epsilon, gamma=gain, beta=bias)
    torch.testing.assert_close(batch, F.batch_norm(x, mean, variance, gain, bias, eps=1e-5))
    rows = torch.randn(2, 3)
    layer = OPERATORS["layer_norm"](rows, axes=torch.tensor([-1]), epsilon=epsilon, gamma=gain, beta=bias)
    torch.testing.assert_close(layer, F.layer_norm(rows, [3], gain, bias))


@pytest.mark.parametrize(
    "use",
    [
        lambda: OPERATORS["gather"](torch.ones(2, 2), torch.zeros(1), torch.tensor(0), torch.tensor(1)),
        lambda: OPERATORS["slice_by_index"](torch.ones(3), torch.tensor([2]), torch.tensor([0]), torch.tensor([-1])),
        lambda: OPERATORS["upsample_bilinear"](
            torch.ones(1, 1, 3, 3), torch.tensor(2), torch.tensor(2), torch.tensor(False), torch.tensor(False)
        ),
        lambda: OPERATORS["max_pool"](
            torch.ones(1, 1, 3, 3), **{**_pool([2, 2], [2, 2]), "ceil_mode": torch.tensor(True)}
        ),
    ],
    ids=["gather in batches", "slice backwards", "neither corners nor middles", "pool rounding up"],
)
def test_a_use_without_a_rule_is_refused(use: Callable[[], Any]) -> None:
    with pytest.raises(NotImplementedError):
        use()


def _conv(
    x: torch.Tensor,
    weight: torch.Tensor,
    *,
    strides: list[int],
    pad_type: str,
    pad: list[int] | None = None,
    dilations: list[int] | None = None,
    groups: int = 1,
) -> torch.Tensor:
    found = OPERATORS["conv"](
        x,
        weight,
        strides=torch.tensor(strides),
        pad_type=pad_type,
        pad=torch.tensor(pad or [0, 0, 0, 0]),
        dilations=torch.tensor(dilations or [1, 1]),
        groups=torch.tensor(groups),
    )
    assert isinstance(found, torch.Tensor)
    return found


def _pool(kernel_sizes: list[int], strides: list[int], pad: list[int] | None = None) -> dict[str, Any]:
    return {
        "kernel_sizes": torch.tensor(kernel_sizes),
        "strides": torch.tensor(strides),
        "pad_type": "custom",
        "pad": torch.tensor(pad or [0, 0, 0, 0]),
        "ceil_mode": torch.tensor(False),
    }


def _coremltools_value(name: str, arguments: dict[str, Any]) -> list[Any]:
    coremltools = load_coremltools()
    from coremltools.converters.mil.mil import Builder, Function

    with Function({}, opset_version=coremltools.target.iOS16):
        result = getattr(Builder, name)(**arguments)
        variables = result if isinstance(result, (list, tuple)) else [result]
        return [_value(variable) for variable in variables]


def _value(variable: Any) -> Any:
    assert variable.val is not None, "coremltools does not evaluate this operator on constants"
    return variable.val


def _as_interpreted(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return [torch.from_numpy(part) for part in value]
    return torch.from_numpy(np.array(value))
