"""Embeddings of encoder inputs that builds keep.

An input is drawn only if some encoder's embedding of it is not kept. Exported ONNX files embed inputs one by one, as
devices do: a dynamically quantised transformer takes its ranges from the whole batch, and an embedding must not depend
on which other inputs were already known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Batch = NDArray[np.uint8] | NDArray[np.int64]

_KIND = "vectors"
_VECTOR = np.dtype("<f4")
_CHUNK = 64  # inputs that are drawn, embedded and kept together; 30 MB of pixels with a ViT


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderInput:
    """One input of an encoder, or the views of one photo.

    Attributes:
        key: Covers all that the pixels or tokens depend on.
        draw: Returns them: uint8 [views, size, size, 3] or int64 [views, context_length].
    """

    key: str
    draw: Callable[[], Batch]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedEncoder:
    """An encoder with a key.

    Attributes:
        key: Covers its files or weights.
        embed: Returns unit vectors, float32 [n, dim].
        one_by_one: Whether it embeds inputs one by one.
    """

    key: str
    embed: Callable[[Batch], NDArray[np.float32]]
    one_by_one: bool = True


def embed_inputs(
    encoders: Mapping[str, KeyedEncoder],
    inputs: Sequence[EncoderInput],
    cache: BuildCache,
    progress: Progress,
    step: str,
    *,
    dim: int,
) -> Mapping[str, NDArray[np.float32]]:
    """Return the embeddings of inputs by encoders; computes what the cache does not hold.

    Args:
        encoders: The encoders, by name.
        inputs: The inputs, all with the same number of views, at least one.
        cache: Keeps the embeddings.
        progress: Shows the progress over the inputs to draw.
        step: Name of the step, for display.
        dim: Length of an embedding.

    Returns:
        Embeddings by name of the encoder, float32 [inputs, views, dim].
    """
    keys = {name: [_key(encoder, each) for each in inputs] for name, encoder in encoders.items()}
    known = {name: cache.read(_KIND, keys[name]) for name in encoders}
    missing = [at for at in range(len(inputs)) if any(keys[name][at] not in known[name] for name in encoders)]
    chunk: list[tuple[int, Batch]] = []
    for place, at in enumerate(progress(step, missing), start=1):
        chunk.append((at, inputs[at].draw()))
        if len(chunk) < _CHUNK and place < len(missing):
            continue
        for name, encoder in encoders.items():
            lacking = [(keys[name][at], batch) for at, batch in chunk if keys[name][at] not in known[name]]
            if lacking:
                found = _embed(encoder, lacking)
                cache.keep(_KIND, found)
                known[name] |= found
        chunk = []
    return {
        name: np.frombuffer(b"".join(known[name][key] for key in keys[name]), _VECTOR)
        .astype(np.float32)
        .reshape(len(inputs), -1, dim)
        for name in encoders
    }


def are_kept(encoder: KeyedEncoder, inputs: Sequence[EncoderInput], cache: BuildCache) -> list[bool]:
    """Return for each input whether the cache holds an encoder's embeddings of it."""
    keys = [_key(encoder, each) for each in inputs]
    kept = cache.read(_KIND, keys)
    return [key in kept for key in keys]


def _key(encoder: KeyedEncoder, each: EncoderInput) -> str:
    return cache_key(encoder.key, each.key, code_fingerprint())


def _embed(encoder: KeyedEncoder, lacking: Sequence[tuple[str, Batch]]) -> dict[str, bytes]:
    together: Batch = np.concatenate([batch for _, batch in lacking])
    if encoder.one_by_one:
        vectors = np.concatenate([encoder.embed(together[at : at + 1]) for at in range(len(together))])
    else:
        vectors = encoder.embed(together)
    edges = np.cumsum([len(batch) for _, batch in lacking])[:-1]
    parts = np.split(vectors.astype(_VECTOR), edges)
    return {key: np.ascontiguousarray(part).tobytes() for (key, _), part in zip(lacking, parts, strict=True)}
