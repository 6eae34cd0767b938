"""References with a correct hash and malicious values: refused by the self-test and where they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.store.self_test import ConformanceCase, self_test, serialise_cases

MakePack = Callable[[], Path]
Rewrite = Callable[[Path], None]

#: All columns without a type, so that SQLite keeps every value as it is.
UNTYPED = (
    "CREATE TABLE other(id, name, namespace, labels, latitude, longitude, url, licence, attributes);"
    "INSERT INTO other SELECT * FROM reference; DROP TABLE reference; ALTER TABLE other RENAME TO reference;"
)


@pytest.fixture
def testable_pack(colour_pack: MakePack, rewrite_manifest: Rewrite) -> Path:
    """A colour pack whose self-test passes."""
    folder = colour_pack()
    Image.new("RGB", (30, 20), (255, 0, 0)).save(folder / "photo.png")
    case = ConformanceCase(photo="photo.png", pixels_sha256="0" * 64, embedding=(1.0, 0.0, 0.0))
    (folder / "cases.json").write_bytes(serialise_cases((case,), tolerance=0.99))
    rewrite_manifest(folder)
    assert self_test(open_pack(folder)) == 1
    return folder


def change(folder: Path, script: str) -> None:
    with closing(sqlite3.connect(folder / "references.sqlite")) as database:
        database.executescript(script)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("UPDATE reference SET latitude = 9e999", "its coordinate is inf"),
        ("UPDATE reference SET longitude = -9e999", "its coordinate is -inf"),
        ("UPDATE reference SET latitude = 90.001", "its coordinate is 90.001"),
        (f"{UNTYPED} UPDATE reference SET latitude = 'nan', longitude = 'nan'", "its coordinate is 'nan'"),
        ("UPDATE reference SET labels = '" + "[" * 200_000 + "]" * 200_000 + "'", "malformed"),
        ("UPDATE reference SET attributes = '" + '{"a":' * 100_000 + "1" + "}" * 100_000 + "'", "malformed"),
        ("""UPDATE reference SET labels = '{"label": "\\ud800"}'""", "surrogates not allowed"),
        ("""UPDATE reference SET labels = '{"label": null}'""", "expected a JSON object of strings"),
        ("UPDATE reference SET name = x'fffe41'", "expected a text, found bytes"),
        ("UPDATE reference SET name = CAST(x'fffe41' AS TEXT)", "not a readable references file"),
        (f"{UNTYPED} UPDATE reference SET id = 5 WHERE id = 'green'", "its id is no text"),
        ("DELETE FROM reference WHERE id = 'green'", "holds 3 references, the manifest says 4|belongs to no reference"),
        ("DELETE FROM reference_image WHERE index_id = 2", "does not list the image 2"),
        ("UPDATE reference_image SET reference_id = 'nobody' WHERE index_id = 2", "belongs to no reference"),
    ],
)
def test_a_value_that_no_reference_can_have_is_refused_by_the_self_test(
    testable_pack: Path, rewrite_manifest: Rewrite, script: str, message: str
) -> None:
    change(testable_pack, script)
    rewrite_manifest(testable_pack)

    with pytest.raises(PackDamagedError, match=message):
        self_test(open_pack(testable_pack))


@pytest.mark.parametrize("value", ["'[[[[' || hex(zeroblob(40000))", "9e999"])
def test_a_bad_value_is_refused_where_it_is_read(colour_pack: MakePack, value: str) -> None:
    folder = colour_pack()
    column = "latitude" if value == "9e999" else "labels"
    change(folder, f"UPDATE reference SET {column} = {value}")

    with ReferenceTable(folder / "references.sqlite") as table, pytest.raises(PackDamagedError) as refused:
        table.reference("red")
    assert len(str(refused.value)) < 1000


def test_an_index_id_that_is_no_number_is_the_pack_s_fault(colour_pack: MakePack) -> None:
    folder = colour_pack()
    change(
        folder,
        "CREATE TABLE other(index_id, reference_id, sha256); INSERT INTO other VALUES ('x', 'red', x'00');"
        "DROP TABLE reference_image; ALTER TABLE other RENAME TO reference_image;",
    )

    with ReferenceTable(folder / "references.sqlite") as table:
        for ask in (table.images, lambda: table.images_of("red"), lambda: table.index_ids(Filters())):
            with pytest.raises(PackDamagedError, match="expected a whole number"):
                ask()


def test_a_damaged_schema_whose_names_are_no_utf_8_is_the_pack_s_fault(colour_pack: MakePack) -> None:
    path = colour_pack() / "references.sqlite"
    path.write_bytes(path.read_bytes().replace(b"NOT NULL", b"NOT NUL\x80", 1))  # SQLite's message quotes the byte

    with ReferenceTable(path) as table, pytest.raises(PackDamagedError, match="its schema is damaged"):
        table.ids()
