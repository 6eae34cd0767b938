"""Exact search of an index by cosine similarity: with numpy for one query, with FAISS for many.

Importing FAISS takes longer than searching 4,000 vectors once. So a single query is answered by numpy from the mapped
file, and a folder of photos or a server uses FAISS. Both return the same ids and, within rounding, the same scores.
Equal scores are ordered by id, so that the answer does not depend on the library. Both compare every vector. For large
packs, `binary_codes.open_search` avoids that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.io.address_space import check_room_for_faiss
from edge_identify.edge_runtime.pack.index_file import IndexRows, map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexSpec

if TYPE_CHECKING:
    import faiss
    from numpy.typing import NDArray

_CHUNK_ROWS = 16_384  # 32 MB as float32 at 512 dimensions; bounds the memory for any size of index


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The nearest vectors of queries, best first.

    Attributes:
        ids: Index ids, int64 [queries, k].
        scores: float32 [queries, k], cosine similarity, -1 to 1.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]


def check_dim(queries: NDArray[np.float32], spec: IndexSpec, path: Path) -> None:
    """Check that queries, float32 [queries, dim], have the dimension of the index.

    Raises:
        PackDamagedError: The dimensions differ, so the pack's encoder and index do not belong together.
    """
    if queries.shape[1] != spec.dim:
        raise PackDamagedError(f"{path}: holds vectors of {spec.dim} numbers, the encoder makes {queries.shape[1]}")


class VectorSearch(Protocol):
    """Finds the nearest vectors of queries."""

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query.

        Args:
            queries: Unit vectors, float32 [queries, dim].
            k: At least 1. If the index holds fewer vectors, all of them are returned.
        """


def nearest_of_views(search: VectorSearch, embeddings: NDArray[np.float32], k: int) -> Neighbours:
    """Return the `k` nearest vectors of photos with several views; a vector's score is that of its best view.

    Args:
        search: The search to use.
        embeddings: Unit vectors, float32 [photos, views, dim].
        k: As in `VectorSearch.nearest`.

    Returns:
        Neighbours with one row for each photo.
    """
    photos, views, dim = embeddings.shape
    found = search.nearest(embeddings.reshape(photos * views, dim), k)
    if views == 1:
        return found
    ids, scores = found.ids.reshape(photos, -1), found.scores.reshape(photos, -1)
    merged = [_best_of_each(each, of_each, found.ids.shape[1]) for each, of_each in zip(ids, scores, strict=True)]
    return Neighbours(ids=np.stack([ids for ids, _ in merged]), scores=np.stack([scores for _, scores in merged]))


