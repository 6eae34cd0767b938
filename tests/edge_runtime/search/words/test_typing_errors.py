"""Typing errors: the distance between words, and the words that a typed one may stand for."""

from __future__ import annotations

from itertools import product

import pytest

from edge_identify.edge_runtime.search.words.typing_errors import SimilarWords, is_doubling, typing_distance


@pytest.mark.parametrize(
    ("typed", "word", "errors"),
    [
        ("avocado", "avocado", 0),
        ("avocdo", "avocado", 1),  # a letter too few
        ("avoccado", "avocado", 1),  # one too many
        ("avocedo", "avocado", 1),  # another one
        ("avcoado", "avocado", 1),  # two swapped
        ("vaocdao", "avocado", 2),
        ("ab", "ba", 1),
        ("pear", "grape", 3),  # more than two
        ("", "a", 1),
    ],
)
def test_a_swap_counts_as_one_typing_error(typed: str, word: str, errors: int) -> None:
    assert typing_distance(typed, word, most=2) == errors
    assert typing_distance(word, typed, most=2) == errors


def test_the_distance_does_not_depend_on_the_limit_below_it() -> None:
    words = ["".join(letters) for letters in product("ab", repeat=4)]
    for typed, word in product(words, words):
        errors = typing_distance(typed, word, most=9)
        assert [typing_distance(typed, word, most=most) for most in (0, 1, 2)] == [
            min(errors, most + 1) for most in (0, 1, 2)
        ]


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("buter", "butter", True),
        ("pa12", "pa112", True),
        ("pa112", "pa1112", True),
        ("aab", "ab", True),
        ("buter", "buster", False),
        ("pa12", "pa123", False),
        ("butter", "butter", False),
        ("b", "bttb", False),
        ("", "a", False),
    ],
)
def test_a_letter_twice_instead_of_once_is_a_doubling(one: str, other: str, is_one: bool) -> None:
    assert is_doubling(one, other) is is_one
    assert is_doubling(other, one) is is_one


def test_short_words_allow_no_error_and_long_words_two() -> None:
    similar = SimilarWords(["oat", "lime", "nectarine"])

    assert similar.near("oax") == []
    assert similar.near("lme") == [("lime", 1)]
    assert similar.near("lxxe") == []
    assert similar.near("nectrinne") == [("nectarine", 2)]


def test_the_filter_of_letter_pairs_loses_no_word() -> None:
    vocabulary = ["".join(letters) for letters in product("abc", repeat=5)]
    similar = SimilarWords(vocabulary)

    for typed in ("abcab", "aabbc", "cabca", "abc" * 2):
        exact = {word for word in vocabulary if typing_distance(typed, word, most=1) == 1}
        assert {word for word, _ in similar.near(typed)} == exact
