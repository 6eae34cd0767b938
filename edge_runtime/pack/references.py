"""The references of a pack: their types, and lookups in `references.sqlite`.

Every phone has SQLite, and a lookup reads a few pages of a file that may hold a million references.
`references_writing` holds the schema and writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.pack_database import PackDatabase

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.position import Box, Coordinates

MAX_REFERENCE_BYTES = 2**20  # of all its texts; a page of a book has 3,000
_MOST_NAMED = 500  # ids in one query; SQLite allows at least 999
_SHOWN = 200  # characters of a malformed entry in a message
_CHECKED_AT_ONCE = 1000  # rows; a million references are not read into memory at once

#: Columns by name, since a later version may add some.
_COLUMNS = "id, name, namespace, labels, latitude, longitude, url, licence, attributes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A known thing.

    Attributes:
        id: Unique in its catalogue and pack.
        name: Name for people; the id if the maker gave none.
        namespace: Group, chosen by the maker; empty for none.
        labels: Labels by kind: `label`, `category`, `subcategory`.
        latitude: WGS 84 degrees, -90 to 90, or None.
        longitude: WGS 84 degrees, -180 to 180, or None.
        url: Address of a page about the thing, or None.
        licence: Licence of its images, or None.
        attributes: Other facts as text, by name.
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
    """Facts about a reference image, so that an app that shows it can give credit. None for an unknown fact.

    Attributes:
        path: Path in its source, relative, with forward slashes.
        type: File type, such as `JPEG`.
        licence: Licence of the image.
        provenance: Author or origin: a name or an address.
    """

    path: str | None = None
    type: str | None = None
    licence: str | None = None
    provenance: str | None = None

    def __bool__(self) -> bool:
        """Whether any fact is known."""
        return (self.path, self.type, self.licence, self.provenance) != (None, None, None, None)


NOTHING_KNOWN = ReferenceImageFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImage:
    """One image of a reference.

    Attributes:
        index_id: The id of its vector in the index; never used again for another image.
        reference_id: The id of its reference.
        sha256: SHA-256 of the image file.
        facts: Other facts, for writing; `ReferenceTable.image_facts` reads them.
    """

    index_id: int
    reference_id: str
    sha256: str
    facts: ReferenceImageFacts = NOTHING_KNOWN


class ReferenceTable:
    """Lookups in the references of a pack. Threads may share it.

    Use it as a context manager, or call `close`. Every method but `close` raises `PackDamagedError` if the file is not
    a readable references file.
    """

    def __init__(self, path: Path) -> None:
        """Open a references file for reading.

        Args:
            path: The file. Its hash must have been checked: SQLite is native code.
        """
        self._path = path
        self._has_image_facts: bool | None = None  # not known yet
        self._database = PackDatabase(path, content="references", max_row_bytes=MAX_REFERENCE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file after the running query."""
        self._database.close()

    def reference(self, reference_id: str) -> Reference:
        """Return the reference with an id.

        Raises:
            PackDamagedError: The file has no such reference, or its entry is malformed.
        """
        return self._reference(self._one(f"SELECT {_COLUMNS} FROM reference WHERE id = ?", reference_id))

    def reference_id_of(self, index_id: int) -> str:
        """Return the id of the reference to which the vector `index_id` belongs.

        Raises:
            PackDamagedError: The file does not list that vector.
        """
        (reference_id,) = self._one("SELECT reference_id FROM reference_image WHERE index_id = ?", index_id)
        try:
            return _text(reference_id)
        except ValueError as error:
            raise self._malformed(index_id, str(error)) from error

    def image_facts(self, index_id: int) -> ReferenceImageFacts:
        """Return the facts about the image whose vector is `index_id`; `NOTHING_KNOWN` in most packs."""
        if self._has_image_facts is None:
            self._has_image_facts = bool(
                self._all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'picture'")
            )
        if not self._has_image_facts:
            return NOTHING_KNOWN
        rows = self._all("SELECT path, type, licence, provenance FROM picture WHERE index_id = ?", [index_id])
        if not rows:
            return NOTHING_KNOWN
        path, kind, licence, provenance = (None if value is None else str(value) for value in rows[0])
        return ReferenceImageFacts(path=path, type=kind, licence=licence, provenance=provenance)

    def ids(self, filters: Filters = NO_FILTERS) -> list[str]:
        """Return the ids of all references that pass the filters, sorted."""
        where, values = _where(filters)
        return [str(row[0]) for row in self._all(f"SELECT id FROM reference WHERE {where} ORDER BY id", values)]

    def count(self) -> int:
        """Return the number of references."""
        return int(str(self._all("SELECT count(*) FROM reference")[0][0]))

    def references(self) -> list[Reference]:
        """Return all references, sorted by id. It reads the whole table.

        Raises:
            PackDamagedError: An entry is malformed.
        """
        return [self._reference(row) for row in self._all(f"SELECT {_COLUMNS} FROM reference ORDER BY id")]

    def images_of(self, reference_id: str) -> list[ReferenceImage]:
        """Return the images of a reference, sorted by index id; empty if there is no such reference."""
        query = "SELECT index_id, reference_id, sha256 FROM reference_image WHERE reference_id = ? ORDER BY index_id"
        return [self._image(row) for row in self._all(query, [reference_id])]

    def index_ids(self, filters: Filters) -> list[int]:
        """Return the index ids of all images whose references pass the filters, sorted."""
        where, values = _where(filters)
        query = (
            "SELECT index_id FROM reference_image WHERE reference_id IN (SELECT id FROM reference WHERE "
            f"{where}) ORDER BY index_id"
        )
        try:
            return [_whole(row[0]) for row in self._all(query, values)]
        except ValueError as error:
            raise self._malformed("reference_image", str(error)) from error

    def namespaces(self) -> list[str]:
        """Return all namespaces, sorted, without the empty one."""
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
        """Return (latitude, longitude) by reference id, for the given references that have coordinates."""
        found: dict[str, Coordinates] = {}
        for at in range(0, len(reference_ids), _MOST_NAMED):
            some = reference_ids[at : at + _MOST_NAMED]
            marks = ",".join("?" * len(some))
            rows = self._all(f"SELECT latitude, longitude, id FROM reference WHERE id IN ({marks})", some)
            found |= {str(row[2]): coordinates for row, coordinates in _located(rows)}
        return found

    def coordinates_within(self, box: Box) -> list[Coordinates]:
        """Return the coordinates of all references within a box of the map."""
        query = "SELECT latitude, longitude FROM reference WHERE latitude BETWEEN ? AND ? AND longitude BETWEEN ? AND ?"
        within: list[Coordinates] = []
        for west, east in box.longitudes:
            rows = self._all(query, [box.south, box.north, west, east])
            within.extend(coordinates for _, coordinates in _located(rows))
        return within

    def located_count(self) -> int:
        """Return the number of references that have coordinates."""
        rows = self._all("SELECT count(*) FROM reference WHERE latitude IS NOT NULL")
        return int(str(rows[0][0]))

    def images(self) -> list[ReferenceImage]:
        """Return all images of all references, sorted by index id. It reads the whole table; answers do not need it."""
        rows = self._all("SELECT index_id, reference_id, sha256 FROM reference_image ORDER BY index_id")
        return [self._image(row) for row in rows]

    def check_all(self) -> int:
        """Read every reference and every image once, as answers do.

        Returns:
            Number of references.

        Raises:
            PackDamagedError: An entry is malformed, or an image belongs to no reference.
        """
        count, last = 0, ""
        query = f"SELECT {_COLUMNS} FROM reference WHERE id > ? ORDER BY id LIMIT {_CHECKED_AT_ONCE}"
        while rows := self._all(query, [last]):
            last = [self._reference(row) for row in rows][-1].id
            count += len(rows)
        for (strange,) in self._all("SELECT id FROM reference WHERE typeof(id) <> 'text' OR id = '' LIMIT 1"):
            raise self._malformed(strange, "its id is no text")
        for image, _ in self._all(
            "SELECT index_id, reference_id FROM reference_image "
            "WHERE typeof(index_id) <> 'integer' OR reference_id NOT IN (SELECT id FROM reference) LIMIT 1"
        ):
            raise PackDamagedError(f"{self._path}: the image {image!r} belongs to no reference; fetch the pack again")
        return count

    def _all(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        return self._database.rows(query, values)

    def _reference(self, row: tuple[object, ...]) -> Reference:
        try:
            return _reference(row)
        except (TypeError, ValueError, RecursionError) as error:
            raise self._malformed(row[0], str(error)) from error

    def _image(self, row: tuple[object, ...]) -> ReferenceImage:
        try:
            return ReferenceImage(index_id=_whole(row[0]), reference_id=_text(row[1]), sha256=_text(row[2]))
        except ValueError as error:
            raise self._malformed(row[0], str(error)) from error

    def _malformed(self, identifier: object, problem: str) -> PackDamagedError:
        entry = str(identifier)[:_SHOWN]
        return PackDamagedError(
            f"{self._path}: the entry {entry!r} is malformed ({problem[:_SHOWN]}); fetch the pack again"
        )

    def _one(self, query: str, key: str | int) -> tuple[object, ...]:
        row = next(iter(self._all(query, [key])), None)
        if row is None:
            raise PackDamagedError(
                f"{self._path}: has no entry {key!r}, which the index refers to; fetch the pack again"
            )
        return row


def _where(filters: Filters) -> tuple[str, list[str]]:
    """Return an SQL condition on rows of `reference`, and the values of its placeholders."""
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
    """Yield (row, coordinates) for rows that begin with valid coordinates; others are skipped."""
    for row in rows:
        latitude, longitude, *_ = row
        if not (isinstance(latitude, float) and isinstance(longitude, float)):
            continue
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            yield row, (latitude, longitude)


def _reference(row: tuple[object, ...]) -> Reference:
    identifier, name, namespace, labels, latitude, longitude, url, licence, attributes = row
    return Reference(
        id=_text(identifier),
        name=_text(name),
        namespace=_text(namespace),
        labels=_texts(labels),
        latitude=_degrees(latitude, 90),
        longitude=_degrees(longitude, 180),
        url=None if url is None else _text(url),
        licence=None if licence is None else _text(licence),
        attributes=_texts(attributes),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, found {type(value).__name__}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"expected a whole number, found {type(value).__name__}")
    return value


def _degrees(value: object, most: float) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not abs(value) <= most:
        raise ValueError(f"its coordinate is {value!r}, not -{most} to {most} degrees")
    return float(value)


def _texts(column: object) -> dict[str, str]:
    text = _text(column)
    values = json.loads(text)
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError("expected a JSON object of strings")
    if "\\u" in text:  # the only way to write a lone surrogate, which no output can encode
        json.dumps(values, ensure_ascii=False).encode()
    return values
