"""An index of a pack's own words: ids, names, labels, namespaces and attributes.

It is made in memory at the first search, from `references.sqlite`, so every pack has it and no pack carries it. A text
is never a query language here: quotes, `*`, `NEAR` and column names are words or nothing. SQLite's FTS5 is not used:
its table would cost each pack megabytes, and it corrects no typing errors.

The order has no weights to choose. What counts first comes first: an exact id or name, how much the found words tell
(the logarithm of how rare they are), how they were found, where, and how much of the name they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from heapq import nsmallest
from itertools import accumulate, takewhile
from math import log
from typing import NamedTuple

from edge_identify.edge_runtime.answers.text_reasons import FoundIn, TextReason
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.search.words.folding import (
    FILLERS,
    MOST_CHARACTERS,
    distinct_words,
    folded,
    joined,
    shared_words,
    words_of,
)
from edge_identify.edge_runtime.search.words.typing_errors import SimilarWords, is_doubling, is_slip

MOST_WORDS = 64  # of a text; a longer one is prose, of which the first words tell enough
_MOST_JOINED = 64  # characters of an id or name that is compared as one word
_LEAST_PREFIX = 2  # letters; too many words begin with a certain letter
_LEAST_KNOWN_PREFIX = 4  # letters of a word that is one itself: `apple` may also mean `apples`, `pa` nothing but `pa`
_MOST_PREFIXED = 1000  # words that begin alike and are looked at
_FIELD_BITS = 16
_DECIMALS = 9
_MOST_FIELDS = 2**_FIELD_BITS - 1  # kinds of labels and attributes; further ones share the last number


class Manner(IntEnum):
    """How a word of a reference agrees with a typed word, best first."""

    WHOLE = 0
    DOUBLED = 1  # a letter typed once that the word has twice: two ways to leave it out
    PREFIX = 2
    SLIP = 3  # a letter left out or two swapped: one way at each place, so likelier than a wrong letter
    REPEATED = 4  # a letter typed twice that the word has once: two ways, of all letters that may be too many
    ONE_ERROR = 5
    TWO_ERRORS = 6

    @property
    def is_correction(self) -> bool:
        """Whether the typed word is taken for a typing error."""
        return self not in (Manner.WHOLE, Manner.PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordHit:
    """A reference that has words of a text.

    Attributes:
        reference_id: Its id.
        rank: From 1; references whose words tell the same share the last rank of theirs. So a word that a thousand
            references have gives none of them a good rank.
        is_exact: Whether its id or name equals the text, but for case, accents and separators.
        reasons: Which of its fields have words of the text, the best first.
    """

    reference_id: str
    rank: int
    is_exact: bool
    reasons: tuple[TextReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A kind of place for words: a name, or the attribute `colour`."""

    found_in: FoundIn
    key: str = ""


class _Evidence(NamedTuple):
    """The agreement of a typed word with a word of a reference. Smaller is better.

    A named tuple: a common word makes thousands of them, and a dataclass takes five times as long.

    Attributes:
        untold: Negative information of the agreement, in nats.
        manner: How they agree.
        place: How much the field counts; see `_STANDING`.
        field: Number of the field.
        typed: The typed word.
        meant: The reference's word.
    """

    untold: float
    manner: Manner
    place: int
    field: int
    typed: str
    meant: str


#: The sort key of a reference: smaller is better.
_Standing = tuple[bool, bool, float, int, int]

#: The order in which fields count.
_STANDING = (FoundIn.NAME, FoundIn.ID, FoundIn.LABEL, FoundIn.NAMESPACE, FoundIn.ATTRIBUTE)
_NAME, _ID, _NAMESPACE = range(3)
_FIRST_FIELDS = (_Field(found_in=FoundIn.NAME), _Field(found_in=FoundIn.ID), _Field(found_in=FoundIn.NAMESPACE))


