"""Filters: which references pass, which names are refused and with which advice, and namespaces in a text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.pack.filters import Filters, describe_filters, read_filters
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage, ReferenceTable
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.search.filtering import namespaces_named_in, passing_index_ids

#: id, namespace, labels
THINGS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("a", "Paris", {"label": "crab", "category": "sea"}),
    ("b", "Paris", {"label": "cat", "category": "land"}),
    ("c", "Lyon", {"label": "crab", "category": "sea"}),
    ("d", "Lyon", {"label": "it's", "category": "land"}),
    ("e", "", {}),
)


@pytest.fixture
def references(tmp_path: Path) -> Iterator[ReferenceTable]:
    """Five references, of which `a` has two images; index ids count from 10."""
    things = [Reference(id=name, name=name, namespace=space, labels=labels) for name, space, labels in THINGS]
    owners = ("a", "a", "b", "c", "d", "e")
    images = [ReferenceImage(index_id=10 + at, reference_id=owner, sha256="0") for at, owner in enumerate(owners)]
    write_references(tmp_path / "references.sqlite", things, images)
    with ReferenceTable(tmp_path / "references.sqlite") as table:
        yield table


def test_names_in_another_unicode_form_are_the_same_names(tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    things = [
        Reference(id="a", name="a", namespace=nfc, labels={"label": nfd}),
        Reference(id="b", name="b", namespace=nfd, labels={"label": nfc}),
        Reference(id="c", name="c", namespace="Bern", labels={"label": "x"}),
    ]
    images = [ReferenceImage(index_id=at, reference_id=thing.id, sha256="0") for at, thing in enumerate(things)]
    write_references(tmp_path / "references.sqlite", things, images)
    with ReferenceTable(tmp_path / "references.sqlite") as table:
        for form in (nfc, nfd):
            assert passing_index_ids(read_filters([form], []), table) == [0, 1]
            assert passing_index_ids(read_filters([], [f"label={form}"]), table) == [0, 1]


@pytest.mark.parametrize(
    ("namespaces", "labels", "passing"),
    [
        (["Paris"], [], [10, 11, 12]),
        (["Paris", "Lyon"], [], [10, 11, 12, 13, 14]),
        ([], ["label=crab"], [10, 11, 13]),
        ([], ["label=crab", "label=cat"], [10, 11, 12, 13]),
        ([], ["label=crab", "label=cat", "category=land"], [12]),
        (["Lyon"], ["label=crab"], [13]),
        ([], ["label=it's"], [14]),
        ([], [" label = crab "], [10, 11, 13]),
    ],
)
def test_values_of_one_kind_are_alternatives_and_kinds_are_joined(
    references: ReferenceTable, namespaces: list[str], labels: list[str], passing: list[int]
) -> None:
    assert passing_index_ids(read_filters(namespaces, labels), references) == passing


@pytest.mark.parametrize("label", ["crab", "=crab", "label=", "", "="])
def test_a_label_without_a_key_or_a_value_is_refused_with_an_example(label: str) -> None:
    with pytest.raises(SetupError, match=r"write KEY=VALUE, such as --label category=crab"):
        read_filters([], [label])


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (Filters(namespaces=("Pariss",)), "no namespace 'Pariss'; the nearest are Paris"),
        (Filters(namespaces=("paris",)), "no namespace 'paris'; the nearest are Paris"),
        (Filters(namespaces=("zzz",)), "no namespace 'zzz'; it has Lyon, Paris"),
        (Filters(namespaces=("",)), "no namespace ''; it has Lyon, Paris"),
        (Filters(labels={"labl": ("crab",)}), "no kind of label 'labl'; the nearest are label"),
        (Filters(labels={"label": ("crap",)}), "no label of kind 'label' 'crap'; the nearest are cat, crab"),
        (Filters(labels={"category": ("crab",)}), "no label of kind 'category' 'crab'; it has land, sea"),
        (Filters(namespaces=("Paris",), labels={"label": ("it's",)}), "no reference passes all filters"),
    ],
)
def test_a_name_the_pack_does_not_have_is_refused_with_the_nearest(
    references: ReferenceTable, filters: Filters, said: str
) -> None:
    with pytest.raises(SetupError) as error:
        passing_index_ids(filters, references)
    assert said in str(error.value)


def test_a_pack_without_namespaces_and_labels_says_so(tmp_path: Path) -> None:
    write_references(tmp_path / "r.sqlite", [Reference(id="x", name="x")], [])
    with ReferenceTable(tmp_path / "r.sqlite") as table:
        with pytest.raises(SetupError, match="the pack has no namespace at all, so not 'Paris'"):
            passing_index_ids(Filters(namespaces=("Paris",)), table)
        with pytest.raises(SetupError, match="the pack has no kind of label"):
            passing_index_ids(Filters(labels={"a": ("b",)}), table)


def test_labels_that_are_no_json_are_a_damaged_pack(tmp_path: Path) -> None:
    import sqlite3

    write_references(tmp_path / "r.sqlite", [Reference(id="x", name="x")], [])
    with sqlite3.connect(tmp_path / "r.sqlite") as database:
        database.execute("UPDATE reference SET labels = '{'")
    database.close()
    with ReferenceTable(tmp_path / "r.sqlite") as table, pytest.raises(PackDamagedError):
        passing_index_ids(Filters(labels={"a": ("b",)}), table)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mosaics in Paris", ("Paris",)),
        ("mosaics in PARIS, and Lyon", ("Paris", "Lyon")),
        ("a comparison", ()),
        ("sao paulo at night", ("São Paulo",)),
        ("show me nature photos", ("nature",)),
        ("some modern art", ("modern_art",)),
        ("art, and modern-art", ("art", "modern_art")),
        ("", ()),
    ],
)
def test_namespaces_are_found_as_whole_words_without_case_and_accents(text: str, found: tuple[str, ...]) -> None:
    spaces = ["Paris", "Lyon", "São Paulo", "nature", "art", "modern_art", "-"]

    assert namespaces_named_in(text, spaces) == found


def test_filters_are_told_in_words() -> None:
    filters = read_filters(["Paris", "Lyon", "Paris"], ["label=crab", "label=cat"])

    assert describe_filters(filters) == "namespace Paris or Lyon, label=crab or cat"
