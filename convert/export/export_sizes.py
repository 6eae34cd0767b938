"""Estimates the size of an exported tower from the number of its parameters, before anything is built.

Files are a little larger: the graph adds some bytes, and the int8 form of a convolutional net keeps some layers in
float, which only the export can tell. `benchmarks/FAMILIES.md` lists real sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.convert.models.model_families import ModelDescription

_SCALE_BYTES = 4  # float32; one scale for each block of weights
_BLOCKS = {"w8": 128, "w4": 32}

#: Bytes for one weight of a matrix or a convolution.
_BYTES_PER_WEIGHT: Mapping[str, float] = {
    "onnx-int8": 1,
    "onnx-w8": 1 + (_SCALE_BYTES + 1) / _BLOCKS["w8"],  # an offset of 8 bits beside the scale
    "onnx-w4": 0.5 + (_SCALE_BYTES + 0.5) / _BLOCKS["w4"],
    "onnx-fp16": 2,
    "onnx-fp32": 4,
    "coreml-int8": 1,
    "coreml-6bit": 0.75,
    "coreml-fp16": 2,
}
_FOR_TRANSFORMERS = ("onnx-w8", "onnx-w4")


def estimated_bytes(description: ModelDescription) -> Mapping[str, Mapping[str, int]]:
    """Return the estimated size of each variant in bytes, by tower (`image`, `text`) and name of the variant."""
    image = {
        name: round(description.image_parameters * each)
        for name, each in _BYTES_PER_WEIGHT.items()
        if description.image_is_transformer or name not in _FOR_TRANSFORMERS
    }
    words = description.word_parameters
    others = description.text_parameters - words
    text = {
        name: round(words * _bytes_per_word_weight(name) + others * each) for name, each in _BYTES_PER_WEIGHT.items()
    }
    return {"image": image, "text": text}


def _bytes_per_word_weight(name: str) -> float:
    return 1 if name in _FOR_TRANSFORMERS else _BYTES_PER_WEIGHT[name]  # token embeddings take 8 bits at least
