"""The catalogue's tables as an ordered list of migrations.

Never edit a released migration: existing catalogues would not change. Append a function to `MIGRATIONS`. SQLite's
`user_version` holds the number of applied migrations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x45644964  # "EdId": tells a catalogue from the SQLite files of other programs


def _create_tables(database: Database) -> None:
    # One statement at a time: executescript would commit the transaction, which prevents a half-made catalogue.
    database.execute("""
        CREATE TABLE reference (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            namespace TEXT NOT NULL,
            labels TEXT NOT NULL,      -- JSON object of strings
            latitude REAL,             -- WGS 84, degrees
            longitude REAL,
            url TEXT,
            licence TEXT,
            attributes TEXT NOT NULL   -- JSON object of strings
        )""")
    database.execute("""
        CREATE TABLE image (
            sha256 TEXT PRIMARY KEY,   -- of the file's bytes
            width INTEGER NOT NULL,    -- pixels, upright
            height INTEGER NOT NULL,
            format TEXT NOT NULL,      -- Pillow's name of it
            length_bytes INTEGER NOT NULL
        )""")
    # AUTOINCREMENT: without it SQLite reuses the id of a deleted last row. An index on a device would then show one
    # image under the id of another.
    database.execute("""
        CREATE TABLE reference_image (
            index_id INTEGER PRIMARY KEY AUTOINCREMENT,
            reference_id TEXT NOT NULL REFERENCES reference (id),
            image_sha256 TEXT NOT NULL REFERENCES image (sha256),
            path TEXT NOT NULL,        -- absolute, where the picture was last seen
            UNIQUE (reference_id, image_sha256)
        )""")
    database.execute("CREATE INDEX reference_image_by_path ON reference_image (reference_id, path)")
    database.execute("CREATE INDEX reference_image_by_image ON reference_image (image_sha256)")


def _add_build_memory_and_withdrawals(database: Database) -> None:
    database.execute("ALTER TABLE reference_image ADD COLUMN origin TEXT")  # URL or object address
    database.execute("""
        CREATE TABLE withdrawal (
            reference_id TEXT PRIMARY KEY REFERENCES reference (id),
            reason TEXT NOT NULL
        )""")
    database.execute("""
        CREATE TABLE encoder (
            encoder_id INTEGER PRIMARY KEY,
            fingerprint TEXT NOT NULL UNIQUE,
            used INTEGER NOT NULL      -- grows with each use: the least was used longest ago
        )""")
    database.execute("""
        CREATE TABLE embedding (
            encoder_id INTEGER NOT NULL REFERENCES encoder (encoder_id),
            image_sha256 TEXT NOT NULL,
            vector BLOB NOT NULL,      -- float32, little-endian
            PRIMARY KEY (encoder_id, image_sha256)
        ) WITHOUT ROWID""")
    # No longer used: encoders are measured on a sample that does not depend on earlier builds.
    database.execute("""
        CREATE TABLE measured_sample (
            position INTEGER PRIMARY KEY,
            index_id INTEGER NOT NULL, -- of reference_image; it may be gone
            drawn_from INTEGER NOT NULL
        )""")
    database.execute("CREATE INDEX embedding_by_image ON embedding (image_sha256)")
    # Deleting an image deletes its embeddings.
    database.execute("""
        CREATE TRIGGER forget_embeddings AFTER DELETE ON image
        BEGIN DELETE FROM embedding WHERE image_sha256 = OLD.sha256; END""")


def _add_image_facts(database: Database) -> None:
    for column in ("source_path", "licence", "provenance"):  # source_path is relative; see `SourceImage.source_path`
        database.execute(f"ALTER TABLE reference_image ADD COLUMN {column} TEXT")


def _add_build_history(database: Database) -> None:
    database.execute("""
        CREATE TABLE build (
            build_id INTEGER PRIMARY KEY,
            finished_utc TEXT NOT NULL,  -- ISO 8601
            pack_name TEXT NOT NULL,
            pack_version TEXT NOT NULL,
            software TEXT NOT NULL,
            parameters TEXT NOT NULL,    -- JSON object of strings
            data_sha256 TEXT NOT NULL,
            encoder TEXT NOT NULL,       -- its fingerprint
            reference_count INTEGER NOT NULL,
            picture_count INTEGER NOT NULL,
            figures TEXT NOT NULL        -- JSON object of numbers
        )""")


def _add_quantisers(database: Database) -> None:
    database.execute("""
        CREATE TABLE quantiser (
            pack_name TEXT NOT NULL,
            pack_version TEXT NOT NULL,  -- that it was made for; later ones of the same major version use it
            space_id TEXT NOT NULL,
            ranges BLOB NOT NULL,        -- float32, little-endian, [2, dim]: least, width
            PRIMARY KEY (pack_name, pack_version)
        ) WITHOUT ROWID""")


def _add_contributions(database: Database) -> None:
    database.execute("""
        CREATE TABLE contribution (
            fingerprint TEXT PRIMARY KEY,  -- SHA-256 of what a reviewer sees
            thing_id TEXT NOT NULL,
            state TEXT NOT NULL,           -- seen, accepted, rejected
            changed_utc TEXT NOT NULL      -- ISO 8601
        )""")


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    _create_tables,
    _add_build_memory_and_withdrawals,
    _add_image_facts,
    _add_build_history,
    _add_quantisers,
    _add_contributions,
)


def migrate(database: Database, *, name: str) -> None:
    """Apply the missing migrations in one transaction. An empty file becomes a new catalogue.

    Args:
        database: Open, not in a transaction.
        name: Name of the file in error messages.

    Raises:
        SetupError: The file belongs to another program, or is from a newer version.
    """
    if _steps_to_take(database, name) == () and _pragma(database, "application_id") == APPLICATION_ID:
        return
    # Read the version again under the lock: another program may have migrated meanwhile.
    database.execute("BEGIN IMMEDIATE")
    try:
        for step in _steps_to_take(database, name):
            step(database)
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.commit()
    except BaseException:
        database.rollback()
        raise


def _steps_to_take(database: Database, name: str) -> tuple[Callable[[Database], None], ...]:
    version = _pragma(database, "user_version")
    _refuse_foreign_file(database, name)
    if version > len(MIGRATIONS):
        raise SetupError(
            f"{name}: is a catalogue of version {version}, newer than the "
            f"{len(MIGRATIONS)} that this software knows; update the software"
        )
    return MIGRATIONS[version:]


def _refuse_foreign_file(database: Database, name: str) -> None:
    is_ours = _pragma(database, "application_id") == APPLICATION_ID
    if not is_ours and (database.table_names() or _pragma(database, "user_version")):
        raise SetupError(f"{name}: is an SQLite file of another program, not a catalogue; give another path")


def _pragma(database: Database, pragma: str) -> int:
    return int(database.execute(f"PRAGMA {pragma}").fetchone()[0])
