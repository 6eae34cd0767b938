"""Search in large packs: a shortlist by Hamming distance of binary codes, ranked by the index itself.

The binary codes of 1,000,000 x 512 numbers take 64 MB instead of 512, and a comparison is one XOR and one popcount. The
rows of the shortlist are scored exactly as in a search of the whole index. So only a vector outside the shortlist is
lost. The builder leaves the codes out of packs where that happens (`convert.packing.pack_binary_codes`).

Trap: Hamming distances are small whole numbers, and hundreds of rows have the same distance. A shortlist of a fixed
number of rows would depend on the library. So the shortlist takes all rows of a distance or none. Equal vectors stay
together, and numpy and FAISS return the same shortlist.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.io.address_space import check_room_for_faiss
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

    from edge_identify.edge_runtime.pack.binary_codes_file import BinaryCodes
    from edge_identify.edge_runtime.pack.pack_reader import Pack

# Recall@10 against the scan of the whole index, 1,000,000 x 512 clustered vectors, two spectra, by length of the
# shortlist: 100: .87 and .70, 200: .998 and .992, 400: 1 and 1. So 400 are requested; at least half of them are kept.
_LEAST_ASKED = 400
_ASKED_PER_ANSWER = 40  # the same proportion for more than ten answers

# Scoring a row of the shortlist takes about .4 us, scanning it with FAISS .03 us: beyond a twentieth of the rows, scan
# the whole index.
_MOST_SHARE = 20

_CHUNK_ROWS = 8192  # 512 KB of XORed words at 512 dimensions: stays in a core's cache
_MOST_COUNTED = 4096  # rows requested; FAISS's counting variant takes 8 bytes for each row and possible distance


def open_search(pack: Pack, *, many: bool, among: NDArray[np.int64] | None = None) -> VectorSearch:
    """Open the search that suits a pack. The hashes of its files are checked first.

    Args:
        pack: An open pack.
        many: Optimise for many queries (FAISS) instead of a fast first answer (numpy).
        among: Index ids, int64 [m], at least one: only these vectors can be found, and all of them are compared. None
            searches all vectors.

    Raises:
        PackDamagedError: A file differs from the manifest.
    """
    spec = pack.manifest.index
    path = pack.file(spec.file)
    # A shortlist by binary codes may miss a few selected vectors, so those are all compared.
    if spec.binary_codes is None or among is not None:
        return FaissSearch(path, spec, among=among) if many else MappedSearch(path, spec, among=among)
    return BinaryCodeSearch(path, pack.file(spec.binary_codes.file), spec, many=many)


class HammingScan(Protocol):
    """Compares a query's binary code with those of all rows."""

    def nearer(self, bits: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
        """Return the rows whose Hamming distance is less than that of the `count`-th nearest row, in rising order.

        Args:
            bits: Binary code of one query, uint8 [row_bytes].
            count: 1 to the number of rows.

        Returns:
            Row numbers, intp [m], m < `count`.
        """


class NumpyHammingScan:
    """Hamming distances by numpy, for a single query."""

    def __init__(self, codes: BinaryCodes) -> None:
        """Use mapped binary codes."""
        self._words = codes.rows.view(np.uint64)

    def nearer(self, bits: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
        """See `HammingScan.nearer`."""
        distances = self._distances(bits.view(np.uint64))
        return np.flatnonzero(distances < np.partition(distances, count - 1)[count - 1])

    def _distances(self, query: NDArray[np.uint64]) -> NDArray[np.float32]:
        # float32 holds every distance exactly, and a product with ones is faster than `sum`.
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
    """Hamming distances by FAISS, for many queries.

    Threads may share it: it holds no FAISS object. `knn_hamming` reads the mapped rows and writes into new arrays.
    """

    def __init__(self, codes: BinaryCodes) -> None:
        """Use mapped binary codes; FAISS reads them without a copy."""
        self._rows = codes.rows

    def nearer(self, bits: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
        """See `HammingScan.nearer`."""
        check_room_for_faiss()
        import faiss

        variant = "mc" if count <= _MOST_COUNTED else "hc"
        distances, rows = faiss.knn_hamming(bits[None], self._rows, count, variant=variant)
        return np.sort(rows[0][distances[0] < distances[0, -1]])


class BinaryCodeSearch:
    """Search by a shortlist of binary codes. If a shortlist gains nothing, the whole index is searched.

    Threads may share it: the mapped files are only read.
    """

    def __init__(self, path: Path, codes_path: Path, spec: IndexSpec, *, many: bool) -> None:
        """Map an index file and its binary codes. The hashes of both must have been checked.

        Args:
            path: The index file.
            codes_path: The file of binary codes.
            spec: The manifest's entry for both.
            many: Use FAISS for the scans instead of numpy.

        Raises:
            PackDamagedError: A file differs from `spec`.
        """
        from edge_identify.edge_runtime.pack.binary_codes_file import map_binary_codes_file  # few packs have codes

        self._path, self._spec = path, spec
        self._codes = map_binary_codes_file(codes_path, spec)
        self._scan: HammingScan = FaissHammingScan(self._codes) if many else NumpyHammingScan(self._codes)
        self._rows: IndexRows = map_index_file(path, spec)
        self._many = many

    @cached_property
    def _whole(self) -> VectorSearch:
        # Rarely needed, so opened on demand: FAISS builds a table of a million ids, 40 ms and 60 MiB. From Python 3.12
        # on, threads that come at the same time may each open one; the last one is kept, and all answer alike.
        return FaissSearch(self._path, self._spec) if self._many else MappedSearch(self._path, self._spec)

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """Return the `k` nearest vectors of each query; see `VectorSearch.nearest`."""
        from edge_identify.edge_runtime.pack.binary_codes_file import binarise

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
            raise PackDamagedError(f"{self._path}: holds NaN or infinite values; build or fetch the pack again")
        return best_neighbours(self._rows.ids[shortlist][None], scores[None], k)

    def _shortlist(self, bits: NDArray[np.uint8], k: int) -> NDArray[np.intp] | None:
        asked = max(_LEAST_ASKED, _ASKED_PER_ANSWER * k)
        while asked * _MOST_SHARE <= self._spec.count:
            rows = self._scan.nearer(bits, asked)
            if len(rows) >= asked // 2:
                return rows
            asked *= 2  # too many rows share the distance that was left out
        return None

    def _scores(self, query: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        # As in MappedSearch. einsum adds every row in the same order, so equal vectors have equal scores.
        weights = (query * self._rows.scale).astype(np.float32)
        codes = self._rows.codes[rows].astype(np.float32)
        products: NDArray[np.float32] = np.einsum("ij,j->i", codes, weights)
        return products + np.float32(query @ self._rows.offset)
