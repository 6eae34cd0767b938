"""Finding references by their words: what is found, in which order, and why."""

from __future__ import annotations

import pytest

from edge_identify.edge_runtime.answers.text_reasons import reasons_in_words
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.search.words.word_index import WordIndex

REFERENCES = (
    Reference(id="5", name="Avocado", labels={"category": "Fruit"}, attributes={"description": "Green, with a pit."}),
    Reference(id="6", name="Golden Delicious", labels={"label": "Apple"}, attributes={"description": "Sweet."}),
    Reference(id="7", name="Red Delicious", labels={"label": "Apple"}, attributes={"description": "Not an avocado."}),
    Reference(id="8", name="Crème brûlée", namespace="Desserts"),
    Reference(id="Avocado", name="A print of a fruit"),
    Reference(id="PA_01", name="PA_01", namespace="Paris"),
    Reference(id="PA_823", name="PA_823", namespace="Paris"),
    Reference(id="PA_8230", name="PA_8230", namespace="Paris"),
    Reference(id="t", name="東京塔"),
    Reference(id="u", name="京都"),
    Reference(id="pizza", name="🍕"),
    Reference(id="z", name='NEAR "OR" name:x*'),
)


@pytest.fixture(scope="module")
def index() -> WordIndex:
    return WordIndex(REFERENCES)


def found(index: WordIndex, text: str, *, most: int = 3) -> list[str]:
    return [hit.reference_id for hit in index.find(text, most=most)]


def why(index: WordIndex, text: str) -> str:
    return reasons_in_words(index.find(text, most=1)[0].reasons)


def test_an_exact_id_is_before_an_exact_name_and_both_before_all_others(index: WordIndex) -> None:
    hits = index.find("AVOCADO", most=5)

    assert [(hit.reference_id, hit.is_exact) for hit in hits] == [("Avocado", True), ("5", True), ("7", False)]


@pytest.mark.parametrize("text", ["PA_823", "PA 823", "pa823", " pa-823 "])
def test_an_id_is_found_however_its_parts_are_separated(index: WordIndex, text: str) -> None:
    first = index.find(text, most=1)[0]

    assert (first.reference_id, first.is_exact) == ("PA_823", True)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("delicious golden", "6"),
        ("gold", "6"),  # a beginning
        ("goldendelicious", "6"),
        ("Golde nDelicious", "6"),
        ("golden deliciuos", "6"),
        ("creme brulee", "8"),
        ("CRÈME BRULE", "8"),
        ("desserts", "8"),
        ("PA_8023", "PA_823"),
        ("東京", "t"),
        ("京", "u"),
        ("🍕", "pizza"),
        ('NEAR "OR" name:x*', "z"),
    ],
)
def test_a_reference_is_found_by(index: WordIndex, text: str, reference: str) -> None:
    assert found(index, text)[0] == reference


@pytest.mark.parametrize(
    "text",
    ["asdfgh", "", "   ", "\x00\x1b[m\u202e", "🚀🚀", '"', '"""', "*", "^", "-", "();--", "' AND 1=1 --", "\ud800"],
)
def test_a_text_of_nothing_in_the_pack_finds_nothing(index: WordIndex, text: str) -> None:
    assert found(index, text) == []


@pytest.mark.parametrize(
    "text", ["name:avocado", '"avocado" OR', "NEAR(avocado, 2)", "avocado*", "{name id}: avocado", "^avocado"]
)
def test_a_query_language_means_nothing(index: WordIndex, text: str) -> None:
    assert {"5", "Avocado"} <= set(found(index, text, most=9))


def test_each_reference_says_why(index: WordIndex) -> None:
    assert why(index, "avocdo") == 'name (avocado for "avocdo")'
    assert why(index, "apple") == "label label"
    assert why(index, "paris") == "namespace"
    assert why(index, "pit") == "attribute description"
    assert why(index, "golden delicious") == "exact name"
    assert why(index, "golden sweet") == "name, attribute description"


def test_a_word_that_many_have_gives_none_of_them_a_good_rank(index: WordIndex) -> None:
    assert [hit.rank for hit in index.find("paris", most=9)] == [3, 3, 3]
    assert [hit.rank for hit in index.find("pa 01", most=1)] == [1]


def test_only_chosen_references_are_found(index: WordIndex) -> None:
    assert [hit.reference_id for hit in index.find("delicious", most=9, among={"7"})] == ["7"]
    assert index.find("avocado", most=9, among=()) == []


def test_a_code_that_another_has_is_first_and_the_one_with_swapped_signs_is_next() -> None:
    codes = WordIndex([Reference(id=code, name=code) for code in ("PA_832", "PA_822", "PA_823", "PA_833", "PA_01")])

    assert found(codes, "PA_832", most=2) == ["PA_832", "PA_823"]
    assert why(codes, "PA_8321") == 'name (pa832 for "pa8321")'


def test_a_letter_left_out_is_likelier_than_a_wrong_one() -> None:
    words = WordIndex([Reference(id=str(at), name=name) for at, name in enumerate(("brat", "carat"))])

    assert found(words, "crat") == ["1", "0"]


def test_a_letter_typed_once_instead_of_twice_is_likelier_than_other_slips_and_too_many_letters_last() -> None:
    codes = ("PA_18", "PA_188", "PA_180", "PA_810", "PA_81", "PA_138", "PA_1988")
    references = WordIndex(Reference(id=code, name=code) for code in codes)

    assert found(references, "PA_18", most=2) == ["PA_18", "PA_188"]  # then what begins like it
    assert found(references, "PA_1138", most=1) == ["PA_138"]
    assert found(references, "PA_1898", most=1) == ["PA_1988"]  # swapped, before one too many


def test_fillers_count_only_where_there_is_nothing_else(index: WordIndex) -> None:
    assert found(index, "a photo of a fruit") == ["Avocado", "5"]
    assert found(index, "a print of a fruit")[0] == "Avocado"
    assert found(index, "with") == ["5"]


def test_ties_are_in_the_order_of_ids() -> None:
    same = [Reference(id=name, name="Twin") for name in ("b", "c", "a")]

    assert found(WordIndex(same), "twin") == ["a", "b", "c"]


def test_a_text_of_ten_thousand_words_is_harmless(index: WordIndex) -> None:
    digits = str.maketrans("0123456789", "qwrtzuiopk")
    many = " ".join(f"qq{number}qq".translate(digits) for number in range(10_000))

    assert found(index, many) == []
    assert found(index, "avocado " + many)[0] == "5"


def test_an_index_of_nothing_finds_nothing() -> None:
    assert WordIndex([]).find("avocado", most=3) == []
