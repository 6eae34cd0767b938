"""SQLite files with a correct hash that compute, grow or never end when they are read: refused, and in time."""

from __future__ import annotations

import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack import pack_database
from edge_identify.edge_runtime.pack.references import Reference, ReferenceTable
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable, write_thumbnails

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
ASIDE = "ALTER TABLE reference RENAME TO aside;"


@pytest.fixture
def references(tmp_path: Path) -> Path:
    """A references file that is in order."""
    path = tmp_path / "references.sqlite"
    write_references(path, [Reference(id="x", name="x")], [])
    with ReferenceTable(path) as table:
        assert table.check_all() == 1
    return path


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"{ASIDE} CREATE VIEW reference AS SELECT x AS id FROM ({ENDLESS})", "'reference', which is neither"),
        (f"{ASIDE} CREATE VIEW reference AS SELECT hex(zeroblob(400000000)) AS id", "'reference', which is neither"),
        ("CREATE VIEW unused AS SELECT 1", "'unused', which is neither"),
        ("CREATE TRIGGER t AFTER INSERT ON reference BEGIN SELECT 1; END", "'t', which is neither"),
        ("CREATE VIRTUAL TABLE words USING fts5(word)", "'words', which is neither"),
        ("CREATE TABLE y (id, name AS (hex(zeroblob(400000000))))", "'y' has computed columns"),
        ("CREATE TABLE y (id, name AS (length(id)) STORED)", "'y' has computed columns"),
        ("".join(f"CREATE TABLE t{at} (x);" for at in range(100)), "more than 100 tables"),
        ("UPDATE reference SET name = hex(zeroblob(600000))", "too big"),
    ],
)
def test_a_file_that_holds_more_than_tables_of_short_rows_is_refused(
    references: Path, script: str, message: str
) -> None:
    change(references, script)

    with ReferenceTable(references) as table, pytest.raises(PackDamagedError, match=message):
        table.reference("x")


def test_a_statement_that_hides_in_the_schema_is_refused(references: Path) -> None:
    change(
        references,
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES "
        "('table', 'hidden', 'hidden', 2, 'create/**/virtual table hidden using fts5(x)');",
    )

    with ReferenceTable(references) as table, pytest.raises(PackDamagedError):
        table.ids()


def test_thumbnails_that_are_a_view_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    write_thumbnails(path, [])
    change(path, "DROP TABLE thumbnail; CREATE VIEW thumbnail AS SELECT 1 AS index_id, zeroblob(400000000) AS webp")

    with closing(ThumbnailTable(path, 32)) as table, pytest.raises(PackDamagedError, match="neither a table"):
        table.webp(1)


def test_a_query_that_does_not_end_is_given_up(references: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_database, "MAX_QUERY_S", 0.05)
    database = pack_database.PackDatabase(references, content="references", max_row_bytes=1000)

    with closing(database), pytest.raises(PackDamagedError, match=r"takes longer than 0\.05 seconds"):
        database.rows(f"SELECT count(*) FROM ({ENDLESS})")


def test_ctrl_c_ends_a_query_and_is_not_called_damage(references: Path) -> None:
    database = pack_database.PackDatabase(references, content="references", max_row_bytes=1000)
    timer = threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT))

    with closing(database):
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            database.rows(f"SELECT count(*) FROM ({ENDLESS})")


def test_tables_of_a_later_format_are_no_reason_to_refuse(references: Path) -> None:
    change(references, "CREATE TABLE later (x PRIMARY KEY, y); CREATE UNIQUE INDEX i ON later (y)")

    with ReferenceTable(references) as table:
        assert table.ids() == ["x"]
