"""Warm encoding, one picture at a time: each ONNX image variant of a pack, against the machine's limit.

    python benchmarks/warm_encode.py --pack PACK [--rounds 15]

Prints one JSON line: median CPU milliseconds (all threads together) of each variant, prepared for many (prepacked) and
for one (mapped), their ratio to onnx-fp32 where the pack holds it, and, in the same rounds, a float32 product of
1024 x 1024 matrices by ONNX Runtime, whose GFLOP/s are the limit that float encoders run against. Variants whose files
are gone are skipped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from measuring import cpu_ms_interleaved, print_line

from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.pack.manifest import Runtime
from edge_identify.edge_runtime.pack.reader import read_manifest

_SIDE = 1024
_MANY, _ONE = "prepacked", "mapped"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    things, skipped = _encoders(options.pack)
    for name, reason in skipped.items():
        print(f"SKIPPED {name}: {reason}", file=sys.stderr)
    product = _matrix_product()
    taken = cpu_ms_interleaved({**things, "product": product}, options.rounds)
    gflops = 2 * _SIDE**3 / (taken.pop("product") * 1e6)
    exact = taken.get(f"onnx-fp32 {_MANY}")
    print_line(
        "warm_encode",
        pack=read_manifest(options.pack).name,
        cpu_ms=taken,
        ratio_to_fp32={name: round(ms / exact, 3) for name, ms in taken.items()} if exact else None,
        product_gflops=round(gflops, 1),
        skipped=skipped,
    )


def _encoders(folder: Path) -> tuple[dict[str, Callable[[], object]], dict[str, str]]:
    manifest = read_manifest(folder)
    size = manifest.preprocessing.size_px
    pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    things: dict[str, Callable[[], object]] = {}
    skipped = {}
    for variant in manifest.image_variants.values():
        if variant.runtime is not Runtime.ONNX:
            skipped[variant.name] = "is not an ONNX variant"
        elif not all((folder / path).exists() for path in variant.files):
            skipped[variant.name] = "its files are not here"
        else:
            for word in (_MANY, _ONE):
                encoder = OnnxEncoder(
                    folder / variant.model,
                    name=variant.name,
                    input_name=variant.input.name,
                    output_name=variant.output.name,
                    many=word == _MANY,
                )
                things[f"{variant.name} {word}"] = lambda encoder=encoder: encoder.embed(pixels)  # type: ignore[misc]
    return things, skipped


def _matrix_product() -> Callable[[], object]:
    import onnxruntime
    from onnx import TensorProto, helper

    shape = [_SIDE, _SIDE]
    values = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, shape)],
        [helper.make_tensor("b", TensorProto.FLOAT, shape, values.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"a": values})


if __name__ == "__main__":
    main()
