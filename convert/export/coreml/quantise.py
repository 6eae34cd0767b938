"""Halving a package: weights as int8 with one scale for each output channel, computation still in float16.

What a newcomer would get wrong: this is not the int8 of ONNX Runtime. Core ML has no dynamic quantisation; it
unpacks the weights and computes in float16, so the two int8 variants of one tower give slightly different
embeddings, and each needs its own measurement.
"""

from __future__ import annotations

from pathlib import Path

from edge_identify.convert.export.coreml.library import conversion, load_coremltools
from edge_identify.convert.export.coreml.package import check_name, read_specification, write_package


def quantise_weights_to_int8(source: Path, out: Path) -> None:
    """Write a copy of a float16 package with int8 weights, per output channel, symmetric.

    Args:
        source: A package that `export` wrote.
        out: The new package's folder, ending in `.mlpackage`; one that is there is replaced.

    Raises:
        SetupError: `source` is not a package, `out` does not end in `.mlpackage`, or coremltools is missing.
    """
    check_name(out)
    read_specification(source)
    coremltools = load_coremltools()
    optimize = coremltools.optimize.coreml
    every_weight = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8", granularity="per_channel")
    model = coremltools.models.MLModel(str(source), skip_model_load=True)
    with conversion():
        smaller = optimize.linear_quantize_weights(model, optimize.OptimizationConfig(global_config=every_weight))
    write_package(smaller, out)
