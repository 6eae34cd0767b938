"""Text as it is compared: without case, accents and separators, split into words.

Trap: some scripts have no spaces. Chinese, Japanese, Thai and their like are split into pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: Words that say nothing about what a text describes. The built-in text tower was trained with them in every text.
FILLERS = frozenset(
    "a an and from image in is my of on one photo picture small some the this with yesterday".split()  # noqa: SIM905
)

MOST_CHARACTERS = 10_000  # of a text: as the tokenizers read

#: Letters with a stroke or a ligature, which Unicode does not decompose.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})

#: Combining classes up to this one change the letter (nukta, kana voicing, virama); the others are accents and points.
_LAST_CLASS_OF_LETTERS = 9

#: Thai, Lao, Myanmar, Khmer, kana, Chinese characters: scripts that write no spaces.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(rf"[{_UNSPACED}]+|\d+|[^\W\d_{_UNSPACED}]+")
_ASCII_RUN = re.compile(r"\d+|[a-z]+")
_UNSPACED_SIGN = re.compile(f"[{_UNSPACED}]")


def folded(text: str) -> str:
    """Return a text without case and accents; composed and decomposed text give the same."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    letters = "".join(sign for sign in decomposed if unicodedata.combining(sign) <= _LAST_CLASS_OF_LETTERS)
    return unicodedata.normalize("NFC", letters)


def words_of(plain: str) -> list[str]:
    """Return the words of a folded text, in order, with repeats.

    Runs of letters and runs of digits are words: `pa_823`, `pa 823` and `pa823` have the same ones. A run of a script
    without spaces gives its pairs of neighbours.
    """
    if plain.isascii():
        return _ASCII_RUN.findall(plain)
    return [word for run in _runs(plain) for word in _words_of_run(run)]


def distinct_words(plain: str) -> tuple[str, ...]:
    """Return the distinct words that a folded text is found by, in order.

    They are those of `words_of`, and single characters of scripts without spaces.
    """
    singles = [] if plain.isascii() else _UNSPACED_SIGN.findall(plain)
    return tuple(dict.fromkeys([*words_of(plain), *singles]))


@lru_cache(maxsize=4096)  # many references share their namespace, labels and attributes
def shared_words(text: str) -> tuple[str, ...]:
    """Return `distinct_words` of a text that is not folded yet."""
    return distinct_words(folded(text))


def telling_words(text: str) -> tuple[str, ...]:
    """Return the distinct words of a text that is not folded, in order, without those that say nothing.

    A text of other signs alone, such as an emoji, is one word.
    """
    words = re.findall(r"\w+", text[:MOST_CHARACTERS].lower()) or text[:MOST_CHARACTERS].split()[:1]
    return tuple(dict.fromkeys(word for word in words if word not in FILLERS))


def joined(plain: str) -> str:
    """Return the letters and digits of a folded text without anything between; of `pa_823`: `pa823`.

    A text without any, such as an emoji, is returned without its white space.
    """
    return "".join(_runs(plain)) or "".join(plain.split())


def _runs(plain: str) -> list[str]:
    """Return the runs of letters, of digits and of signs of scripts without spaces.

    Marks that Python does not count as parts of words, such as Hindi's vowel signs, are left out: words stay whole.
    """
    if plain.isascii():
        return _ASCII_RUN.findall(plain)
    return _RUN.findall("".join(sign for sign in plain if not unicodedata.category(sign).startswith("M")))


def _words_of_run(run: str) -> list[str]:
    if len(run) == 1 or not _UNSPACED_SIGN.match(run):
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1)]
