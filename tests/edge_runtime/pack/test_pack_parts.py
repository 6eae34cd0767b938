"""Names, versions, JSON fields and references: the small parts of a pack."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage, ReferenceImageFacts, ReferenceTable
from edge_identify.edge_runtime.pack.references_writing import write_references

VERSIONS = st.builds(PackVersion, *[st.integers(0, 10**8)] * 3)


@given(first=VERSIONS, second=VERSIONS)
def test_versions_are_read_back_and_ordered_by_their_numbers(first: PackVersion, second: PackVersion) -> None:
    assert PackVersion.parse(str(first)) == first
    assert (first < second) == ((first.major, first.minor, first.patch) < (second.major, second.minor, second.patch))
    assert PackVersion(1, 10, 0) > PackVersion(1, 9, 9)


@pytest.mark.parametrize(
    "text", ["1", "1.0", "1.0.0.0", "v1.0.0", "1.0.-1", "1.0.0-beta", "１.0.0", " 1.0.0", "1.0.0\n", ""]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(PackFormatError, match="write three numbers such as 1"):
        PackVersion.parse(text)


@pytest.mark.parametrize("text", ["", "Street", "street art", "-street", "a" * 65, "café", "a/b", "a\n", ".."])
def test_what_cannot_name_a_pack_is_refused(text: str) -> None:
    with pytest.raises(PackFormatError, match="cannot name a pack"):
        checked_pack_name(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values=st.dictionaries(st.text(), JSON))
def test_canonical_json_is_read_back_and_does_not_depend_on_the_order_of_keys(
    values: dict[str, object],
) -> None:
    data = canonical_json(values)

    assert parse_json_object(data, where="x", max_bytes=len(data)).values == values
    assert canonical_json(dict(reversed(values.items()))) == data


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda fields: fields.text("number"), "x: `number` should be str, found int"),
        (lambda fields: fields.integer("text"), "x: `text` should be int, found str"),
        (lambda fields: fields.integer("truth"), "x: `truth` is True"),
        (lambda fields: fields.integer("number", most=2), "x: `number` is 3, outside 0 to 2"),
        (lambda fields: fields.number("truth"), "`truth` should be a number, found bool"),
        (lambda fields: fields.texts("mixed"), "`mixed` should be a list of strings"),
        (lambda fields: list(fields.objects("mixed")), r"x.mixed\[0\]: expected an object, found int"),
        (lambda fields: fields.object("absent"), "`absent` should be dict, found nothing"),
        (
            lambda fields: fields.object("nested").text("deep"),
            "x.nested: `deep` should be str, found nothing",
        ),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(read, message: str) -> None:  # type: ignore[no-untyped-def]
    fields = JsonObject({"number": 3, "text": "t", "truth": True, "mixed": [1, "a"], "nested": {}}, "x")

    with pytest.raises(PackFormatError, match=message):
        read(fields)


HUGE = 10**400  # more digits than a float has room for


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({"x": HUGE}, lambda fields: fields.number("x")),
        ({"x": -HUGE}, lambda fields: fields.optional_number("x")),
        ({"x": [1, HUGE]}, lambda fields: fields.numbers("x")),
        ({"x": "\ud800"}, lambda fields: fields.text("x")),
        ({"x": "a\udfff"}, lambda fields: fields.optional_text("x")),
        ({"x": ["a", "\ud800"]}, lambda fields: fields.texts("x")),
    ],
)
def test_what_could_not_be_written_again_is_refused_by_name(values, read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PackFormatError, match="file: `x` "):
        read(JsonObject(values, "file"))


@pytest.mark.parametrize(
    "text",
    [
        '{"x": NaN}',
        '{"x": [Infinity]}',
        '{"x": -Infinity}',
        '{"x": 1e999}',
        '{"x": {"y": "\\ud800"}}',
        '{"\\uDFFF": 1}',
        '{"x": "\ud800"}',
    ],
)
def test_what_python_reads_and_json_does_not_have_is_refused(text: str) -> None:
    data = text.encode(errors="surrogatepass")
    with pytest.raises(PackFormatError, match="file: is not valid JSON"):
        parse_json_object(data, where="file", max_bytes=100)


def test_a_character_written_as_two_halves_is_whole() -> None:
    assert parse_json_object(b'{"x": "\\ud83d\\ude00"}', where="file", max_bytes=100).text("x") == "\U0001f600"


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
REFERENCES = st.builds(
    Reference,
    id=TEXTS.filter(bool),
    name=TEXTS,
    namespace=TEXTS,
    labels=st.dictionaries(TEXTS, TEXTS, max_size=3),
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
    url=st.none() | TEXTS,
    licence=st.none() | TEXTS,
    attributes=st.dictionaries(TEXTS, TEXTS, max_size=3),
)


@given(references=st.lists(REFERENCES, min_size=1, max_size=5, unique_by=lambda reference: reference.id))
def test_references_are_read_back_and_their_order_does_not_change_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, references: list[Reference]
) -> None:
    folder = tmp_path_factory.mktemp("references")
    images = [
        ReferenceImage(index_id=position + 1, reference_id=reference.id, sha256="0" * 64)
        for position, reference in enumerate(references)
    ]
    write_references(folder / "a.sqlite", references, images)
    write_references(folder / "b.sqlite", reversed(references), reversed(images))

    with ReferenceTable(folder / "a.sqlite") as table:
        assert [table.reference(reference.id) for reference in references] == references
        assert [table.reference_id_of(image.index_id) for image in images] == [reference.id for reference in references]
    assert (folder / "a.sqlite").read_bytes() == (folder / "b.sqlite").read_bytes()


def test_what_is_known_of_images_is_read_back_and_packs_that_know_nothing_stay_as_they_were(tmp_path: Path) -> None:
    references = [Reference(id="a", name="A")]
    known = ReferenceImageFacts(path="cats/a.jpg", type="JPEG", licence="CC0-1.0", provenance="Ada")
    plain = ReferenceImage(index_id=1, reference_id="a", sha256="0" * 64)
    credited = ReferenceImage(index_id=2, reference_id="a", sha256="1" * 64, facts=known)
    write_references(tmp_path / "known.sqlite", references, [plain, credited])
    write_references(tmp_path / "plain.sqlite", references, [plain])

    with ReferenceTable(tmp_path / "known.sqlite") as table:
        assert [bool(table.image_facts(index_id)) for index_id in (1, 2, 3)] == [False, True, False]
        assert table.image_facts(2) == known
    with ReferenceTable(tmp_path / "plain.sqlite") as table:
        assert not table.image_facts(1)
    with closing(sqlite3.connect(tmp_path / "plain.sqlite")) as database:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        assert [name for (name,) in database.execute(tables)] == ["reference", "reference_image"]


def test_a_references_file_with_odd_signs_in_its_path_opens(tmp_path: Path) -> None:
    folder = tmp_path / "50% of #1?"
    folder.mkdir()
    write_references(folder / "r.sqlite", [Reference(id="a", name="A")], [])

    with ReferenceTable(folder / "r.sqlite") as table:
        assert table.ids() == ["a"]
