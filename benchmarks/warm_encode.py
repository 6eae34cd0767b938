"""Warm encoding, one picture or text at a time: each ONNX variant of a pack, and torch, against the machine's limit.

    python benchmarks/warm_encode.py --pack PACK [--rounds 15]

Prints one JSON line: median CPU milliseconds (all threads together) of each variant of both towers, prepared for many
(prepacked) and for one (mapped), and of torch on the same architecture where it is installed; their ratio to the
tower's onnx-fp32, prepacked, where the pack holds it; and, in the same rounds, a product of 1024 x 1024 matrices by
ONNX Runtime in float32 and in int8 (MatMulInteger, the operator of the int8 variants), whose billions of operations a
second are the limits that encoders run against. Variants whose files are gone are skipped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from material import single_threaded_session
from measuring import cpu_ms_interleaved, print_line

from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Manifest, Runtime, Variant
from edge_identify.edge_runtime.pack.pack_reader import read_manifest

_SIDE = 1024
_MANY, _ONE = "prepacked", "mapped"
_EXACT = "onnx-fp32"
_FLOAT32, _INT8 = "product float32", "product int8"
_LARGEST_TOKEN_ID = 200  # every vocabulary has as many; the time does not depend on which

Things = dict[str, Callable[[], object]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    manifest = read_manifest(options.pack)
    skipped: dict[str, str] = {}
    things = {
        **_tower_things(options.pack, "image", manifest.image_variants, skipped),
        **_tower_things(options.pack, "text", manifest.text_variants, skipped),
        **_torch_things(manifest, skipped),
    }
    for name, reason in skipped.items():
        print(f"SKIPPED {name}: {reason}", file=sys.stderr)
    taken = cpu_ms_interleaved({**things, _FLOAT32: _float32_product(), _INT8: _int8_product()}, options.rounds)
    float32_ms, int8_ms = taken.pop(_FLOAT32), taken.pop(_INT8)
    print_line(
        "warm_encode",
        pack=manifest.name,
        cpu_ms=taken,
        ratio_to_fp32=_ratios(taken),
        product_gflops=_giga_operations(float32_ms),
        product_int8_gops=_giga_operations(int8_ms),
        skipped=skipped,
    )


def _giga_operations(milliseconds: float) -> float:
    return round(2 * _SIDE**3 / (milliseconds * 1e6), 1)


def _ratios(taken: dict[str, float]) -> dict[str, float]:
    """Return each time as a share of the same tower's float32 variant, where that was measured."""
    shares = {}
    for name, milliseconds in taken.items():
        exact = taken.get(f"{name.split()[0]} {_EXACT} {_MANY}")
        if exact is not None:
            shares[name] = round(milliseconds / exact, 3)
    return shares


def _tower_things(folder: Path, tower: str, variants: Mapping[str, Variant], skipped: dict[str, str]) -> Things:
    things: Things = {}
    for variant in variants.values():
        name = f"{tower} {variant.name}"
        if variant.runtime is not Runtime.ONNX:
            skipped[name] = "is not an ONNX variant"
        elif not all((folder / path).exists() for path in variant.files):
            skipped[name] = "its files are not here"
        else:
            one = _example(variant)
            for word in (_MANY, _ONE):
                things[f"{name} {word}"] = partial(_encoder(folder, variant, many=word == _MANY).embed, one)
    return things


def _encoder(folder: Path, variant: Variant, *, many: bool) -> OnnxEncoder:
    return OnnxEncoder(
        folder / variant.model,
        name=variant.name,
        input_name=variant.input.name,
        output_name=variant.output.name,
        many=many,
    )


def _example(variant: Variant) -> Any:
    """Return one random picture or text, of the type and shape that the variant takes."""
    shape = (1, *variant.input.shape[1:])
    most = 256 if variant.input.dtype == "uint8" else _LARGEST_TOKEN_ID
    return np.random.default_rng(0).integers(1, most, shape, dtype=variant.input.dtype)


def _torch_things(manifest: Manifest, skipped: dict[str, str]) -> Things:
    try:
        import torch
    except ImportError:
        skipped["torch"] = "is not installed"
        return {}
    from edge_identify.convert.export.towers import ImageTower, TextTower
    from edge_identify.convert.models.model_loading import load_model

    try:
        loaded = load_model(manifest.model.name, None if manifest.model.name == "builtin" else "random")
    except SetupError as error:
        skipped["torch"] = f"does not know the pack's model ({error})"
        return {}
    torch.set_num_threads(1)
    size, context = loaded.preprocessing.size_px, loaded.context_length
    pixels = torch.randint(0, 256, (1, size, size, 3), dtype=torch.uint8)
    tokens = torch.randint(1, _LARGEST_TOKEN_ID, (1, context))
    model: Any = loaded.model
    image, text = ImageTower(model, mean=loaded.mean, std=loaded.std), TextTower(model)
    return {
        "image torch": lambda: _without_gradients(image, pixels),
        "text torch": lambda: _without_gradients(text, tokens),
    }


def _without_gradients(tower: Any, batch: Any) -> object:
    import torch

    with torch.inference_mode():
        return tower(batch)


def _float32_product() -> Callable[[], object]:
    values = np.random.default_rng(1).standard_normal((_SIDE, _SIDE), dtype=np.float32)
    return _product("MatMul", values, values)


def _int8_product() -> Callable[[], object]:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 256, (_SIDE, _SIDE), dtype=np.uint8)
    weights = rng.integers(-64, 64, (_SIDE, _SIDE), dtype=np.int8)  # 7 bits, as exported: exact on every processor
    return _product("MatMulInteger", values, weights)


def _product(operator: str, values: Any, weights: Any) -> Callable[[], list[NDArray[Any]]]:
    """Return what multiplies values with constant weights, as an encoder does: one thread, weights prepacked."""
    from onnx import TensorProto, helper, numpy_helper

    shape = [_SIDE, _SIDE]
    result = TensorProto.FLOAT if operator == "MatMul" else TensorProto.INT32
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", helper.np_dtype_to_tensor_dtype(values.dtype), shape)],
        [helper.make_tensor_value_info("c", result, shape)],
        [numpy_helper.from_array(weights, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = single_threaded_session(model.SerializeToString())

    def multiply() -> list[NDArray[Any]]:
        products: list[NDArray[Any]] = session.run(None, {"a": values})
        return products

    return multiply


if __name__ == "__main__":
    main()
