"""Search at 4,000, 100,000 and 1,000,000 vectors of 512 dimensions, one photo at a time, one thread.

    python benchmarks/search.py [--counts 4000 100000 1000000]

Prints one JSON line for each size: milliseconds by numpy in the mapped file and by FAISS on the same file, time to
open it, and recall@10 against exact search in float32. The vectors are random and clustered; queries are noisy copies.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from material import clustered_vectors, write_index
from measuring import print_line, wall_ms_interleaved

from edge_identify.edge_runtime.search import FaissSearch, MappedSearch, VectorSearch

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIM = 512
_QUERIES = 30
_NOISE = 0.4  # length of what is added to a vector to make a query of it: cosine .93 to its source
_K = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[4_000, 100_000, 1_000_000])
    options = parser.parse_args()
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            _measure(count, Path(folder) / "images.faiss")


def _measure(count: int, path: Path) -> None:
    vectors = clustered_vectors(count, _DIM, seed=1)
    queries = _noisy(vectors)
    exact = _exact(vectors, queries)
    spec = write_index(path, vectors)
    del vectors
    started = perf_counter()
    mapped = MappedSearch(path, spec)
    mapped_open_ms = 1000 * (perf_counter() - started)
    started = perf_counter()
    faiss = FaissSearch(path, spec)
    faiss_open_ms = 1000 * (perf_counter() - started)
    turn = iter(range(10**9))

    def one(search: VectorSearch) -> None:
        at = next(turn) % _QUERIES
        search.nearest(queries[at : at + 1], _K)

    rounds = 5 if count > 200_000 else 31
    taken = wall_ms_interleaved({"numpy": lambda: one(mapped), "faiss": lambda: one(faiss)}, rounds)
    print_line(
        "search",
        count=count,
        dim=_DIM,
        search_ms=taken,
        open_ms={"numpy": round(mapped_open_ms, 2), "faiss_with_import": round(faiss_open_ms, 2)},
        recall_at_10={
            "numpy": _recall(mapped, queries[:_QUERIES], exact),
            "faiss": _recall(faiss, queries[:_QUERIES], exact),
        },
        bytes_per_vector=round(path.stat().st_size / count, 1),
    )


def _noisy(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((_QUERIES, _DIM), dtype=np.float32) * np.float32(_NOISE / _DIM**0.5)
    queries = vectors[rng.integers(0, len(vectors), _QUERIES)] + noise
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), dtype=np.float32)


def _exact(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> list[set[int]]:
    return [set(np.argpartition(-(vectors @ query), _K)[:_K].tolist()) for query in queries]


def _recall(search: VectorSearch, queries: NDArray[np.float32], exact: list[set[int]]) -> float:
    found = [set(search.nearest(query[None], _K).ids[0].tolist()) for query in queries]
    return round(sum(len(ours & truth) for ours, truth in zip(found, exact, strict=True)) / (_K * len(exact)), 4)


if __name__ == "__main__":
    main()
