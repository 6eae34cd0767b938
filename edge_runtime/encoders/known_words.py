"""Which words of a text a pack's text tower knows.

Trap: a text tower returns an embedding for any text. One that was trained on few words has no embeddings for the tokens
of others: every word that it never saw means the same to it, and its nearest picture is chance.

So the tower is asked: a word is unknown if one of its tokens means the same as a token that no text contains. This
needs no list of words, so it works with every pack.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.tokenizers.clip_bpe import END, ClipTokenizer, byte_character

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.encoders.encoder_choice import Encoder
    from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import Tokenizer

_MOST_WORDS = 32  # of a text; most towers read no more
#: Least cosine of equal embeddings, whatever the batch; see the tests for the built-in tower's.
_EQUAL = 0.9999
_NEVER_IN_UTF8 = (0xFE, 0xFF)  # bytes that occur in no text


class KnownWords:
    """Tells the words that a text tower knows from the others. Threads may share it."""

    def __init__(self, encoder: Encoder, tokenizer: Tokenizer) -> None:
        """Nothing is embedded yet."""
        self._encoder, self._tokenizer = encoder, tokenizer

    @cached_property
    def are_all(self) -> bool:
        """Whether every word means something: two tokens that no text contains do not mean the same.

        True for all tokenizers but CLIP's: towers with others were trained on texts of all kinds.
        """
        tokenizer = self._tokenizer
        if not isinstance(tokenizer, ClipTokenizer):
            return True
        rows = tokenizer.encode(["x", "x"])
        rows[:, 1] = [tokenizer.ids[byte_character(byte)] for byte in _NEVER_IN_UTF8]
        return not self._are_equal(rows)[0]

    def known_and_unknown(self, words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the words that the tower knows and those that it does not, each in order.

        Only the first 32 words are told apart; the others are left out.
        """
        asked = tuple(words[:_MOST_WORDS])
        tokenizer = self._tokenizer
        if self.are_all or not isinstance(tokenizer, ClipTokenizer):
            return asked, ()
        tokens = {word: _tokens_of(word, tokenizer) for word in asked}
        strange = self._untrained(sorted({token for of_word in tokens.values() for token in of_word}), tokenizer)
        unknown = tuple(word for word, of_word in tokens.items() if not strange.isdisjoint(of_word))
        return tuple(word for word in asked if word not in unknown), unknown

    def _untrained(self, tokens: Sequence[int], tokenizer: ClipTokenizer) -> set[int]:
        """Return the tokens that mean the same as one that no text contains."""
        if not tokens:
            return set()
        rows = tokenizer.encode(["x"] * (len(tokens) + 1))
        rows[:, 1] = [*tokens, tokenizer.ids[byte_character(_NEVER_IN_UTF8[0])]]
        return {token for token, is_equal in zip(tokens, self._are_equal(rows), strict=True) if is_equal}

    def _are_equal(self, rows: NDArray[np.int64]) -> list[bool]:
        """Return for all texts but the last whether they mean the same as the last."""
        embeddings = self._encoder.embed(rows)
        equal: list[bool] = (embeddings[:-1] @ embeddings[-1] >= _EQUAL).tolist()
        return equal


def _tokens_of(word: str, tokenizer: ClipTokenizer) -> list[int]:
    row: list[int] = tokenizer.encode([word])[0].tolist()
    return row[1 : row.index(tokenizer.ids[END])]
