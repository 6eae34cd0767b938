"""Search at 4,000, 100,000 and 1,000,000 vectors of 512 dimensions, one photo at a time, one thread.

    python benchmarks/search.py [--counts 4000 100000 1000000]

Prints one JSON line for each size. Four ways: all codes by numpy (in the mapped file) and by FAISS, and a shortlist by
binary codes, scanned by either. For each: wall and CPU milliseconds, time to open, peak memory of a process that opens
the files and asks one question, recall@10 against exact search in float32, and against the scan of all codes, which is
what the shortlist could lose. The vectors are random and clustered; queries are noisy copies.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from material import clustered_vectors, write_index
from measuring import cpu_ms_interleaved, print_line, wall_ms_interleaved

from edge_identify.convert.packing.pack_binary_codes import share_found, write_binary_codes
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexKind, IndexSpec
from edge_identify.edge_runtime.search.binary_codes import BinaryCodeSearch
from edge_identify.edge_runtime.search.vector_search import FaissSearch, MappedSearch, VectorSearch
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIM = 512
_QUERIES = 30
_NOISE = 0.4  # length of what is added to a vector to make a query of it: cosine .93 to its source
_K = 10
_WAYS = ("numpy", "faiss", "binary_codes_numpy", "binary_codes_faiss")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[4_000, 100_000, 1_000_000])
    parser.add_argument("--alone", choices=_WAYS, help=argparse.SUPPRESS)  # one way, in a process of its own
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        _ask_alone(options.alone, options.folder, options.counts[0])
        return
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            _measure(count, Path(folder))


def _measure(count: int, folder: Path) -> None:
    vectors = clustered_vectors(count, _DIM, seed=1)
    queries = _noisy(vectors)
    exact = _exact(vectors, queries)
    spec = write_index(folder / "images.faiss", vectors)
    write_binary_codes(folder / "images.binary-codes", map_index_file(folder / "images.faiss", spec))
    np.save(folder / "queries.npy", queries)
    del vectors
    searches, open_ms = _open_all(folder, spec)
    turn = iter(range(10**9))

    def one(search: VectorSearch) -> None:
        at = next(turn) % _QUERIES
        search.nearest(queries[at : at + 1], _K)

    asked = {way: lambda search=search: one(search) for way, search in searches.items()}
    rounds = 11 if count > 200_000 else 51
    found = {way: search.nearest(queries, _K) for way, search in searches.items()}
    print_line(
        "search",
        count=count,
        dim=_DIM,
        wall_ms=wall_ms_interleaved(asked, rounds),
        cpu_ms=cpu_ms_interleaved(asked, rounds),
        open_ms=open_ms,
        peak_mib={way: _peak_mib(way, folder, count) for way in _WAYS},
        recall_at_10={way: _recall(result.ids, exact) for way, result in found.items()},
        recall_at_10_of_codes={way: round(share_found(result, found["faiss"]), 4) for way, result in found.items()},
        bytes_per_vector={
            "index": round((folder / "images.faiss").stat().st_size / count, 1),
            "binary_codes": round((folder / "images.binary-codes").stat().st_size / count, 1),
        },
    )


def _open_all(folder: Path, spec: IndexSpec) -> tuple[Mapping[str, VectorSearch], Mapping[str, float]]:
    searches, open_ms = {}, {}
    for way in _WAYS:
        started = perf_counter()
        searches[way] = _open(way, folder, spec)
        open_ms[way] = round(1000 * (perf_counter() - started), 2)
    return searches, open_ms


def _open(way: str, folder: Path, spec: IndexSpec) -> VectorSearch:
    path, binary_codes = folder / "images.faiss", folder / "images.binary-codes"
    match way:
        case "numpy":
            return MappedSearch(path, spec)
        case "faiss":
            return FaissSearch(path, spec)
        case _:
            return BinaryCodeSearch(path, binary_codes, spec, many=way == "binary_codes_faiss")


def _ask_alone(way: str, folder: Path, count: int) -> None:
    spec = IndexSpec(
        file="images.faiss",
        kind=IndexKind.SQ8,
        dim=_DIM,
        count=count,
        embedded_with="random",
        most_images_per_reference=1,
    )
    _open(way, folder, spec).nearest(np.load(folder / "queries.npy")[:1], _K)


def _peak_mib(way: str, folder: Path, count: int) -> float | None:
    command = [sys.executable, __file__, "--counts", str(count), "--alone", way, "--folder", str(folder)]
    peak = peak_memory_bytes(command)
    return None if peak is None else round(peak / 2**20, 1)


def _noisy(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((_QUERIES, _DIM), dtype=np.float32) * np.float32(_NOISE / _DIM**0.5)
    queries = vectors[rng.integers(0, len(vectors), _QUERIES)] + noise
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), dtype=np.float32)


def _exact(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> list[set[int]]:
    return [set(np.argpartition(-(vectors @ query), _K)[:_K].tolist()) for query in queries]


def _recall(found: NDArray[np.int64], exact: list[set[int]]) -> float:
    return round(sum(len(set(ours) & truth) for ours, truth in zip(found.tolist(), exact, strict=True)) / found.size, 4)


if __name__ == "__main__":
    main()
