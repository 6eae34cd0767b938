"""The quantisers of the packs that were built from a catalogue, kept for later versions of the same major version.

They are part of what a pack is built from, like references: a copy of the catalogue without them builds other bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.pack.pack_names import PackVersion

if TYPE_CHECKING:
    from sqlite_utils import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptQuantiser:
    """The quantiser of a version's index.

    Attributes:
        version: The version that it was made for.
        space_id: Id of the embedding space of its vectors.
        ranges: Its ranges, in the form of `convert.packing.pack_index.Quantiser.to_bytes`.
    """

    version: PackVersion
    space_id: str
    ranges: bytes


class KeptQuantisers:
    """The quantisers that a catalogue keeps."""

    def __init__(self, database: Database, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        """Take an open catalogue; `Catalogue.kept_quantisers` makes one.

        Args:
            database: Database of the catalogue.
            transaction: Makes a write transaction.
        """
        self._database = database
        self._transaction = transaction

    def before(self, pack_name: str, version: PackVersion) -> KeptQuantiser | None:
        """Return the last one that was made for an earlier version of the same major version; None if there is none."""
        query = "SELECT pack_version, space_id, ranges FROM quantiser WHERE pack_name = ?"
        rows = self._database.execute(query, [pack_name]).fetchall()
        kept = [KeptQuantiser(version=PackVersion.parse(row[0]), space_id=row[1], ranges=row[2]) for row in rows]
        earlier = [one for one in kept if one.version.major == version.major and one.version < version]
        return max(earlier, key=lambda one: one.version, default=None)

    def keep(self, pack_name: str, made: KeptQuantiser) -> None:
        """Keep the quantiser that was made for a version, in place of one that was made for it before."""
        values = [pack_name, str(made.version), made.space_id, made.ranges]
        with self._transaction():
            self._database.execute("INSERT OR REPLACE INTO quantiser VALUES (?, ?, ?, ?)", values)

    def forget(self, pack_name: str, version: PackVersion) -> None:
        """Remove the quantiser that was made for a version, if there is one."""
        with self._transaction():
            self._database.execute(
                "DELETE FROM quantiser WHERE pack_name = ? AND pack_version = ?", [pack_name, str(version)]
            )
