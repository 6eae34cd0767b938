"""Text as it is compared: case, accents, separators, scripts without spaces."""

from __future__ import annotations

import unicodedata

import pytest

from edge_identify.convert.training.material.captions import TEMPLATES
from edge_identify.edge_runtime.search.words.folding import FILLERS, folded, joined, telling_words, words_of


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Crème Brûlée", "creme brulee"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("Łódź", "lodz"), ("ＰＡ", "pa")],
)
def test_case_and_accents_are_folded(text: str, plain: str) -> None:
    assert folded(text) == plain


@pytest.mark.parametrize("text", ["Crème", "が", "한국", "Ångström", "हिन्दी"])
def test_composed_and_decomposed_text_are_the_same(text: str) -> None:
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))


def test_marks_that_make_another_letter_are_kept() -> None:
    assert folded("が") != folded("か")


@pytest.mark.parametrize("text", ["PA_823", "PA 823", "pa823", "Pa-823", "pa.823"])
def test_separators_do_not_count(text: str) -> None:
    assert words_of(folded(text)) == ["pa", "823"]
    assert joined(folded(text)) == "pa823"


def test_a_word_with_vowel_signs_stays_whole() -> None:
    assert len(words_of(folded("हिन्दी"))) == 1


def test_scripts_without_spaces_give_pairs() -> None:
    assert words_of("東京塔") == ["東京", "京塔"]
    assert words_of("東") == ["東"]


def test_a_text_without_letters_is_its_own_word() -> None:
    assert joined(folded(" 🍕 ")) == "🍕"


def test_the_words_of_the_built_in_tower_s_sentences_say_nothing() -> None:
    assert {word for template in TEMPLATES for word in telling_words(template.format(""))} == set()
    assert "photo" in FILLERS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a photo of a Dog", ("dog",)),
        ("a picture", ()),
        ("🍕", ("🍕",)),
        ("dog!", ("dog",)),
        ("  ", ()),
    ],
)
def test_the_words_that_tell_something(text: str, words: tuple[str, ...]) -> None:
    assert telling_words(text) == words
