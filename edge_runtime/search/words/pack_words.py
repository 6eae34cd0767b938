"""The index of a pack's words, made at the first search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.search.words.word_index import WordHit, WordIndex

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.pack.references import Reference

#: 20,000 references take half a second and 60 MiB (benchmarks/words.py). More than these are not indexed.
MOST_REFERENCES = 200_000


class PackWords:
    """Finds the references of a pack by their words. Threads may share it."""

    def __init__(self, pack: Pack) -> None:
        """Nothing is read yet."""
        self._pack = pack
        self._index: WordIndex | None = None
        self._own: tuple[Reference, ...] = ()
        self._one_at_a_time = Lock()
        self.are_too_many = False  # known after the first search

    def find(
        self, text: str, *, most: int, among: Collection[str] | None = None, own: Sequence[Reference] = ()
    ) -> list[WordHit]:
        """Return the references that have words of a text; see `WordIndex.find`.

        Args:
            text: What to look for, any text.
            most: Maximum number of references.
            among: Ids of the references that may be found; None for all.
            own: What a person taught beside the pack. The index is made again when it changes.

        Raises:
            PackDamagedError: The references cannot be read.
        """
        with self._one_at_a_time:
            if self._index is None or self._own != tuple(own):
                self._index, self._own = self._made(own), tuple(own)
            index = self._index
        return index.find(text, most=most, among=among)

    def _made(self, own: Sequence[Reference]) -> WordIndex:
        with ReferenceTable(self._pack.file(self._pack.manifest.references_file)) as references:
            self.are_too_many = references.count() > MOST_REFERENCES
            return WordIndex(chain([] if self.are_too_many else references.references(), own))
