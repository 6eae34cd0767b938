"""Migrations: applied in order, never to another program's file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge_identify.datasets.catalogue import migrations
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.catalogue.migrations import APPLICATION_ID, MIGRATIONS, migrate
from edge_identify.edge_runtime.errors import SetupError


def _pragmas(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        return version, database.execute("PRAGMA application_id").fetchone()[0]


def test_a_new_catalogue_has_this_version_and_says_whose_it_is(tmp_path: Path) -> None:
    Catalogue.open(tmp_path / "c.db").close()
    assert _pragmas(tmp_path / "c.db") == (len(MIGRATIONS), APPLICATION_ID)


def test_an_older_catalogue_gets_only_the_steps_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Catalogue.open(tmp_path / "c.db").close()
    steps = (
        *MIGRATIONS,
        lambda database: database.execute("ALTER TABLE reference ADD COLUMN added_utc TEXT"),
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    with closing(Database(tmp_path / "c.db")) as database:
        migrate(database, name="c.db")
        migrate(database, name="c.db")
        assert "added_utc" in database.table("reference").columns_dict
    assert _pragmas(tmp_path / "c.db")[0] == len(steps)


def test_a_step_that_fails_leaves_the_catalogue_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Catalogue.open(tmp_path / "c.db").close()
    before = (tmp_path / "c.db").read_bytes()

    def half_a_step(database: Database) -> None:
        database.execute("CREATE TABLE half (a)")
        database.execute("CREATE TABLE half (a)")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, half_a_step))
    with closing(Database(tmp_path / "c.db")) as database, pytest.raises(sqlite3.OperationalError):
        migrate(database, name="c.db")
    assert (tmp_path / "c.db").read_bytes() == before


def test_a_catalogue_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Catalogue.open(tmp_path / "c.db").close()
    with closing(sqlite3.connect(tmp_path / "c.db")) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(SetupError, match=r"newer than the .* update the software"):
        Catalogue.open(tmp_path / "c.db")


@pytest.mark.parametrize("statement", ["CREATE TABLE reference (id)", "PRAGMA user_version = 1"])
def test_an_sqlite_file_of_another_program_is_left_alone(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute(statement)
        database.commit()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(SetupError, match="of another program"):
        Catalogue.open(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_catalogue_of_the_first_version_opens_with_what_it_holds(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "c.db")) as database:
        MIGRATIONS[0](database)
        database.execute("INSERT INTO reference VALUES ('a', 'A', '', '{}', NULL, NULL, NULL, NULL, '{}')")
        database.execute("INSERT INTO image VALUES ('00', 4, 4, 'PNG', 9)")
        database.execute("INSERT INTO reference_image VALUES (7, 'a', '00', '/a.png')")
        database.execute("PRAGMA user_version = 1")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.commit()
    with Catalogue.open_existing(tmp_path / "c.db") as catalogue:
        [image] = catalogue.images()
        assert (image.index_id, image.origin) == (7, None)
        assert (image.source_path, image.licence, image.provenance, image.type) == (None, None, None, "PNG")
        assert catalogue.withdrawals() == {}


def test_two_programs_that_open_an_older_catalogue_take_each_step_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older, closing(Database(tmp_path / "c.db")) as database:
        older.setattr(migrations, "MIGRATIONS", MIGRATIONS[:2])
        migrate(database, name="c.db")
    read = migrations._pragma
    rivals = ["one"]

    def read_and_be_overtaken(database: Database, pragma: str) -> int:
        value = read(database, pragma)
        if rivals:
            rivals.clear()
            Catalogue.open(tmp_path / "c.db").close()
        return value

    monkeypatch.setattr(migrations, "_pragma", read_and_be_overtaken)
    Catalogue.open(tmp_path / "c.db").close()
    assert not rivals
    assert _pragmas(tmp_path / "c.db") == (len(MIGRATIONS), APPLICATION_ID)
