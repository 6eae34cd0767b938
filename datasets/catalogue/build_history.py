"""The packs that were built from a catalogue: time, parameters, content, figures.

Two builds with the same `data_sha256` and `encoder` give every photo the same scores, if its views are the same; the
version number does not say that. `parameters` (views, false accepts, thumbnails) affect decisions and output.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlite_utils import Database

_COLUMNS = (
    "finished_utc, pack_name, pack_version, software, parameters, data_sha256, encoder, reference_count, "
    "picture_count, figures"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """One build of a pack.

    Attributes:
        finished_utc: Time of completion, with a time zone.
        pack_name: Name of the pack.
        pack_version: Version of the pack.
        software: Version of this project.
        parameters: The build's parameters, and its compute device, as text by name.
        data_sha256: Hash of the references and images in the pack.
        encoder: Fingerprint of the encoder that embedded them.
        reference_count: Number of references.
        picture_count: Number of reference images.
        figures: Measured figures by name.
    """

    finished_utc: datetime
    pack_name: str
    pack_version: str
    software: str
    parameters: Mapping[str, str]
    data_sha256: str
    encoder: str
    reference_count: int
    picture_count: int
    figures: Mapping[str, float]


class BuildHistory:
    """The builds of a catalogue."""

    def __init__(
        self,
        database: Database,
        transaction: Callable[[], AbstractContextManager[None]],
        reading: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Take an open catalogue; `Catalogue.build_history` makes one.

        Args:
            database: Database of the catalogue.
            transaction: Makes a write transaction.
            reading: Turns SQLite's errors of reads into ours. It works for a read-only file too.
        """
        self._database = database
        self._transaction = transaction
        self._reading = reading

    def add(self, record: BuildRecord) -> None:
        """Append a record."""
        values = [
            record.finished_utc.astimezone(UTC).isoformat(timespec="seconds"),
            record.pack_name,
            record.pack_version,
            record.software,
            json.dumps(dict(record.parameters), sort_keys=True, ensure_ascii=False),
            record.data_sha256,
            record.encoder,
            record.reference_count,
            record.picture_count,
            json.dumps(dict(record.figures), sort_keys=True),
        ]
        with self._transaction():
            self._database.execute(f"INSERT INTO build ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def records(self) -> list[BuildRecord]:
        """Return all records, oldest first."""
        with self._reading():
            rows = self._database.execute(f"SELECT {_COLUMNS} FROM build ORDER BY build_id").fetchall()
        return [_record(row) for row in rows]

    def last_version(self, pack_name: str) -> str | None:
        """Return the version of the last pack of this name; None if there was none."""
        with self._reading():
            row = self._database.execute(
                "SELECT pack_version FROM build WHERE pack_name = ? ORDER BY build_id DESC LIMIT 1", [pack_name]
            ).fetchone()
        return None if row is None else str(row[0])


def _record(row: tuple[Any, ...]) -> BuildRecord:
    finished, name, version, software, parameters, data_sha256, encoder, references, pictures, figures = row
    return BuildRecord(
        finished_utc=datetime.fromisoformat(finished),
        pack_name=name,
        pack_version=version,
        software=software,
        parameters=json.loads(parameters),
        data_sha256=data_sha256,
        encoder=encoder,
        reference_count=references,
        picture_count=pictures,
        figures=json.loads(figures),
    )
