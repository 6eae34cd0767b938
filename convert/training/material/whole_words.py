"""Texts that the built-in text tower may be trained with: every word is one token of CLIP's byte pairs.

A tower that learnt pieces of words would seem to know every word that is made of them: "asdfgh" is "as", "df" and "gh".
With whole words alone, it knows a word exactly if it was trained with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from open_clip import SimpleTokenizer

_END_OF_WORD = "</w>"


def is_of_whole_words(text: str, tokenizer: SimpleTokenizer) -> bool:
    """Return whether each word of a text is a single token."""
    tokens: list[int] = tokenizer.encode(text)
    return all(tokenizer.decoder[token].endswith(_END_OF_WORD) for token in tokens)


def words_in(texts: Iterable[str], tokenizer: SimpleTokenizer) -> tuple[str, ...]:
    """Return the distinct words of texts of whole words, sorted; hyphens and the like are no words."""
    tokens = {token for text in texts for token in tokenizer.encode(text)}
    words = {tokenizer.decoder[token].removesuffix(_END_OF_WORD) for token in tokens}
    return tuple(sorted(word for word in words if word.isalnum()))
