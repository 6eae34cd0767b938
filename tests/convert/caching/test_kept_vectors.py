"""Embeddings are computed once, and do not depend on what was known before."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_identify.convert.caching.build_cache import BuildCache
from edge_identify.convert.caching.kept_vectors import EncoderInput, KeyedEncoder, are_kept, embed_inputs
from edge_identify.convert.progress import no_progress


def numbered(count: int, drawn: list[int]) -> list[EncoderInput]:
    def draw(number: int) -> NDArray[np.uint8]:
        drawn.append(number)
        return np.full((2, 1, 1, 3), number, np.uint8)  # two views

    return [EncoderInput(key=f"input {number}", draw=partial(draw, number)) for number in range(count)]


def encoder(name: str, batches: list[int], factor: float = 1, *, one_by_one: bool = True) -> KeyedEncoder:
    def embed(batch: NDArray[Any]) -> NDArray[np.float32]:
        batches.append(len(batch))
        return (batch[:, 0, 0, :2] * factor).astype(np.float32)

    return KeyedEncoder(key=name, embed=embed, one_by_one=one_by_one)


def test_only_new_inputs_are_drawn_and_embedded(tmp_path: Path) -> None:
    drawn, batches = list[int](), list[int]()
    cache = BuildCache(tmp_path)
    encoders = {"one": encoder("one", batches)}
    embed_inputs(encoders, numbered(3, drawn), cache, no_progress, "step", dim=2)

    found = embed_inputs(encoders, numbered(5, drawn), cache, no_progress, "step", dim=2)["one"]

    assert drawn == [0, 1, 2, 3, 4]
    assert batches == [1] * 10
    assert found.shape == (5, 2, 2)
    assert found[:, 1, 0].tolist() == [0, 1, 2, 3, 4]
    assert are_kept(encoders["one"], numbered(6, []), cache) == [True] * 5 + [False]


def test_a_second_encoder_gets_its_own_embeddings(tmp_path: Path) -> None:
    drawn, batches, all_at_once = list[int](), list[int](), list[int]()
    cache = BuildCache(tmp_path)
    embed_inputs({"one": encoder("one", batches)}, numbered(3, drawn), cache, no_progress, "step", dim=2)
    both = {"one": encoder("one", batches), "ten": encoder("ten", all_at_once, 10, one_by_one=False)}

    found = embed_inputs(both, numbered(3, drawn), cache, no_progress, "step", dim=2)

    assert (len(drawn), len(batches), all_at_once) == (6, 6, [6])
    assert found["ten"][:, 0, 0].tolist() == [0, 10, 20]
    assert found["one"][:, 0, 0].tolist() == [0, 1, 2]


def test_more_inputs_than_fit_into_a_chunk_keep_their_order(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path)
    cache_of_some = {"one": encoder("one", [])}
    embed_inputs(cache_of_some, numbered(150, [])[::3], cache, no_progress, "step", dim=2)

    found = embed_inputs(cache_of_some, numbered(150, []), cache, no_progress, "step", dim=2)["one"]

    assert found[:, 0, 0].tolist() == list(range(150))
