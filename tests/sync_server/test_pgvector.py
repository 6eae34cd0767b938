"""Vectors of the service in a real PostgreSQL with pgvector, by examples/picture_database.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_service import Client
from postgres_server import postgres_server
from service_packs import photo_of

EXAMPLE = Path(__file__).parents[2] / "examples/picture_database.py"
COLOURS = {"red.jpg": (255, 0, 0), "crimson.jpg": (220, 20, 60), "green.jpg": (0, 255, 0), "blue.jpg": (0, 0, 255)}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with postgres_server() as address:
        yield address


def run(service: Client, database: str, folder: Path, *words: str) -> list[str]:
    command = [sys.executable, str(EXAMPLE), service.url, database, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_images_are_kept_and_found_by_cosine_similarity(service: Client, database: str, tmp_path: Path) -> None:
    import psycopg

    for name, rgb in COLOURS.items():
        (tmp_path / name).write_bytes(photo_of(rgb))
    (tmp_path / "photo.jpg").write_bytes(photo_of((250, 5, 5)))
    assert run(service, database, tmp_path, "add", *COLOURS) == []
    run(service, database, tmp_path, "add", "red.jpg")  # again: not twice
    with psycopg.connect(database) as connection:  # of a model whose vectors have another length
        connection.execute(f"CREATE TABLE picture_{'d' * 16} (name text PRIMARY KEY, embedding vector(5) NOT NULL)")
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'picture%'").fetchall()
    assert {table for (table,) in tables} == {f"picture_{'c' * 16}", f"picture_{'d' * 16}"}
    found = [line.split() for line in run(service, database, tmp_path, "find", "photo.jpg")]
    assert [name for _, name in found][:2] == ["red.jpg", "crimson.jpg"]
    assert sorted(name for _, name in found) == sorted(COLOURS)
    by_service = service.post_file("/v1/identify", (tmp_path / "photo.jpg").read_bytes()).json()["matches"]
    assert float(found[0][0]) == pytest.approx(by_service[0]["score"], abs=2e-3)  # references were not sent as JPEG
