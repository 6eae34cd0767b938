"""Embeds images and texts with a saved package: with Core ML on macOS, with the interpreter elsewhere.

The input of a package is one image or one text, not a batch. Core ML takes an image as a PIL image, the interpreter as
an array.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_identify.convert.export.coreml.coremltools_library import load_coremltools
from edge_identify.convert.export.coreml.mlpackage import IMAGE_INPUT, OUTPUT, TOKENS_INPUT

Arrays = dict[str, NDArray[Any]]


def embed_images(package: Path, pixels: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Embed images with a saved image tower, one by one.

    Args:
        package: An `.mlpackage` of `export_image_tower`, or a quantised copy.
        pixels: [n, size, size, 3], RGB, 0 to 255.

    Returns:
        Unit vectors, float32 [n, dim].

    Raises:
        SetupError: The package cannot be read or evaluated.
    """
    planes = np.moveaxis(pixels, 3, 1).astype(np.float32)
    return _embeddings(evaluate_package(package, ({IMAGE_INPUT: one[None]} for one in planes)))


def embed_tokens(package: Path, tokens: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Embed texts with a saved text tower, one by one.

    Args:
        package: An `.mlpackage` of `export_text_tower`, or a quantised copy.
        tokens: [n, context] token ids.

    Returns:
        Unit vectors, float32 [n, dim].

    Raises:
        SetupError: The package cannot be read or evaluated.
    """
    return _embeddings(evaluate_package(package, ({TOKENS_INPUT: one[None]} for one in tokens.astype(np.int32))))


def evaluate_package(package: Path, inputs: Iterable[Mapping[str, NDArray[Any]]]) -> list[Arrays]:
    """Load a package once and run it on each of the inputs.

    Args:
        package: The `.mlpackage`.
        inputs: For each run, arrays by input name; an image is float32 [1, 3, size, size], RGB, 0 to 255.

    Returns:
        For each run, arrays by output name.

    Raises:
        SetupError: The package cannot be read or evaluated.
    """
    if sys.platform == "darwin":
        return _predict(package, inputs)
    from edge_identify.convert.export.coreml.interpreter import CoreMLProgram

    program = CoreMLProgram.load(package)
    return [program.run(one) for one in inputs]


def _predict(package: Path, inputs: Iterable[Mapping[str, NDArray[Any]]]) -> list[Arrays]:
    model = load_coremltools().models.MLModel(str(package))
    return [model.predict({name: _as_predict_takes_it(name, array) for name, array in one.items()}) for one in inputs]


def _as_predict_takes_it(name: str, array: NDArray[Any]) -> Any:
    from PIL import Image

    if name != IMAGE_INPUT:
        return array
    return Image.fromarray(np.moveaxis(array[0], 0, 2).astype(np.uint8))


def _embeddings(results: list[Arrays]) -> NDArray[np.float32]:
    return np.concatenate([result[OUTPUT] for result in results]).astype(np.float32, copy=False)
