"""Which words a text tower knows, asked of the tower itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_identify.edge_runtime.encoders.known_words import KnownWords
from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import make_tokenizer
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerKind, TokenizerSpec
from letter_packs import CONTEXT, VOCABULARY

SPEC = TokenizerSpec(kind=TokenizerKind.CLIP_BPE, file="t", context_length=CONTEXT, cleaning=Cleaning.LOWER)
TOKENIZER = make_tokenizer(b"", SPEC, where="t")


class TableEncoder:
    """A tower that adds up the embeddings of its tokens."""

    variant_name = "onnx-fp32"

    def __init__(self, table: NDArray[np.float32]) -> None:
        self._table = table

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        sums = self._table[batch].sum(axis=1)
        units: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return units


def tower_of(letters: str) -> KnownWords:
    """A tower that was trained on some letters only."""
    table = np.zeros((VOCABULARY, 8), np.float32)
    table[-1] = 1  # the end mark
    for letter in letters:
        for word in (letter, f"{letter}x"):  # at the end of a word, and before
            table[TOKENIZER.encode([word])[0, 1]] = np.random.default_rng(len(word) * ord(letter)).standard_normal(8)
    return KnownWords(TableEncoder(table), TOKENIZER)


@pytest.fixture
def everything() -> KnownWords:
    """A tower whose tokens all have embeddings of their own."""
    table = np.random.default_rng(1).standard_normal((VOCABULARY, 8)).astype(np.float32)
    return KnownWords(TableEncoder(table), TOKENIZER)


def test_words_without_a_trained_token_are_unknown() -> None:
    tower = tower_of("dog")

    assert not tower.are_all
    assert tower.known_and_unknown(["dog", "asf", "good", "zebra"]) == (("dog", "good"), ("asf", "zebra"))


def test_a_word_with_one_untrained_token_is_unknown() -> None:
    assert tower_of("dog").known_and_unknown(["dogs"]) == ((), ("dogs",))


def test_a_tower_that_was_trained_on_any_text_knows_every_word(everything: KnownWords) -> None:
    assert everything.are_all
    assert everything.known_and_unknown(["dog", "asdfgh"]) == (("dog", "asdfgh"), ())


def test_words_longer_than_the_context_and_other_scripts_can_be_asked() -> None:
    assert tower_of("d").known_and_unknown(["z" * 100, "東京", "🍕"]) == ((), ("z" * 100, "東京", "🍕"))


def test_a_text_of_many_words_is_asked_in_part() -> None:
    known, unknown = tower_of("d").known_and_unknown([f"z{'z' * number}" for number in range(100)])

    assert (len(known), len(unknown)) == (0, 32)


def test_towers_with_another_tokenizer_are_not_asked() -> None:
    class Other:
        encode: Callable[[list[str]], NDArray[np.int64]]

    assert KnownWords(TableEncoder(np.zeros((2, 2), np.float32)), Other()).known_and_unknown(["x"]) == (("x",), ())
