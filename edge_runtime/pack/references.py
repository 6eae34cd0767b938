"""The references of a pack: one SQLite file, written once, read lazily.

Every phone has SQLite, and a lookup touches a few pages of a file that may hold a million references. The file is
written in one order with one page size and no journal, so that the same references give the same bytes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.errors import PackDamagedError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.position import Box, Coordinates
from edge_identify.edge_runtime.pack.filters import Filters

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

#: Made only where something is known of a picture; packs from before have none, and readers from before do not ask.
_PICTURE_TABLE = """
CREATE TABLE picture (
    index_id INTEGER PRIMARY KEY REFERENCES reference_image (index_id),
    path TEXT,       -- in its source, relative, with forward slashes
    type TEXT,       -- such as JPEG
    licence TEXT,
    provenance TEXT
);
"""

#: Finds what is near among a million rows in .3 ms instead of 120; old readers use it too. Few rows need none.
_PLACE_INDEX = "CREATE INDEX reference_by_place ON reference (latitude, longitude) WHERE latitude IS NOT NULL"
_LEAST_INDEXED = 20_000  # located references; half a millisecond for 4,000

_MOST_NAMED = 500  # ids in one question; SQLite takes 999 at least

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
class ReferenceImageFacts:
    """What may be known of a picture itself, so that whoever shows it can credit it; None for what is not.

    Attributes:
        path: Where it lies in the source that it came from, relative, with forward slashes.
        type: Of its file, such as `JPEG`.
        licence: Under which it may be used.
        provenance: Who made it, or where it comes from: a name, an address.
    """

    path: str | None = None
    type: str | None = None
    licence: str | None = None
    provenance: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return (self.path, self.type, self.licence, self.provenance) != (None, None, None, None)


NOTHING_KNOWN = ReferenceImageFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImage:
    """One picture of a reference.

    Attributes:
        index_id: The id of its vector in the index; never used again for another picture.
        reference_id: Whose picture it is.
        sha256: Hash of the picture's file.
        facts: What else is written of it; `ReferenceTable.image_facts` reads it.
    """

    index_id: int
    reference_id: str
    sha256: str
    facts: ReferenceImageFacts = NOTHING_KNOWN


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
        ordered = sorted(references, key=lambda reference: reference.id)
        rows = [_row(reference) for reference in ordered]
        database.executemany("INSERT INTO reference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        pictures = sorted(images, key=lambda image: image.index_id)
        image_rows = [(image.index_id, image.reference_id, image.sha256) for image in pictures]
        database.executemany("INSERT INTO reference_image VALUES (?, ?, ?)", image_rows)
        _write_pictures(database, [image for image in pictures if image.facts])
        if sum(reference.latitude is not None for reference in ordered) >= _LEAST_INDEXED:
            database.execute(_PLACE_INDEX)
        database.commit()
        database.execute("VACUUM")


def _write_pictures(database: sqlite3.Connection, images: Sequence[ReferenceImage]) -> None:
    if not images:
        return
    database.executescript(_PICTURE_TABLE)
    rows = [
        (image.index_id, image.facts.path, image.facts.type, image.facts.licence, image.facts.provenance)
        for image in images
    ]
    database.executemany("INSERT INTO picture VALUES (?, ?, ?, ?, ?)", rows)


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
        self._has_pictures: bool | None = None  # not known yet
        # Shared by threads, one at a time: SQLite need not be built to serve several at once, and Python shares its
        # compiled questions.
        self._one_at_a_time = Lock()
        # immutable: no lock file is made, so a pack on a read-only disk opens. Threads only read.
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, after the question that is being answered: SQLite crashes if it is closed under one."""
        with self._one_at_a_time:
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

    def image_facts(self, index_id: int) -> ReferenceImageFacts:
        """Return what is known of the picture whose vector is `index_id`; nothing, in most packs."""
        if self._has_pictures is None:
            self._has_pictures = bool(
                self._all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'picture'")
            )
        if not self._has_pictures:
            return NOTHING_KNOWN
        rows = self._all("SELECT path, type, licence, provenance FROM picture WHERE index_id = ?", [index_id])
        if not rows:
            return NOTHING_KNOWN
        path, kind, licence, provenance = (None if value is None else str(value) for value in rows[0])
        return ReferenceImageFacts(path=path, type=kind, licence=licence, provenance=provenance)

    def ids(self) -> list[str]:
        """Return the ids of all references, sorted."""
        return [str(row[0]) for row in self._all("SELECT id FROM reference ORDER BY id")]

    def images_of(self, reference_id: str) -> list[ReferenceImage]:
        """Return the pictures of a reference, by index id; none where there is no such reference."""
        query = "SELECT index_id, reference_id, sha256 FROM reference_image WHERE reference_id = ? ORDER BY index_id"
        return [_image(row) for row in self._all(query, [reference_id])]

    def index_ids(self, filters: Filters) -> list[int]:
        """Return the ids of the vectors of all references that pass, sorted."""
        where, values = _where(filters)
        query = (
            "SELECT index_id FROM reference_image WHERE reference_id IN (SELECT id FROM reference WHERE "
            f"{where}) ORDER BY index_id"
        )
        return [int(str(row[0])) for row in self._all(query, values)]

    def namespaces(self) -> list[str]:
        """Return all namespaces, sorted; references without one have none to show."""
        query = "SELECT DISTINCT namespace FROM reference WHERE namespace <> '' ORDER BY namespace"
        return [str(row[0]) for row in self._all(query)]

    def label_kinds(self) -> list[str]:
        """Return all kinds of labels, sorted."""
        query = "SELECT DISTINCT label.key FROM reference, json_each(reference.labels) AS label ORDER BY label.key"
        return [str(row[0]) for row in self._all(query)]

    def label_values(self, kind: str) -> list[str]:
        """Return all values of a kind of label, sorted."""
        query = (
            "SELECT DISTINCT label.value FROM reference, json_each(reference.labels) AS label "
            "WHERE label.key = ? ORDER BY label.value"
        )
        return [str(row[0]) for row in self._all(query, [kind])]

    def coordinates_of(self, reference_ids: Sequence[str]) -> dict[str, Coordinates]:
        """Return the coordinates of some references, by id; those without any are not in it."""
        found: dict[str, Coordinates] = {}
        for at in range(0, len(reference_ids), _MOST_NAMED):
            some = reference_ids[at : at + _MOST_NAMED]
            marks = ",".join("?" * len(some))
            rows = self._all(f"SELECT latitude, longitude, id FROM reference WHERE id IN ({marks})", some)
            found |= {str(row[2]): coordinates for row, coordinates in _located(rows)}
        return found

    def coordinates_within(self, box: Box) -> list[Coordinates]:
        """Return the coordinates of all references in a part of the map."""
        query = "SELECT latitude, longitude FROM reference WHERE latitude BETWEEN ? AND ? AND longitude BETWEEN ? AND ?"
        within: list[Coordinates] = []
        for west, east in box.longitudes:
            rows = self._all(query, [box.south, box.north, west, east])
            within.extend(coordinates for _, coordinates in _located(rows))
        return within

    def located_count(self) -> int:
        """Return how many references have coordinates."""
        rows = self._all("SELECT count(*) FROM reference WHERE latitude IS NOT NULL")
        return int(str(rows[0][0]))

    def _all(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        try:
            with self._one_at_a_time:
                return self._database.execute(query, tuple(values)).fetchall()
        except sqlite3.DatabaseError as error:
            raise PackDamagedError(f"{self._path}: is not a readable references file ({error})") from error

    def images(self) -> list[ReferenceImage]:
        """Return every picture of every reference, by index id; for looking through a pack, not for answering."""
        rows = self._all("SELECT index_id, reference_id, sha256 FROM reference_image ORDER BY index_id")
        return [_image(row) for row in rows]

    def _one(self, query: str, key: str | int) -> tuple[object, ...]:
        row = next(iter(self._all(query, [key])), None)
        if row is None:
            raise PackDamagedError(
                f"{self._path}: has no entry {key!r}, which the index points to; fetch the pack again"
            )
        return row


def _image(row: tuple[object, ...]) -> ReferenceImage:
    return ReferenceImage(index_id=int(str(row[0])), reference_id=str(row[1]), sha256=str(row[2]))


def _where(filters: Filters) -> tuple[str, list[str]]:
    """Return a condition on rows of `reference`, and the values of its marks."""
    conditions, values = ["1"], list(filters.namespaces)
    if filters.namespaces:
        conditions.append(f"namespace IN ({','.join('?' * len(filters.namespaces))})")
    for kind, wanted in sorted(filters.labels.items()):
        marks = ",".join("?" * len(wanted))
        conditions.append(
            f"EXISTS (SELECT 1 FROM json_each(labels) AS label WHERE label.key = ? AND label.value IN ({marks}))"
        )
        values.extend((kind, *wanted))
    return " AND ".join(conditions), values


def _located(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[tuple[object, ...], Coordinates]]:
    """Yield rows that begin with coordinates on Earth, with those; a pack may hold anything."""
    for row in rows:
        latitude, longitude, *_ = row
        if not (isinstance(latitude, float) and isinstance(longitude, float)):
            continue
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            yield row, (latitude, longitude)


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
