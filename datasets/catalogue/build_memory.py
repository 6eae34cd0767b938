"""Embeddings that builds and searches leave in a catalogue for the next ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

MOST_ENCODERS = 4  # encoders of each kind whose embeddings are kept; 2 kB for each image and encoder
ORIGINAL = "original:"  # prefix of the fingerprint of an original model, used for searches and not for packs
_MOST_PARAMETERS = 500  # hashes in one query; SQLite accepts at least 999


class BuildMemory:
    """Data of a catalogue's builds. Each write is on the disk when the call returns."""

    def __init__(self, database: Database, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        """Take an open catalogue; `Catalogue.build_memory` makes one.

        Args:
            database: Database of the catalogue.
            transaction: Makes a write transaction.
        """
        self._database = database
        self._transaction = transaction

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Return the known embeddings of images, by hash.

        Args:
            encoder: Fingerprint of the encoder.
            hashes: SHA-256 of the image files.

        Returns:
            Bytes of float32, little-endian, [dim] each. Unknown hashes are absent.
        """
        known: dict[str, bytes] = {}
        for at in range(0, len(hashes), _MOST_PARAMETERS):
            some = hashes[at : at + _MOST_PARAMETERS]
            query = (
                "SELECT image_sha256, vector FROM embedding JOIN encoder USING (encoder_id) WHERE fingerprint = ? "
                f"AND image_sha256 IN ({','.join('?' * len(some))})"
            )
            known |= dict(self._database.execute(query, [encoder, *some]).fetchall())
        return known

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Store embeddings of images of the catalogue by hash; see `embeddings`."""
        with self._transaction():
            encoder_id = self._encoder_id(encoder)
            self._database.conn.executemany(
                "INSERT OR REPLACE INTO embedding (encoder_id, image_sha256, vector) "
                "SELECT ?, sha256, ? FROM image WHERE sha256 = ?",  # ignores images that were removed meanwhile
                [(encoder_id, vector, sha256) for sha256, vector in vectors.items()],
            )

    def begin(self, encoder: str) -> None:
        """Mark an encoder as used, and delete the embeddings of the least recently used ones of its kind.

        Encoders of packs and original models are separate kinds, so that searches do not displace embeddings of builds.
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

    def _encoder_id(self, fingerprint: str) -> int:
        latest = "(SELECT coalesce(max(used), 0) + 1 FROM encoder)"
        insert = f"INSERT OR IGNORE INTO encoder (fingerprint, used) VALUES (?, {latest})"
        self._database.execute(insert, [fingerprint])
        row = self._database.execute("SELECT encoder_id FROM encoder WHERE fingerprint = ?", [fingerprint]).fetchone()
        return int(row[0])
