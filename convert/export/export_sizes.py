"""How large an exported tower will be, before anything is built: from the number of its parameters.

It is an estimate. The graph itself adds a little, and a convolutional net keeps the layers in float that 8 bits would
harm, which only the export finds out. `benchmarks/FAMILIES.md` has sizes of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.convert.models.model_families import ModelDescription

_SCALE_BYTES = 4  # float32, for each block of weights that share one
_BLOCKS = {"w8": 128, "w4": 32}

#: Of a weight of a matrix or a convolution.
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
    """Return about how many bytes each variant takes, by tower (`image`, `text`) and name."""
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
    return 1 if name in _FOR_TRANSFORMERS else _BYTES_PER_WEIGHT[name]  # rows of words are never smaller than 8 bits