def _best_of_each(
    ids: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the best `k` distinct ids, each with its best score; equal scores are ordered by id."""
    order = np.lexsort((ids, -scores))
    _, first = np.unique(ids[order], return_index=True)
    kept = order[np.sort(first)[:k]]
    return ids[kept], scores[kept]


class MappedSearch:
    """Search by numpy in the mapped file.

    Threads may share it: a search only reads the mapped arrays.
    """

    def __init__(self, path: Path, spec: IndexSpec, *, among: NDArray[np.int64] | None = None) -> None:
        """Map an index file. Its hash must have been checked.

        Args:
            path: The index file.
            spec: The manifest's entry for it.
            among: Index ids, int64 [m], at least one: only these vectors can be found. None searches all.

        Raises:
            PackDamagedError: The file differs from `spec`.
        """
        self._path, self._spec = path, spec
        self._rows: IndexRows = map_index_file(path, spec)
        self._kept = None if among is None else np.flatnonzero(np.isin(self._rows.ids, among))

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query; see `VectorSearch.nearest`."""
        check_dim(queries, self._spec, self._path)
        scores = np.stack([self._scores(query) for query in queries])
        if not np.isfinite(scores).all():
            raise PackDamagedError(f"{self._path}: holds NaN or infinite values; build or fetch the pack again")
        kept_ids = self._rows.ids if self._kept is None else self._rows.ids[self._kept]
        ids = np.broadcast_to(kept_ids, scores.shape)
        return best_neighbours(ids, scores, k)

    def _scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        # q . (offset + scale * code) = q . offset + (q * scale) . code: the codes are never decoded.
        weights = (query * self._rows.scale).astype(np.float32)
        base = np.float32(query @ self._rows.offset)
        codes = self._rows.codes
        rows = len(codes) if self._kept is None else len(self._kept)
        chunks = (slice(at, at + _CHUNK_ROWS) for at in range(0, rows, _CHUNK_ROWS))
        wanted = chunks if self._kept is None else (self._kept[chunk] for chunk in chunks)
        return np.concatenate([codes[some].astype(np.float32) @ weights for some in wanted]) + base


class FaissSearch:
    """Search by FAISS, for many queries. Threads may share it.

    A search only reads the index and the selector. It changes its parameters: `IndexIDMap` replaces their selector and
    restores it at the end. So each search has its own parameters.
    """

    def __init__(self, path: Path, spec: IndexSpec, *, among: NDArray[np.int64] | None = None) -> None:
        """Open an index file. Its hash must have been checked.

        Args:
            path: The index file.
            spec: The manifest's entry for it.
            among: Index ids, int64 [m], at least one: only these vectors can be found. None searches all.

        Raises:
            PackDamagedError: The file differs from `spec`.
        """
        check_room_for_faiss()
        import faiss

        rows = map_index_file(path, spec)  # checks the structure first: FAISS is native code
        # The index keeps the file mapped, and a running search keeps the index alive.
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        self._path, self._spec, self._count = path, spec, spec.count
        self._selector, self._one_at_a_time = None, Lock()
        if among is not None:
            kept = np.intersect1d(rows.ids, among)
            self._count = len(kept)
            self._selector = faiss.IDSelectorBatch(kept)  # copies the ids; a lookup writes nothing

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query; see `VectorSearch.nearest`."""
        check_dim(queries, self._spec, self._path)
        vectors = np.ascontiguousarray(queries, dtype=np.float32)
        asked = min(k + 1, self._count)
        scores, ids = self._index.search(vectors, asked, params=self._parameters())
        # If the first score left out equals the last one kept, FAISS chose among equal scores: ask for more.
        while asked < self._count and np.any(scores[:, k - 1] == scores[:, -1]):
            asked = min(2 * asked, self._count)
            scores, ids = self._index.search(vectors, asked, params=self._parameters())
        return best_neighbours(ids, scores, k)

    def _parameters(self) -> faiss.SearchParameters | None:
        """Return parameters for one search; None without a selector."""
        if self._selector is None:
            return None
        import faiss

        # FAISS's Python wrapper takes the selector's ownership and gives it back. If two threads do so at once, the
        # selector has no owner, and its memory is never freed.
        with self._one_at_a_time:
            return faiss.SearchParameters(sel=self._selector)  # type: ignore[call-arg]  # taken in Python only


def best_neighbours(ids: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Neighbours:
    """Return the best `k` scored vectors of each query; equal scores are ordered by id.

    Args:
        ids: Index ids, int64 [queries, n].
        scores: Cosine similarities, float32 [queries, n].
        k: At least 1; at most n are returned.
    """
    k = min(k, scores.shape[1])
    chosen = [_best_columns(row_ids, row_scores, k) for row_ids, row_scores in zip(ids, scores, strict=True)]
    columns = np.stack(chosen)
    return Neighbours(
        ids=np.take_along_axis(ids, columns, axis=1),
        scores=np.take_along_axis(scores, columns, axis=1).astype(np.float32),
    )


def _best_columns(ids: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    if k < len(scores):
        kth_best = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero(scores >= kth_best)  # more than k if scores tie at the edge
    else:
        candidates = np.arange(len(scores))
    order = np.lexsort((ids[candidates], -scores[candidates]))
    return candidates[order[:k]]
