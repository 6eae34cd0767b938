"""Words that differ from a typed one by a typing error: a letter too many, too few, another one, or two swapped.

Source: the optimal string alignment distance (Damerau 1964, restricted to one change of each place), and the count of
shared pairs of letters as a filter before it (Ukkonen 1992, q-grams).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

_PAIRS_PER_ERROR = 3  # swapping two neighbours changes three pairs of letters; other errors change one or two
_LETTERS_OF_ONE, _LETTERS_OF_TWO = 4, 8  # letters from which on one or two errors leave a word recognisable


def errors_allowed(word: str) -> int:
    """Return how many typing errors a word of this length may have: 0, 1 or 2."""
    return (len(word) >= _LETTERS_OF_ONE) + (len(word) >= _LETTERS_OF_TWO)


def typing_distance(typed: str, word: str, *, most: int) -> int:
    """Return the least number of typing errors between two words; `most + 1` if there are more than `most`."""
    if abs(len(typed) - len(word)) > most:
        return most + 1
    before: Sequence[int] = ()
    row = list(range(len(word) + 1))
    for at, letter in enumerate(typed, start=1):
        earlier, before, row = before, row, [at]
        for column, other in enumerate(word, start=1):
            least = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (letter != other))
            if at > 1 and column > 1 and letter == word[column - 2] and typed[at - 2] == other:
                least = min(least, earlier[column - 2] + 1)
            row.append(least)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def is_slip(typed: str, word: str) -> bool:
    """Return whether a word with one typing error has a letter left out or two swapped, not a wrong or further one."""
    return len(typed) < len(word) or (len(typed) == len(word) and sorted(typed) == sorted(word))


def is_doubling(typed: str, word: str) -> bool:
    """Return whether one of two words only has a letter twice where the other has it once, as `buter` and `butter`."""
    shorter, longer = sorted((typed, word), key=len)
    if len(longer) != len(shorter) + 1:
        return False
    # The first difference: it follows all of a run of equal letters that the shorter one has.
    at = next((at for at, letter in enumerate(shorter) if letter != longer[at]), len(shorter))
    return at > 0 and longer[at] == longer[at - 1] and longer[at + 1 :] == shorter[at:]


class SimilarWords:
    """Finds the words of a vocabulary that a typed word may stand for. Threads may share it."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        """Note the pairs of letters of every word that is long enough to be recognised."""
        self._words = [word for word in vocabulary if len(word) >= _LETTERS_OF_ONE]
        self._having: Mapping[str, list[int]] = _words_by_pair(self._words)

    def near(self, typed: str) -> list[tuple[str, int]]:
        """Return (word, errors) for each word that `typed` may stand for, fewest errors first."""
        pairs = _pairs(typed)
        shared = Counter(chain.from_iterable(self._having.get(pair, ()) for pair in pairs))
        found: list[tuple[str, int]] = []
        for at, count in shared.items():
            word = self._words[at]
            most = errors_allowed(word)
            if count >= len(pairs) - _PAIRS_PER_ERROR * most:
                errors = typing_distance(typed, word, most=most)
                if 0 < errors <= most:
                    found.append((word, errors))
        return sorted(found, key=lambda each: (each[1], each[0]))


def _words_by_pair(words: Sequence[str]) -> dict[str, list[int]]:
    having: dict[str, list[int]] = {}
    for at, word in enumerate(words):
        for pair in _pairs(word):
            having.setdefault(pair, []).append(at)
    return having


def _pairs(word: str) -> set[str]:
    framed = f" {word} "
    return {framed[at : at + 2] for at in range(len(framed) - 1)}
