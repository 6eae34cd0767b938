"""Search in large packs: a shortlist by the signs of the vectors, ranked by the index itself.

The signs of 1,000,000 x 512 are 64 MB instead of 512, and comparing them is one XOR and one count of bits. The rows
nearest by Hamming distance are scored exactly as the whole index would be; only a vector that the shortlist misses
is lost, and the builder leaves the signs out where that happens (`convert.packing.signs`).

A newcomer would cut the shortlist at a number of rows. Distances are small whole numbers and tie by the hundred:
then which rows are in depends on the route. Here a distance is in or out with all its rows, so equal vectors stay
together and numpy and FAISS make the same shortlist.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.binary_codes_file import BinaryCodes, binarise, map_binary_codes_file
from edge_identify.edge_runtime.pack.index_file import IndexRows, map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexSpec
from edge_identify.edge_runtime.search.vector_search import (
    FaissSearch,
    MappedSearch,
    Neighbours,
    VectorSearch,
    best_neighbours,
    check_dim,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.pack.pack_reader import Pack

# Recall@10 against the scan of all codes, 1,000,000 x 512 clustered vectors, two spectra, by length of the shortlist:
# 100: .87 and .70, 200: .998 and .992, 400: 1 and 1. So 400 are asked for; at least half of them are kept.
_LEAST_ASKED = 400
_ASKED_PER_ANSWER = 40  # the same proportion where more than ten answers are wanted

# Scoring a chosen row costs about .4 us, scanning it with FAISS .03 us: past a twentieth of the rows, scan them all.
_MOST_SHARE = 20

_CHUNK_ROWS = 8192  # 512 KB of XORed words at 512 dimensions: stays in a core's cache
_MOST_COUNTED = 4096  # rows asked for: FAISS's counting variant takes 8 bytes for each row and possible distance


def open_search(pack: Pack, *, many: bool, among: NDArray[np.int64] | None = None) -> VectorSearch:
    """Return the search that suits a pack, hashes checked first.

    Args:
        pack: An open pack.
        many: Prepare for many questions (FAISS) rather than for a fast single answer (numpy).
        among: Ids, int64 [m], at least one: only their vectors are found, each compared. None finds all.

    Raises:
        PackDamagedError: A file is not what the manifest says.
    """
    spec = pack.manifest.index
    path = pack.file(spec.file)
    # A shortlist by signs may hold none of a few chosen ones, so these are all compared.
    if spec.binary_codes is None or among is not None:
        return FaissSearch(path, spec, among=among) if many else MappedSearch(path, spec, among=among)
    return BinaryCodeSearch(path, pack.file(spec.binary_codes.file), spec, many=many)


class HammingScan(Protocol):
    """Something that compares a query's signs with those of all rows."""

    def nearer(self, bits: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
        """Return the rows strictly nearer, by Hamming distance, than the `count`-th nearest, in order of position.

        Args:
            bits: One query, uint8 [row_bytes].
            count: From 1 to the number of rows.
        """


class NumpyHammingScan:
    """Compares signs with numpy, for one question."""

    def __init__(self, codes: BinaryCodes) -> None:
        """Take mapped signs."""
        self._words = codes.rows.view(np.uint64)

    def nearer(self, bits: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
        """See `HammingScan.nearer`."""
        distances = self._distances(bits.view(np.uint64))
        return np.flatnonzero(distances < np.partition(distances, count - 1)[count - 1])

    def _distances(self, query: NDArray[np.uint64]) -> NDArray[np.float32]:
        # Float32 holds every distance exactly, and a product with ones adds a row's counts faster than `sum`.
        shape = (min(_CHUNK_ROWS, len(self._words)), len(query))
        differing, counts = np.empty(shape, np.uint64), np.empty(shape, np.float32)
        queries, ones = np.tile(query, (shape[0], 1)), np.ones(len(query), np.float32)
        distances = np.empty(len(self._words), np.float32)
        for at in range(0, len(self._words), _CHUNK_ROWS):
            words = self._words[at : at + _CHUNK_ROWS]
            n = len(words)
            np.bitwise_xor(words, queries[:n], out=differing[:n])
            np.bitwise_count(differing[:n], out=counts[:n], casting="unsafe")
            np.dot(counts[:n], ones, out=distances[at : at + n])
        return distances


class FaissHammingScan:
    """Compares signs with FAISS, for many questions.

    Threads may share it: it holds no object of FAISS. `knn_hamming` is a function that reads the mapped rows and writes
    into arrays of its own.
    """

    def __init__(self, codes: BinaryCodes) -> None:
        """Take mapped signs; FAISS reads them where they lie."""
        self._rows = codes.rows

    def nearer(self, bits: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
        """See `HammingScan.nearer`."""
        import faiss

        variant = "mc" if count <= _MOST_COUNTED else "hc"
        distances, rows = faiss.knn_hamming(bits[None], self._rows, count, variant=variant)
        return np.sort(rows[0][distances[0] < distances[0, -1]])


class BinaryCodeSearch:
    """Search by a shortlist of signs; for so many answers that a shortlist gains nothing, by the whole index.

    Threads may share it: the mapped files are only read.
    """

    def __init__(self, path: Path, codes_path: Path, spec: IndexSpec, *, many: bool) -> None:
        """Map an index file and its signs, the hashes of both checked.

        Args:
            path: The index file.
            codes_path: Its signs.
            spec: What the manifest says of them.
            many: Use FAISS for the scans rather than numpy.

        Raises:
            PackDamagedError: A file is not what `spec` says.
        """
        self._path, self._spec = path, spec
        self._codes = map_binary_codes_file(codes_path, spec)
        self._scan: HammingScan = FaissHammingScan(self._codes) if many else NumpyHammingScan(self._codes)
        self._rows: IndexRows = map_index_file(path, spec)
        self._many = many

    @cached_property
    def _whole(self) -> VectorSearch:
        # Seldom asked: FAISS makes a table of a million ids when it opens its index, 40 ms and 60 MiB. Threads that
        # come first together may each open one (from Python 3.12 on); the last one stays, and all answer alike.
        return FaissSearch(self._path, self._spec) if self._many else MappedSearch(self._path, self._spec)

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query; see `VectorSearch.nearest`."""
        check_dim(queries, self._spec, self._path)
        found = [
            self._nearest_of(query, bits, k)
            for query, bits in zip(queries, binarise(queries, self._codes.mean), strict=True)
        ]
        return Neighbours(
            ids=np.concatenate([one.ids for one in found]), scores=np.concatenate([one.scores for one in found])
        )

    def _nearest_of(self, query: NDArray[np.float32], bits: NDArray[np.uint8], k: int) -> Neighbours:
        shortlist = self._shortlist(bits, k)
        if shortlist is None:
            return self._whole.nearest(query[None], k)
        scores = self._scores(query, shortlist)
        if not np.isfinite(scores).all():
            raise PackDamagedError(f"{self._path}: holds values that are no numbers; build or fetch the pack again")
        return best_neighbours(self._rows.ids[shortlist][None], scores[None], k)

    def _shortlist(self, bits: NDArray[np.uint8], k: int) -> NDArray[np.intp] | None:
        asked = max(_LEAST_ASKED, _ASKED_PER_ANSWER * k)
        while asked * _MOST_SHARE <= self._spec.count:
            rows = self._scan.nearer(bits, asked)
            if len(rows) >= asked // 2:
                return rows
            asked *= 2  # many rows share the distance that was left out
        return None

    def _scores(self, query: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        # As MappedSearch does; einsum adds every row in the same order, so equal vectors have equal scores.
        weights = (query * self._rows.scale).astype(np.float32)
        codes = self._rows.codes[rows].astype(np.float32)
        products: NDArray[np.float32] = np.einsum("ij,j->i", codes, weights)
        return products + np.float32(query @ self._rows.offset)
