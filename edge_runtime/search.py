"""The nearest vectors of an index, by cosine similarity: with numpy for one photo, with FAISS for many.

Importing FAISS costs more than searching 4,000 vectors once, so a single question is answered from the mapped
file; a folder of photos or a server uses FAISS. Both give the same ids and, within rounding, the same scores. Equal
scores are ordered by id, so that an answer does not depend on the route. Both look at every vector; `sign_search` opens
a pack and spares that where the pack is large.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.index_file import IndexRows, map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexSpec

if TYPE_CHECKING:
    import faiss
    from numpy.typing import NDArray

_CHUNK_ROWS = 16_384  # 32 MB as float32 at 512 dimensions: decoded a piece at a time, whatever the index's size


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The nearest vectors of some queries, best first.

    Attributes:
        ids: int64 [queries, k].
        scores: float32 [queries, k], cosine similarity, -1 to 1.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]


def check_dim(queries: NDArray[np.float32], spec: IndexSpec, path: Path) -> None:
    """Refuse queries of another length than the index holds.

    Raises:
        PackDamagedError: The pack's encoder and index do not belong together.
    """
    if queries.shape[1] != spec.dim:
        raise PackDamagedError(f"{path}: holds vectors of {spec.dim} numbers, the encoder makes {queries.shape[1]}")


class VectorSearch(Protocol):
    """Something that finds the nearest vectors."""

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query.

        Args:
            queries: Unit vectors, float32 [queries, dim].
            k: At least 1; more than the index holds gives all it holds.
        """


def nearest_of_views(search: VectorSearch, embeddings: NDArray[np.float32], k: int) -> Neighbours:
    """Return the `k` nearest vectors of some photos with several views each: a vector counts by its best one.

    Args:
        search: Finds them.
        embeddings: float32 [photos, views, dim].
        k: As `VectorSearch.nearest` takes it.
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
    """Return the best `k` of ids that may occur several times, each with its best score; equal scores by id."""
    order = np.lexsort((ids, -scores))
    _, first = np.unique(ids[order], return_index=True)
    kept = order[np.sort(first)[:k]]
    return ids[kept], scores[kept]


class MappedSearch:
    """Search by numpy in the mapped file; nothing is loaded but the rows themselves.

    Threads may share it: a search only reads the mapped arrays.
    """

    def __init__(self, path: Path, spec: IndexSpec, *, among: NDArray[np.int64] | None = None) -> None:
        """Map an index file whose hash has been checked; see `map_index_file` for what is refused.

        Args:
            path: The file.
            spec: What the manifest says of it.
            among: Ids, int64 [m], at least one: only their vectors are found. None finds all.
        """
        self._path, self._spec = path, spec
        self._rows: IndexRows = map_index_file(path, spec)
        self._kept = None if among is None else np.flatnonzero(np.isin(self._rows.ids, among))

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query; see `VectorSearch.nearest`."""
        check_dim(queries, self._spec, self._path)
        scores = np.stack([self._scores(query) for query in queries])
        if not np.isfinite(scores).all():
            raise PackDamagedError(f"{self._path}: holds values that are no numbers; build or fetch the pack again")
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
    """Search by FAISS, for many questions; any number of threads may ask at once.

    A search reads index and selector and changes neither. It does change its parameters: `IndexIDMap` puts another
    selector into them and takes it out at the end. So each search has parameters of its own.
    """

    def __init__(self, path: Path, spec: IndexSpec, *, among: NDArray[np.int64] | None = None) -> None:
        """Open an index file whose hash has been checked.

        Args:
            path: The file.
            spec: What the manifest says of it.
            among: Ids, int64 [m], at least one: only their vectors are found. None finds all.

        Raises:
            PackDamagedError: The file is not what `spec` says.
        """
        import faiss

        rows = map_index_file(path, spec)  # FAISS is native code: hand it only a file whose structure was walked
        # The index keeps the file mapped for as long as it lives, and a running search keeps the index alive.
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        self._path, self._spec, self._count = path, spec, spec.count
        self._selector, self._one_at_a_time = None, Lock()
        if among is not None:
            kept = np.intersect1d(rows.ids, among)
            self._count = len(kept)
            self._selector = faiss.IDSelectorBatch(kept)  # a copy of the ids; looking one up writes nothing

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query; see `VectorSearch.nearest`."""
        check_dim(queries, self._spec, self._path)
        vectors = np.ascontiguousarray(queries, dtype=np.float32)
        asked = min(k + 1, self._count)
        scores, ids = self._index.search(vectors, asked, params=self._parameters())
        # Where the first score left out equals the last one kept, FAISS chose by its own order: look further.
        while asked < self._count and np.any(scores[:, k - 1] == scores[:, -1]):
            asked = min(2 * asked, self._count)
            scores, ids = self._index.search(vectors, asked, params=self._parameters())
        return best_neighbours(ids, scores, k)

    def _parameters(self) -> faiss.SearchParameters | None:
        """Return parameters for one search; None where all vectors may be found."""
        if self._selector is None:
            return None
        import faiss

        # FAISS' Python takes the selector's ownership away and puts it back. Two threads that do so at once leave the
        # selector without an owner, and its memory is never freed.
        with self._one_at_a_time:
            return faiss.SearchParameters(sel=self._selector)  # type: ignore[call-arg]  # taken in Python only


def best_neighbours(ids: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Neighbours:
    """Return the best `k` of scored vectors, equal scores by id; `ids` and `scores` are [queries, n]."""
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
        candidates = np.flatnonzero(scores >= kth_best)  # a few more than k where scores tie at the edge
    else:
        candidates = np.arange(len(scores))
    order = np.lexsort((ids[candidates], -scores[candidates]))
    return candidates[order[:k]]
