"""Compares a float32 ONNX graph with torch before it is written.

A graph with a wrong epsilon, a mask off by one or a swapped weight runs without an error and gives similar embeddings.
Only a comparison finds it. Rounding alone leaves a cosine of .9999999.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from edge_identify.convert.export.towers import TextTower

    Inputs = NDArray[np.uint8] | NDArray[np.int64]

LEAST_COSINE = 0.99999

_COUNT = 4
_SEED = 20_261_121  # arbitrary; fixed, so that a build that passed passes again
_SQUARES = 4  # along a side: gives plain areas and edges, as in photos


def proof_pixels(size_px: int) -> NDArray[np.uint8]:
    """Return four fixed test images, mosaics with noise, uint8 [4, size, size, 3]."""
    random = np.random.default_rng(_SEED)
    square = -(-size_px // _SQUARES)
    colours = random.integers(0, 256, (_COUNT, _SQUARES, _SQUARES, 3))
    mosaics = colours.repeat(square, axis=1).repeat(square, axis=2)[:, :size_px, :size_px]
    noise = random.integers(-24, 25, mosaics.shape)
    images: NDArray[np.uint8] = np.clip(mosaics + noise, 0, 255).astype(np.uint8)
    return images


def proof_tokens(tower: TextTower, context_length: int) -> NDArray[np.int64]:
    """Return the token ids of four fixed texts of several lengths, int64 [4, context].

    A row has random ids, an end id, then zeros. The end id is the largest id, as in CLIP, or the tower's own end id if
    the tower pools at one.

    Args:
        tower: The text tower.
        context_length: Token ids in a text.
    """
    random = np.random.default_rng(_SEED)
    text = getattr(tower.model, "text", tower.model)
    end_id = getattr(tower.model, "text_eos_id", getattr(text, "eos_id", None))
    vocabulary = int(getattr(tower.model, "vocab_size", 0)) or _fallback_vocabulary(tower)
    pool = getattr(tower.model, "text_pool_type", getattr(text, "pool_type", ""))
    end = end_id if pool == "eos" and end_id is not None else vocabulary - 1
    tokens = np.zeros((_COUNT, context_length), np.int64)
    for row, length in zip(tokens, np.linspace(0, context_length - 1, _COUNT).astype(int), strict=True):
        row[:length] = random.integers(1, vocabulary - 1, length)
        row[length] = end
    return tokens


def _fallback_vocabulary(tower: TextTower) -> int:
    from torch import nn

    return max(module.num_embeddings for module in tower.modules() if isinstance(module, nn.Embedding))


def check_against_torch(model: bytes, tower: torch.nn.Module, inputs: Inputs, kind: str) -> None:
    """Compare a graph's embeddings with those of torch, for all inputs as a batch and for the first one alone.

    Args:
        model: A serialised ONNX model with one input.
        tower: The module that it was exported from.
        inputs: Input of both, [n, ...].
        kind: `image` or `text`, for the message.

    Raises:
        SetupError: They differ by more than rounding; the message holds the figures.
    """
    expected = _ask_torch(tower, inputs)
    for count in (len(inputs), 1):
        cosines = _cosines(_ask_onnx(model, inputs[:count]), expected[:count])
        least = float(cosines.min())
        if not least >= LEAST_COSINE:  # `not >=`: a NaN fails
            raise SetupError(
                f"the {kind} tower's ONNX graph does not answer as torch does: least cosine {least:.6f} of {count} "
                f"fixed inputs, needs {LEAST_COSINE}; this is a fault of the exporter, please report the model"
            )


def _ask_torch(tower: torch.nn.Module, inputs: Inputs) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        answers: NDArray[np.float32] = tower.eval()(torch.from_numpy(inputs)).numpy()
    return answers


def _ask_onnx(model: bytes, inputs: Inputs) -> NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # on a shared machine, spinning stalls all
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    answers: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    return answers


def _cosines(found: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float64]:
    # Not divided by the lengths: a graph that does not return unit vectors must fail, too.
    cosines: NDArray[np.float64] = np.sum(found.astype(np.float64) * expected, axis=1)
    return np.minimum(cosines, 2 - cosines)
