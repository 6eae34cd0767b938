"""The index of a pack's words, made at the first search."""

from __future__ import annotations

from collections.abc import Collection
from threading import Lock
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.search.words.word_index import WordHit, WordIndex

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack

#: 20,000 references take half a second and 60 MiB (benchmarks/words.py). More than these are not indexed.
MOST_REFERENCES = 200_000


class PackWords:
    """Finds the references of a pack by their words. Threads may share it."""

    def __init__(self, pack: Pack) -> None:
        """Nothing is read yet."""
        self._pack = pack
        self._index: WordIndex | None = None
        self._one_at_a_time = Lock()
        self.are_too_many = False  # known after the first search

    def find(self, text: str, *, most: int, among: Collection[str] | None = None) -> list[WordHit]:
        """Return the references that have words of a text; see `WordIndex.find`.

        Raises:
            PackDamagedError: The references cannot be read.
        """
        with self._one_at_a_time:
            if self._index is None:
                self._index = self._made()
        return self._index.find(text, most=most, among=among)

    def _made(self) -> WordIndex:
        with ReferenceTable(self._pack.file(self._pack.manifest.references_file)) as references:
            self.are_too_many = references.count() > MOST_REFERENCES
            return WordIndex([] if self.are_too_many else references.references())