class WordIndex:
    """The words of many references. It never changes, so threads may share it."""

    def __init__(self, references: Iterable[Reference]) -> None:
        """Read all references, in the order of their ids."""
        self._fields = list(_FIRST_FIELDS)
        self._numbers = {(field.found_in, field.key): at for at, field in enumerate(_FIRST_FIELDS)}
        self._ids: list[str] = []
        # Each reference with the field, as `at << _FIELD_BITS | field`: by joined id and name, and by word.
        self._named: dict[str, list[int]] = {}
        self._having: dict[str, list[int]] = {}
        self._name_lengths: list[int] = []
        for at, reference in enumerate(references):
            self._ids.append(reference.id)
            self._add(at, reference)

    def find(self, text: str, *, most: int, among: Collection[str] | None = None) -> list[WordHit]:
        """Return the references that have words of a text, best first; the same text gives the same order.

        Args:
            text: What to look for, any text.
            most: Maximum number of references.
            among: Ids of the references that may be found; None for all.
        """
        plain = folded(text[:MOST_CHARACTERS])
        exact = dict(map(_split, reversed(self._named.get(joined(plain), ()))))
        found = self._evidence(plain)
        candidates = exact.keys() | found.keys()
        if among is not None:
            candidates = {at for at in candidates if self._ids[at] in among}
        standings = {at: self._standing(at, exact, found.get(at, {}).values()) for at in candidates}
        ranks = _last_ranks(standings.values())
        best = nsmallest(most, candidates, key=lambda at: (standings[at], self._name_lengths[at], self._ids[at]))
        return [self._hit(at, ranks[standings[at]], exact, found.get(at, {}).values()) for at in best]

    def _add(self, at: int, reference: Reference) -> None:
        name, identifier = folded(reference.name), folded(reference.id)
        self._name_lengths.append(len(name))
        for plain, field in ((identifier, _ID), (name, _NAME)) if identifier != name else ((name, _NAME),):
            self._named.setdefault(joined(plain), []).append(at << _FIELD_BITS | field)
            self._add_words(at, field, distinct_words(plain))
        self._add_words(at, _NAMESPACE, shared_words(reference.namespace))
        for found_in, values in ((FoundIn.LABEL, reference.labels), (FoundIn.ATTRIBUTE, reference.attributes)):
            for key, value in values.items():
                self._add_words(at, self._number(found_in, key), shared_words(value[:MOST_CHARACTERS]))

    def _number(self, found_in: FoundIn, key: str) -> int:
        number = self._numbers.setdefault((found_in, key), min(len(self._fields), _MOST_FIELDS))
        if number == len(self._fields):
            self._fields.append(_Field(found_in=found_in, key=key))
        return number

    def _add_words(self, at: int, field: int, words: Iterable[str]) -> None:
        entry = at << _FIELD_BITS | field
        for word in words:
            self._having.setdefault(word, []).append(entry)

    @cached_property
    def _vocabulary(self) -> list[str]:
        return sorted(self._having.keys() | self._named.keys())

    @cached_property
    def _similar(self) -> SimilarWords:
        return SimilarWords(word for word in self._vocabulary if len(word) <= _MOST_JOINED)

    def _evidence(self, plain: str) -> dict[int, dict[int, _Evidence]]:
        """Return for each reference its best evidence for each word of the text, by the word's number."""
        found: dict[int, dict[int, _Evidence]] = {}
        for numbers, typed in _typed(plain):
            meant = self._meant(typed, is_whole=len(numbers) > 1)
            for at, evidence in self._agreeing(typed, meant, is_whole=len(numbers) > 1):
                known = found.setdefault(at, {})
                for number in numbers:
                    if number not in known or evidence < known[number]:
                        known[number] = evidence
        return found

    def _agreeing(
        self, typed: str, meant: Mapping[Manner, list[str]], *, is_whole: bool
    ) -> Iterator[tuple[int, _Evidence]]:
        """Yield references that have a meant word; if `is_whole`, an id or name that is one."""
        having: set[int] = set()
        places = [_STANDING.index(field.found_in) for field in self._fields]
        for manner, words in sorted(meant.items()):
            entries = [(*_split(entry), word) for word in words for entry in self._entries(word, is_whole=is_whole)]
            having.update(at for at, _, _ in entries)
            untold = -log((len(self._ids) + 1) / max(1, len(having)))
            for at, field, word in entries:
                yield at, _Evidence(untold, manner, places[field], field, typed, word)

    def _entries(self, word: str, *, is_whole: bool) -> Iterable[int]:
        """Return where a word is, or only where it is a whole id or name."""
        named = self._named.get(word, [])
        return named if is_whole else [*named, *self._having.get(word, ())]

    def _meant(self, typed: str, *, is_whole: bool) -> dict[Manner, list[str]]:
        """Return the words that a typed one may stand for."""
        is_known = typed in self._named or (not is_whole and typed in self._having)
        # A code is known and may still be mistyped: `pa832` for `pa823`.
        meant = {} if is_known and not is_whole else self._misspelt(typed)
        if is_known:
            meant[Manner.WHOLE] = [typed]
        if len(typed) >= (_LEAST_KNOWN_PREFIX if is_known else _LEAST_PREFIX):
            start = bisect_left(self._vocabulary, typed)
            alike = takewhile(lambda word: word.startswith(typed), self._vocabulary[start : start + _MOST_PREFIXED])
            meant[Manner.PREFIX] = [word for word in alike if word != typed]
        return meant

    def _misspelt(self, typed: str) -> dict[Manner, list[str]]:
        meant: dict[Manner, list[str]] = {}
        for word, errors in self._similar.near(typed):
            meant.setdefault(_manner_of_one(typed, word) if errors == 1 else Manner.TWO_ERRORS, []).append(word)
        return meant

    def _standing(self, at: int, exact: Mapping[int, int], evidence: Collection[_Evidence]) -> _Standing:
        return (
            at not in exact,
            exact.get(at) == _NAME,  # an id is of one thing, a name may be of several
            round(sum(each.untold for each in evidence), _DECIMALS),  # whatever the order of the words
            sum(each.manner for each in evidence),
            sum(each.place for each in evidence),
        )

    def _hit(self, at: int, rank: int, exact: Mapping[int, int], evidence: Collection[_Evidence]) -> WordHit:
        corrected: dict[int, dict[str, str]] = {exact[at]: {}} if at in exact else {}
        for each in evidence:
            words = corrected.setdefault(each.field, {})
            if each.manner.is_correction:
                words[each.typed] = each.meant
        reasons = tuple(
            TextReason(
                found_in=self._fields[field].found_in,
                key=self._fields[field].key,
                is_exact=exact.get(at) == field,
                corrected=tuple(words.items()),
            )
            for field, words in corrected.items()
        )
        return WordHit(reference_id=self._ids[at], rank=rank, is_exact=at in exact, reasons=reasons)


