"""Which packs were built from a catalogue: when, how, of what, and how good they were.

What a newcomer would get wrong: a version number says nothing of what is in a pack. The hash of the references and the
fingerprint of the encoder do: two builds that agree in both give every photo the same scores, as long as its views
are the same. What those decide, and what answers show, is set by the parameters: views, false accepts, thumbnails.
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
    """One pack that was built.

    Attributes:
        finished_utc: When, with its time zone.
        pack_name: Of the pack.
        pack_version: Likewise.
        software: This project's version.
        parameters: What was asked for, as text by name, and the device that it was computed on.
        data_sha256: Of the references and pictures that are in it.
        encoder: Fingerprint of what embedded them.
        reference_count: How many.
        picture_count: Likewise.
        figures: What was measured, by name.
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
    """A catalogue's history of its packs."""

    def __init__(
        self,
        database: Database,
        transaction: Callable[[], AbstractContextManager[None]],
        reading: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Take an open catalogue; `Catalogue.build_history` makes one.

        Args:
            database: The catalogue's.
            transaction: Wraps what is written.
            reading: Wraps what is read, also where nothing can be written.
        """
        self._database = database
        self._transaction = transaction
        self._reading = reading

    def add(self, record: BuildRecord) -> None:
        """Write a record behind those that there are."""
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
        """Return all, the oldest first."""
        with self._reading():
            rows = self._database.execute(f"SELECT {_COLUMNS} FROM build ORDER BY build_id").fetchall()
        return [_record(row) for row in rows]


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
