"""What builds leave in a catalogue for the next one: embeddings, and which pictures an encoder was measured on.

What a newcomer would get wrong: an int8 encoder is quantised with ranges measured on some of the catalogue's pictures.
If those were drawn anew after each change, a hundred new pictures would give another encoder: every picture would have
to be embedded again, and every device would fetch the model again. So the catalogue remembers the pictures that were
drawn, until it has grown to twice its size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

MOST_ENCODERS = 4  # of each kind whose embeddings are kept: 2 kB a picture and encoder, and makers try a few in turn
ORIGINAL = "original:"  # begins the fingerprint of a model that was asked itself, for a search rather than for a pack
_GROWN = 2  # times as many pictures as when the sample was drawn
_LEAST_LEFT = 0.75  # of the sample's pictures; of others that were drawn with them, too many are gone
_MOST_ASKED = 500  # hashes in one question; SQLite takes 999 at least


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSample:
    """The pictures that encoders are measured on.

    Attributes:
        index_ids: Which, in order.
        drawn_from: How many pictures there were then.
    """

    index_ids: tuple[int, ...]
    drawn_from: int


class BuildMemory:
    """A catalogue's memory of its builds. What it is given is on the disk when a call returns."""

    def __init__(self, database: Database, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        """Take an open catalogue; `Catalogue.build_memory` makes one.

        Args:
            database: The catalogue's.
            transaction: Wraps what is written.
        """
        self._database = database
        self._transaction = transaction

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Return the embeddings that an encoder gave to pictures, by the pictures' hashes, as far as they are known.

        Args:
            encoder: Its fingerprint.
            hashes: SHA-256 of the pictures' files.

        Returns:
            float32, little-endian.
        """
        known: dict[str, bytes] = {}
        for at in range(0, len(hashes), _MOST_ASKED):
            some = hashes[at : at + _MOST_ASKED]
            query = (
                "SELECT image_sha256, vector FROM embedding JOIN encoder USING (encoder_id) WHERE fingerprint = ? "
                f"AND image_sha256 IN ({','.join('?' * len(some))})"
            )
            known |= dict(self._database.execute(query, [encoder, *some]).fetchall())
        return known

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep what an encoder gave to pictures of the catalogue; see `embeddings`."""
        with self._transaction():
            encoder_id = self._encoder_id(encoder)
            self._database.conn.executemany(
                "INSERT OR REPLACE INTO embedding (encoder_id, image_sha256, vector) "
                "SELECT ?, sha256, ? FROM image WHERE sha256 = ?",  # one that was removed meanwhile is left out
                [(encoder_id, vector, sha256) for sha256, vector in vectors.items()],
            )

    def begin(self, encoder: str) -> None:
        """Note that an encoder is in use, and forget those of its kind that have not been for longest.

        Packs' encoders and originals are two kinds: trying out searches makes no build embed everything again.
        """
        with self._transaction():
            encoder_id = self._encoder_id(encoder)
            self._database.execute(
                "UPDATE encoder SET used = (SELECT max(used) + 1 FROM encoder) WHERE encoder_id = ?", [encoder_id]
            )
            kind = f"(fingerprint LIKE '{ORIGINAL}%') = {int(encoder.startswith(ORIGINAL))}"
            latest_first = f"SELECT encoder_id FROM encoder WHERE {kind} ORDER BY used DESC"
            forgotten = f"({latest_first} LIMIT -1 OFFSET {MOST_ENCODERS})"
            self._database.execute(f"DELETE FROM embedding WHERE encoder_id IN {forgotten}")
            self._database.execute(f"DELETE FROM encoder WHERE encoder_id IN {forgotten}")

    def sample(self, index_ids: Sequence[int], draw: Callable[[int], Sequence[int]]) -> tuple[int, ...]:
        """Return the pictures to measure encoders on: those of the last time while they will do, or newly drawn ones.

        Args:
            index_ids: The catalogue's pictures, at least one.
            draw: From a count to positions below it.
        """
        present = frozenset(index_ids)
        remembered = self._remembered_sample()
        if remembered is not None and _will_do(remembered, present):
            return tuple(index_id for index_id in remembered.index_ids if index_id in present)
        drawn = tuple(index_ids[position] for position in draw(len(index_ids)))
        with self._transaction():
            self._database.execute("DELETE FROM measured_sample")
            self._database.conn.executemany(
                "INSERT INTO measured_sample (position, index_id, drawn_from) VALUES (?, ?, ?)",
                [(position, index_id, len(index_ids)) for position, index_id in enumerate(drawn)],
            )
        return drawn

    def _remembered_sample(self) -> MeasuredSample | None:
        rows = self._database.execute("SELECT index_id, drawn_from FROM measured_sample ORDER BY position").fetchall()
        return MeasuredSample(index_ids=tuple(row[0] for row in rows), drawn_from=rows[0][1]) if rows else None

    def _encoder_id(self, fingerprint: str) -> int:
        latest = "(SELECT coalesce(max(used), 0) + 1 FROM encoder)"
        insert = f"INSERT OR IGNORE INTO encoder (fingerprint, used) VALUES (?, {latest})"
        self._database.execute(insert, [fingerprint])
        row = self._database.execute("SELECT encoder_id FROM encoder WHERE fingerprint = ?", [fingerprint]).fetchone()
        return int(row[0])


def _will_do(sample: MeasuredSample, present: frozenset[int]) -> bool:
    left = sum(index_id in present for index_id in sample.index_ids)
    return len(present) < _GROWN * sample.drawn_from and left >= _LEAST_LEFT * len(sample.index_ids)
