"""Searchers with filters, kept open for reuse.

Each set of filters needs an index and a table of its own over the same files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from edge_identify.sync_server.answering.shared_resources import SharedResources

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.filters import Filters

_KEPT = 32  # sets of filters; each has a few file handles and the ids that pass

_Searcher = Identifier | TextSearcher | ReferenceFinder
S = TypeVar("S", Identifier, TextSearcher, ReferenceFinder)


class FilteredSearchers:
    """The last 32 filtered searchers of a pack. Thread-safe. Call `close`."""

    def __init__(self) -> None:
        """Start empty."""
        self._searchers: SharedResources[object, _Searcher] = SharedResources(_close, most=_KEPT)

    @contextmanager
    def borrow(self, whole: S, filters: Filters) -> Iterator[S]:
        """Lend a copy of a searcher with filters while the block runs; the searcher itself if there are no filters.

        Raises:
            SetupError: A filter names an unknown namespace or label, or no reference passes.
        """
        if not filters:
            yield whole
            return
        key = (type(whole), filters.namespaces, tuple(sorted(filters.labels.items())))
        with self._searchers.borrow(key, lambda: whole.narrowed(filters)) as filtered:
            assert isinstance(filtered, type(whole)), "the key has the type"
            yield filtered

    def close(self) -> None:
        """Close all searchers. One in use is closed after its last user."""
        for key in self._searchers.keys():  # noqa: SIM118  -- not a mapping
            self._searchers.withdraw(key)


def _close(searcher: _Searcher) -> None:
    searcher.close()
