"""All 8-bit products of an exported tower are exact on all processors, with VNNI or without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_identify.convert.export.onnx.integer_products import integer_products, may_saturate, saturating_products
from edge_identify.convert.export.onnx.onnx_quantisation import (
    SIGNED_7_BITS,
    UNSIGNED_8_BITS,
    quantise_image_to_int8,
    quantise_text_to_int8,
)
from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx, export_text_onnx

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNREACHABLE = 2.0  # no cosine: every form of weights is tried, and the most faithful is taken


def saturating(activations: NDArray[np.uint8], weights: NDArray[np.integer]) -> int:
    """Return a sum of products as AVX2 computes it: `vpmaddubsw` for signed weights, `vpmaddwd` for unsigned ones."""
    products = activations.astype(np.int64) * weights
    pairs = products.reshape(-1, 2).sum(axis=1)
    return int((pairs if weights.dtype == np.uint8 else pairs.clip(-32768, 32767)).sum())


def exact(activations: NDArray[np.uint8], weights: NDArray[np.integer]) -> int:
    return int(activations.astype(np.int64) @ weights.astype(np.int64))


activations_of_16 = arrays(np.uint8, 16, elements=st.integers(0, 255) | st.just(255))


@given(activations_of_16, arrays(np.int8, 16, elements=st.integers(-64, 64)))
def test_signed_weights_of_7_bits_never_saturate(activations: NDArray[np.uint8], weights: NDArray[np.int8]) -> None:
    assert not may_saturate(weights)
    assert saturating(activations, weights) == exact(activations, weights)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_products_of_7_bits_just_fit(sign: int) -> None:
    activations, weights = np.full(2, 255, np.uint8), np.full(2, 64 * sign, np.int8)
    assert saturating(activations, weights) == exact(activations, weights) == 32640 * sign
    assert may_saturate(np.array([65 * sign, 65 * sign], np.int8))


@given(activations_of_16, arrays(np.uint8, 16, elements=st.integers(0, 255)))
def test_unsigned_weights_never_saturate(activations: NDArray[np.uint8], weights: NDArray[np.uint8]) -> None:
    assert not may_saturate(weights)
    assert saturating(activations, weights) == exact(activations, weights)


@given(arrays(np.int8, st.integers(2, 40), elements=st.integers(-128, 127)))
def test_weights_are_called_saturating_where_some_pair_of_them_does(weights: NDArray[np.int8]) -> None:
    brightest = np.full(2, 255, np.uint8)
    pairs = [np.array([first, second], np.int8) for i, first in enumerate(weights) for second in weights[i + 1 :]]
    assert may_saturate(weights) == any(saturating(brightest, pair) != exact(brightest, pair) for pair in pairs)


def computed_here(weights: NDArray[Any], activations: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the result of a product in ONNX Runtime on this processor."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, activations.shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT32, (len(activations), weights.shape[1]))],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: NDArray[np.int32] = session.run(["y"], {"a": activations})[0]
    return found


def as_matrix(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights as [depth, columns], for any operator."""
    return weights if weights.ndim == 2 else np.ascontiguousarray(weights.reshape(len(weights), -1).T)


def export_towers(towers_of: Callable[..., tuple[Any, Any]], folder: Path) -> None:
    """Write a tiny transformer of each kind and a tiny convolutional net in float32."""
    import torch
    from torch import nn

    from edge_identify.convert.export.towers import ImageTower

    image, text = towers_of()
    export_image_onnx(image, size_px=32, out=folder / "transformer.onnx")
    export_text_onnx(text, context_length=12, out=folder / "text.onnx")
    torch.manual_seed(5)
    layers = [nn.Conv2d(fewer, more, 3, padding=1) for fewer, more in ((3, 16), (16, 24), (24, 24))]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    rectified = [part for layer in layers for part in (layer, nn.ReLU())]
    net = nn.Sequential(*rectified, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(96, 16))
    model: Any = SimpleNamespace(visual=net)
    tower = ImageTower(model, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    export_image_onnx(tower, size_px=32, out=folder / "convolutional.onnx")


@pytest.fixture(params=[SIGNED_7_BITS, UNSIGNED_8_BITS])
def towers(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    towers_of: Callable[..., tuple[Any, Any]],
    pixels: NDArray[np.uint8],
    tokens: NDArray[np.int64],
    tmp_path: Path,
) -> dict[str, Path]:
    """Quantised towers of a tiny CLIP, all with one form of weights."""
    from edge_identify.convert.export.onnx import onnx_quantisation

    monkeypatch.setattr(onnx_quantisation, "_FORMS", (request.param,))
    export_towers(towers_of, tmp_path)
    found = {name: tmp_path / f"{name}8.onnx" for name in ("transformer", "convolutional", "text")}
    for name in ("transformer", "convolutional"):
        quantise_image_to_int8(
            tmp_path / f"{name}.onnx",
            found[name],
            calibration_pixels=pixels,
            transformer=name == "transformer",
            target=-1.0,
        )
    quantise_text_to_int8(tmp_path / "text.onnx", found["text"], calibration_tokens=tokens)
    return found


def test_every_product_of_a_quantised_tower_is_exact_on_this_processor(towers: dict[str, Path]) -> None:
    random = np.random.default_rng(0)
    for path in towers.values():
        products = list(integer_products(path))
        assert len(products) >= 4
        assert saturating_products(path) == ()
        for product in products:
            weights = as_matrix(product.weights)
            activations = random.integers(0, 256, (8, len(weights)), dtype=np.uint8)
            activations[0] = 255
            expected = activations.astype(np.int64) @ weights.astype(np.int64)
            assert (computed_here(weights, activations) == expected).all(), product.node


def test_towers_with_signed_weights_of_8_bits_are_found_out(
    towers_of: Callable[..., tuple[Any, Any]],
    pixels: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from onnxruntime.quantization import QuantType

    from edge_identify.convert.export.onnx import onnx_quantisation

    monkeypatch.setattr(
        onnx_quantisation, "_weights", lambda _: {"weight_type": QuantType.QInt8, "reduce_range": False}
    )
    export_towers(towers_of, tmp_path)
    for name in ("transformer", "convolutional"):
        source, out = tmp_path / f"{name}.onnx", tmp_path / "int8.onnx"
        quantise_image_to_int8(source, out, calibration_pixels=pixels, transformer=name == "transformer", target=-1.0)
        assert set(saturating_products(out)) == {product.node for product in integer_products(out)} != set()


def test_the_most_faithful_form_is_taken_where_none_reaches_the_target(
    towers_of: Callable[..., tuple[Any, Any]],
    pixels: NDArray[np.uint8],
    tokens: NDArray[np.int64],
    tmp_path: Path,
) -> None:
    export_towers(towers_of, tmp_path)
    out = tmp_path / "int8.onnx"
    for target, form in ((-1.0, SIGNED_7_BITS), (UNREACHABLE, UNSIGNED_8_BITS)):
        for name in ("transformer", "convolutional"):
            source = tmp_path / f"{name}.onnx"
            found = quantise_image_to_int8(
                source, out, calibration_pixels=pixels, transformer=name == "transformer", target=target
            )
            assert found.form == form
            assert {product.weights.dtype.kind for product in integer_products(out)} == {"i" if target < 1 else "u"}
        found = quantise_text_to_int8(tmp_path / "text.onnx", out, calibration_tokens=tokens, target=target)
        assert found.form == form
