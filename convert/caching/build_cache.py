"""A folder that keeps results of builds: small values in an SQLite file, exported encoders as folders of files.

Values have a kind and a key. A key is a hash of everything that the value depends on; `cache_key` makes one. Values
that no build has used lately are forgotten, and the oldest ones when the cache grows too large.

Losing the cache costs time only. So a cache that cannot be read or written is reported once and then not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file, write_bytes

FOLDER_VARIABLE = "EDGE_IDENTIFY_BUILD_CACHE"

#: A value that none of so many later builds has used is forgotten.
KEPT_BUILDS = 8
#: Largest size of all values, and of all folders. A ViT-B-32 with two variants of both towers takes 300 MB.
MOST_BYTES = 1_000_000_000

_LAYOUT = 1  # part of the file's name: another layout begins a new file
_FOLDER_KIND = "folder"
_UNFINISHED = "unfinished-"  # prefix of a folder that is being written
_SECONDS_TO_WRITE = 3600.0
_MOST_PARAMETERS = 500  # keys in one query; SQLite accepts at least 999
_BUSY_SECONDS = 60.0

_Found = TypeVar("_Found")


def cache_key(*parts: object) -> str:
    """Return the key of a value: a SHA-256, in hexadecimal, of everything it depends on.

    Args:
        parts: Values that JSON can hold. Their order counts.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def cache_folder(catalogue: Path) -> Path:
    """Return the folder of a catalogue's cache: beside it, or the one that `EDGE_IDENTIFY_BUILD_CACHE` names."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else catalogue.with_name(f"{catalogue.name}.cache")


@contextmanager
def temporary_cache() -> Iterator[BuildCache]:
    """Return a cache that lasts for one build."""
    with tempfile.TemporaryDirectory(prefix="edge-build-") as folder:
        yield BuildCache(Path(folder))


class BuildCache:
    """The results that builds keep. Several builds may share one; each value is written at once or not at all."""

    def __init__(self, folder: Path, *, tell: Callable[[str], None] | None = None) -> None:
        """Use a folder.

        Args:
            folder: The folder; made with the first value.
            tell: Called once with one line of text if the cache cannot be used.
        """
        self._folder = folder
        self._tell = tell
        self._usable = True
        self._build: int | None = None

    def read(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the kept values, by key; unknown keys are missing.

        Args:
            kind: What the values are.
            keys: Their keys.
        """
        return self._attempt(lambda: self._read(kind, keys), {})

    def keep(self, kind: str, values: Mapping[str, bytes]) -> None:
        """Keep values, by key."""
        if values:
            self._attempt(lambda: self._keep(kind, values), None)

    def restore_folder(self, key: str, out: Path) -> bool:
        """Copy a kept folder; its files have the hashes with which they were kept.

        Args:
            key: Key of the folder.
            out: The folder to make; its parent exists.

        Returns:
            Whether the folder was kept and is whole. If not, nothing is written.

        Raises:
            OSError: `out` cannot be written.
        """
        files = self._attempt(lambda: self._read_folder(key), None)
        if files is None:
            return False
        for name, data in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(out / name, data)
        return True

    def keep_folder(self, key: str, source: Path) -> None:
        """Keep a copy of a folder."""
        self._attempt(lambda: self._keep_folder(key, source), None)

    def forget_unused(self) -> None:
        """Forget what was not used lately, and the oldest values while the cache is larger than `MOST_BYTES`."""
        self._attempt(self._forget_unused, None)

    def _attempt(self, action: Callable[[], _Found], otherwise: _Found) -> _Found:
        if not self._usable:
            return otherwise
        try:
            return action()
        except (OSError, sqlite3.Error, ValueError) as error:
            self._usable = False
            if self._tell is not None:
                self._tell(f"{self._folder}: builds cannot use this cache ({error}); it is safe to delete")
            return otherwise

    def _read(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._transaction() as database:
            for at in range(0, len(keys), _MOST_PARAMETERS):
                some = keys[at : at + _MOST_PARAMETERS]
                chosen = f"kind = ? AND key IN ({','.join('?' * len(some))})"
                found |= dict(database.execute(f"SELECT key, data FROM kept WHERE {chosen}", [kind, *some]))
                database.execute(f"UPDATE kept SET used = ? WHERE {chosen}", [self._build, kind, *some])
        return found

    def _keep(self, kind: str, values: Mapping[str, bytes]) -> None:
        with self._transaction() as database:
            self._insert(database, [(kind, key, data, len(data)) for key, data in values.items()])

    def _read_folder(self, key: str) -> dict[str, bytes] | None:
        """Return the files of a kept folder, by path; None if it is not kept or was changed."""
        known = self._read(_FOLDER_KIND, [key]).get(key)
        if known is None:
            return None
        hashes: dict[str, str] = json.loads(known)
        try:
            files = {name: (self._place(key) / name).read_bytes() for name in hashes}
        except FileNotFoundError:  # another build replaces it just now
            return None
        return files if all(sha256_of_bytes(data) == hashes[name] for name, data in files.items()) else None

    def _keep_folder(self, key: str, source: Path) -> None:
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=place.parent))
        try:
            copy = shutil.copytree(source, unfinished / "copy")
            files = [path for path in copy.rglob("*") if path.is_file()]
            hashes = {path.relative_to(copy).as_posix(): sha256_of_file(path) for path in files}
            size_bytes = sum(path.stat().st_size for path in files)
            with self._transaction() as database:  # one build at a time replaces or deletes folders
                shutil.rmtree(place, ignore_errors=True)
                copy.rename(place)
                self._insert(database, [(_FOLDER_KIND, key, json.dumps(hashes).encode(), size_bytes)])
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _insert(self, database: sqlite3.Connection, rows: Sequence[tuple[str, str, bytes, int]]) -> None:
        database.executemany(
            "INSERT OR REPLACE INTO kept (kind, key, data, size_bytes, used) VALUES (?, ?, ?, ?, ?)",
            [(*row, self._build) for row in rows],
        )

    def _forget_unused(self) -> None:
        if not self._folder.is_dir():
            return
        with self._transaction() as database:
            assert self._build is not None, "a transaction numbers the build"
            database.execute("DELETE FROM kept WHERE used < ?", [self._build - KEPT_BUILDS])
            database.execute(
                "DELETE FROM kept WHERE rowid IN (SELECT rowid FROM (SELECT rowid, used, "
                "sum(size_bytes) OVER (ORDER BY used DESC, rowid DESC) AS total FROM kept) "
                "WHERE total > ? AND used < ?)",
                [MOST_BYTES, self._build],
            )
            kept = {key for (key,) in database.execute("SELECT key FROM kept WHERE kind = ?", [_FOLDER_KIND])}
            for path in (self._folder / "folders").glob("*"):
                if path.name not in kept and not _is_being_written(path):
                    shutil.rmtree(path, ignore_errors=True)

    def _place(self, key: str) -> Path:
        return self._folder / "folders" / key

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"values-{_LAYOUT}.sqlite"
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("BEGIN IMMEDIATE")
            try:
                if self._build is None:
                    self._build = _begin_build(database)
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:  # SQLite has ended it itself if the disk is full
                    database.execute("ROLLBACK")
                raise


def _is_being_written(path: Path) -> bool:
    """Return whether another build may still write a folder; one that is left from long ago was interrupted."""
    return path.name.startswith(_UNFINISHED) and time.time() - path.stat().st_mtime < _SECONDS_TO_WRITE


def _begin_build(database: sqlite3.Connection) -> int:
    """Make the tables if they are missing, and return the number of this build."""
    database.execute(
        "CREATE TABLE IF NOT EXISTS kept (kind TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL, "
        "size_bytes INTEGER NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (kind, key))"
    )
    (last,) = database.execute("SELECT coalesce(max(used), 0) FROM kept").fetchone()
    return int(last) + 1
