"""Quantises the weights of a package to int8 or to 6-bit palettes; computation stays in float16.

Core ML has no dynamic quantisation: it unpacks the weights and computes in float16. So the int8 variants of ONNX and
Core ML give slightly different embeddings, and the fidelity of each is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.export.coreml.coremltools_library import conversion, load_coremltools
from edge_identify.convert.export.coreml.mlpackage import check_name, read_specification, write_package

if TYPE_CHECKING:
    from coremltools.models import MLModel


def quantise_weights_to_int8(source: Path, out: Path) -> None:
    """Write a copy of a float16 package with int8 weights, symmetric, with a scale per output channel.

    Args:
        source: A package that `tower_to_mlpackage` wrote.
        out: The new package's folder, ending in `.mlpackage`; an existing one is replaced.

    Raises:
        SetupError: `source` is not a package, `out` does not end in `.mlpackage`, or coremltools is missing.
    """
    _rewrite(source, out, _to_int8)


def palettise_weights_to_6_bits(source: Path, out: Path) -> None:
    """Write a copy of a float16 package whose weights are 6-bit indices into palettes of 64 values, one per tensor.

    The values are spread evenly over the range of each tensor. k-means is a little closer (centred cosine .98 instead
    of .97, measured on a small ViT) but takes minutes for a large model.

    Args:
        source: A package that `tower_to_mlpackage` wrote.
        out: The new package's folder, ending in `.mlpackage`; an existing one is replaced.

    Raises:
        SetupError: `source` is not a package, `out` does not end in `.mlpackage`, or coremltools is missing.
    """
    _rewrite(source, out, _to_palettes)


def _rewrite(source: Path, out: Path, shrink: Callable[[Any, MLModel], MLModel]) -> None:
    check_name(out)
    read_specification(source)
    coremltools = load_coremltools()
    model = coremltools.models.MLModel(str(source), skip_model_load=True)
    with conversion():
        smaller = shrink(coremltools.optimize.coreml, model)
    write_package(smaller, out)


def _to_int8(optimize: Any, model: MLModel) -> MLModel:
    every_weight = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8", granularity="per_channel")
    return optimize.linear_quantize_weights(model, optimize.OptimizationConfig(global_config=every_weight))


def _to_palettes(optimize: Any, model: MLModel) -> MLModel:
    every_weight = optimize.OpPalettizerConfig(mode="uniform", nbits=6, granularity="per_tensor")
    return optimize.palettize_weights(model, optimize.OptimizationConfig(global_config=every_weight))
