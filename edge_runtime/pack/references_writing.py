"""Writing the references of a pack: one SQLite file, `references.sqlite`.

Rows are written in one order, with one page size and no journal, so that the same references give the same bytes.
`references` reads the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage

#: SQLite stores these statements with their comments in the file, so any change to them changes the bytes of packs.
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

#: Written only if there are facts about an image. Older packs lack the table, and older readers ignore it.
_FACTS_TABLE = """
CREATE TABLE picture (
    index_id INTEGER PRIMARY KEY REFERENCES reference_image (index_id),
    path TEXT,       -- in its source, relative, with forward slashes
    type TEXT,       -- such as JPEG
    licence TEXT,
    provenance TEXT
);
"""

#: Finds near references among a million in .3 ms instead of 120; older readers use it, too.
_PLACE_INDEX = "CREATE INDEX reference_by_place ON reference (latitude, longitude) WHERE latitude IS NOT NULL"
_LEAST_INDEXED = 20_000  # references with coordinates; without the index, 4,000 take half a millisecond


def write_references(path: Path, references: Iterable[Reference], images: Iterable[ReferenceImage]) -> None:
    """Write the references file of a pack; the same arguments give the same bytes.

    Args:
        path: The file to write; it must not exist.
        references: References with distinct ids, in any order.
        images: Images with distinct index ids, each of one of the references.

    Raises:
        sqlite3.Error: The file exists, the disk refuses, or the arguments do not fit together.
    """
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA foreign_keys = ON;" + _SCHEMA
        )
        ordered = sorted(references, key=lambda reference: reference.id)
        rows = [_row(reference) for reference in ordered]
        database.executemany("INSERT INTO reference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        ordered_images = sorted(images, key=lambda image: image.index_id)
        image_rows = [(image.index_id, image.reference_id, image.sha256) for image in ordered_images]
        database.executemany("INSERT INTO reference_image VALUES (?, ?, ?)", image_rows)
        _write_facts(database, [image for image in ordered_images if image.facts])
        if sum(reference.latitude is not None for reference in ordered) >= _LEAST_INDEXED:
            database.execute(_PLACE_INDEX)
        database.commit()
        database.execute("VACUUM")


def _write_facts(database: sqlite3.Connection, images: Sequence[ReferenceImage]) -> None:
    if not images:
        return
    database.executescript(_FACTS_TABLE)
    rows = [
        (image.index_id, image.facts.path, image.facts.type, image.facts.licence, image.facts.provenance)
        for image in images
    ]
    database.executemany("INSERT INTO picture VALUES (?, ?, ?, ?, ?)", rows)


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