def _manner_of_one(typed: str, word: str) -> Manner:
    """Return the manner of a word with one typing error."""
    if is_doubling(typed, word):
        return Manner.DOUBLED if len(typed) < len(word) else Manner.REPEATED
    return Manner.SLIP if is_slip(typed, word) else Manner.ONE_ERROR


def _last_ranks(standings: Collection[_Standing]) -> dict[_Standing, int]:
    """Return the rank of each standing, from 1: the number of references that stand as well or better."""
    counts = sorted(Counter(standings).items())
    return dict(zip((standing for standing, _ in counts), accumulate(count for _, count in counts), strict=True))


def _split(entry: int) -> tuple[int, int]:
    return entry >> _FIELD_BITS, entry & _MOST_FIELDS


def _typed(plain: str) -> list[tuple[tuple[int, ...], str]]:
    """Return the words of a folded text, and its parts and itself as one word, each with the numbers of its words."""
    parts = [(part, words_of(part)) for part in plain.split()]
    words = [word for _, of_part in parts for word in of_part]
    telling = [word for word in dict.fromkeys(words) if word not in FILLERS] or list(dict.fromkeys(words))
    numbers = {word: number for number, word in enumerate(telling[:MOST_WORDS])}
    typed: dict[str, tuple[int, ...]] = {word: (number,) for word, number in numbers.items()}
    for whole, of_whole in [*((joined(part), of_part) for part, of_part in parts), (joined(plain), words)]:
        known = tuple(dict.fromkeys(numbers[word] for word in of_whole if word in numbers))
        if len(of_whole) > 1 and known and len(whole) <= _MOST_JOINED and whole not in typed:
            typed[whole] = known
    return [(known, word) for word, known in typed.items()]
