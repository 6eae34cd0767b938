"""What became of contributions: which a person has seen, accepted or rejected.

A contributed thing is known by a fingerprint of its whole content. A file that is changed after its review, under the
same id, has another fingerprint: it was not seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

    from edge_identify.edge_runtime.taught.contribution_file import ContributedThing


class ReviewState(StrEnum):
    """How far the review of a contributed thing has come."""

    NEW = "new"  # nobody has seen it
    SEEN = "seen"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


def fingerprint_of(thing: ContributedThing) -> str:
    """Return the SHA-256 of what a reviewer sees of a thing: id, name, note and pictures."""
    content = [thing.id, thing.name, thing.note, *(picture.sha256 for picture in thing.pictures)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class ContributionReviews:
    """The reviews in a catalogue."""

    def __init__(
        self,
        database: Database,
        transaction: Callable[[], AbstractContextManager[None]],
        errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Use the database of an open catalogue.

        Args:
            database: The database.
            transaction: Makes a transaction.
            errors: Explains errors of the database.
        """
        self._database, self._transaction, self._errors = database, transaction, errors

    def states(self, things: Sequence[ContributedThing]) -> list[ReviewState]:
        """Return the state of each thing."""
        with self._errors():
            return [self._state(fingerprint_of(thing)) for thing in things]

    def see(self, things: Iterable[ContributedThing]) -> None:
        """Record that things were shown to a person. Those that were decided stay so."""
        with self._transaction():
            for thing in things:
                self._database.execute(
                    "INSERT OR IGNORE INTO contribution VALUES (?, ?, ?, ?)",
                    [fingerprint_of(thing), thing.id, ReviewState.SEEN.value, _now()],
                )

    def decide(self, thing: ContributedThing, state: ReviewState) -> None:
        """Record that a thing that was seen is accepted or rejected."""
        with self._transaction():
            self._database.execute(
                "UPDATE contribution SET state = ?, changed_utc = ? WHERE fingerprint = ?",
                [state.value, _now(), fingerprint_of(thing)],
            )

    def _state(self, fingerprint: str) -> ReviewState:
        query = "SELECT state FROM contribution WHERE fingerprint = ?"
        row = self._database.execute(query, [fingerprint]).fetchone()
        return ReviewState.NEW if row is None else ReviewState(row[0])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
