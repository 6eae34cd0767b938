"""A closed table raises `ValueError`, as a closed file does; the pack is not damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable


def test_closed_references_raise_value_error(tmp_path: Path) -> None:
    write_references(tmp_path / "r.sqlite", [], [])
    table = ReferenceTable(tmp_path / "r.sqlite")
    table.close()
    with pytest.raises(ValueError, match=r"r\.sqlite: the table was closed"):
        table.ids()


def test_closed_thumbnails_raise_value_error(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as database:
        database.execute("CREATE TABLE thumbnail (index_id INTEGER PRIMARY KEY, webp BLOB)")
    table = ThumbnailTable(tmp_path / "t.sqlite", 32)
    table.close()
    with pytest.raises(ValueError, match=r"t\.sqlite: the table was closed"):
        table.webp(1)
