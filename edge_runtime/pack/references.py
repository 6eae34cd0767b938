"""The references of a pack: one SQLite file, written once, read lazily.

Every phone has SQLite, and a lookup touches a few pages of a file that may hold a million references. The file is
written in one order with one page size and no journal, so that the same references give the same bytes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from edge_identify.edge_runtime.errors import PackDamagedError

_SCHEMA = """
CREATE TABLE reference (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    namespace TEXT NOT NULL,
    labels TEXT NOT NULL,      -- JSON object of strings, such as {"label": "cat", "category": "animals"}
    latitude REAL,             -- WGS 84, degrees
    longitude REAL,
    url TEXT,
    licence TEXT,
    attributes TEXT NOT NULL   -- JSON object of strings
) WITHOUT ROWID;
CREATE TABLE reference_image (
    index_id INTEGER PRIMARY KEY,  -- the id of its vector in the index
    reference_id TEXT NOT NULL REFERENCES reference (id),
    sha256 TEXT NOT NULL           -- of the picture's file, which is not in the pack
);
CREATE INDEX reference_image_by_reference ON reference_image (reference_id);
"""


#: By name: a later version may add columns.
_COLUMNS = "id, name, namespace, labels, latitude, longitude, url, licence, attributes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A known thing.

    Attributes:
        id: Unique in its catalogue and pack.
        name: For people; the id where the maker gave none.
        namespace: The maker's own grouping; empty for none.
        labels: What it is, by kind of label: `label`, `category`, `subcategory`.
        latitude: WGS 84 degrees, -90 to 90, or None.
        longitude: WGS 84 degrees, -180 to 180, or None.
        url: A page about it.
        licence: Of its pictures.
        attributes: Any other facts, as text.
    """

    id: str
    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    latitude: float | None = None
    longitude: float | None = None
    url: str | None = None
    licence: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImage:
    """One picture of a reference.

    Attributes:
        index_id: The id of its vector in the index; never used again for another picture.
        reference_id: Whose picture it is.
        sha256: Hash of the picture's file.
    """

    index_id: int
    reference_id: str
    sha256: str


def write_references(path: Path, references: Iterable[Reference], images: Iterable[ReferenceImage]) -> None:
    """Write the references file of a pack; the same arguments give the same bytes.

    Args:
        path: Where; nothing may be there yet.
        references: Distinct ids, in any order.
        images: Distinct index ids, each of a reference given.
    """
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA foreign_keys = ON;" + _SCHEMA
        )
        rows = sorted((_row(reference) for reference in references), key=lambda row: str(row[0]))
        database.executemany("INSERT INTO reference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        image_rows = sorted((image.index_id, image.reference_id, image.sha256) for image in images)
        database.executemany("INSERT INTO reference_image VALUES (?, ?, ?)", image_rows)
        database.commit()
        database.execute("VACUUM")


class ReferenceTable:
    """The references of a pack, looked up as they are asked for.

    Use it as a context manager, or call `close`.
    """

    def __init__(self, path: Path) -> None:
        """Open a references file for reading.

        Args:
            path: The file, its hash checked before: SQLite is native code.
        """
        self._path = path
        # immutable: no lock file is made, so a pack on a read-only disk opens. Threads only read.
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def reference(self, reference_id: str) -> Reference:
        """Return one reference.

        Raises:
            PackDamagedError: The index speaks of a reference that is not in the file.
        """
        row = self._one(f"SELECT {_COLUMNS} FROM reference WHERE id = ?", reference_id)
        try:
            return _reference(row)
        except (TypeError, ValueError) as error:
            raise PackDamagedError(f"{self._path}: the entry {reference_id!r} is malformed ({error})") from error

    def reference_id_of(self, index_id: int) -> str:
        """Return whose picture the vector `index_id` is.

        Raises:
            PackDamagedError: The index holds a vector that the file does not know.
        """
        row = self._one("SELECT reference_id FROM reference_image WHERE index_id = ?", index_id)
        return str(row[0])

    def ids(self) -> list[str]:
        """Return the ids of all references, sorted."""
        try:
            return [str(row[0]) for row in self._database.execute("SELECT id FROM reference ORDER BY id")]
        except sqlite3.DatabaseError as error:
            raise PackDamagedError(f"{self._path}: is not a readable references file ({error})") from error

    def _one(self, query: str, key: str | int) -> tuple[object, ...]:
        try:
            row: tuple[object, ...] | None = self._database.execute(query, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise PackDamagedError(f"{self._path}: is not a readable references file ({error})") from error
        if row is None:
            raise PackDamagedError(
                f"{self._path}: has no entry {key!r}, which the index points to; fetch the pack again"
            )
        return row


def _row(reference: Reference) -> tuple[object, ...]:
    return (
        reference.id,
        reference.name,
        reference.namespace,
        _as_json(reference.labels),
        reference.latitude,
        reference.longitude,
        reference.url,
        reference.licence,
        _as_json(reference.attributes),
    )


def _as_json(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _reference(row: tuple[object, ...]) -> Reference:
    identifier, name, namespace, labels, latitude, longitude, url, licence, attributes = row
    return Reference(
        id=str(identifier),
        name=str(name),
        namespace=str(namespace),
        labels=_texts(labels),
        latitude=None if latitude is None else float(str(latitude)),
        longitude=None if longitude is None else float(str(longitude)),
        url=None if url is None else str(url),
        licence=None if licence is None else str(licence),
        attributes=_texts(attributes),
    )


def _texts(column: object) -> dict[str, str]:
    values = json.loads(str(column))
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError("expected a JSON object of strings")
    return values
