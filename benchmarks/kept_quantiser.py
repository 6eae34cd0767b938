"""What an index loses when it keeps the quantiser of an earlier, smaller version of the pack.

The vectors are those of a pack's index, or drawn. The quantiser is measured on the first N of them, as an earlier
version would have, and stores all. The queries are the vectors with noise. Prints one JSON line for each N.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from material import clustered_vectors, machine

from edge_identify.convert.packing.pack_index import MOST_DISTANCE, write_index
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.pack_reader import read_manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOISE = 6.0  # length of what is added to a unit vector, so that about half of the queries find theirs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "pack", type=Path, nargs="?", help="folder of a pack with more than 512 images (default: drawn)"
    )
    parser.add_argument("--drawn", type=int, default=4000, help="drawn vectors, without a pack")
    parser.add_argument("--queries", type=int, default=1000, help="noisy vectors to search for")
    options = parser.parse_args()
    vectors = stored_vectors(options.pack) if options.pack else clustered_vectors(options.drawn, 64, seed=1)
    queries, truth = noisy(vectors, options.queries)
    for count in sorted({256, len(vectors) // 8, len(vectors) // 4, len(vectors) // 2, len(vectors)}):
        if 256 <= count <= len(vectors):
            print(json.dumps(measured(vectors, count, queries, truth) | {"machine": machine()}), flush=True)


def stored_vectors(pack: Path) -> NDArray[np.float32]:
    """Return the vectors of a pack's index, float32 [n, dim], as unit vectors."""
    manifest = read_manifest(pack)
    rows = map_index_file(pack / manifest.index.file, manifest.index)
    vectors = rows.codes * rows.scale + rows.offset
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def noisy(vectors: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return unit vectors near some of the stored ones, and which ones those are."""
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, len(vectors), count)
    found = vectors[chosen] + _NOISE * rng.normal(size=(count, vectors.shape[1])) / vectors.shape[1] ** 0.5
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32), chosen


def measured(
    vectors: NDArray[np.float32], count: int, queries: NDArray[np.float32], truth: NDArray[np.int64]
) -> dict[str, Any]:
    """Measure the quantiser of the first `count` vectors on all of them, also where a build would not keep it."""
    with TemporaryDirectory() as name:
        path = Path(name) / "index"
        quantiser = write_index(path, vectors[:count], np.arange(count, dtype=np.int64)).new_quantiser
    assert quantiser is not None, "256 vectors and more are quantised"
    decoded = quantiser.decoded(vectors)
    exact, coded = queries @ vectors.T, queries @ decoded.T
    distances = np.linalg.norm(decoded - vectors, axis=1)
    return {
        "benchmark": "kept_quantiser",
        "vectors": len(vectors),
        "measured_on": count,
        "kept": bool(distances.max() <= MOST_DISTANCE),
        "largest_distance": round(float(distances.max()), 4),
        "score_change_mean": round(float(np.abs(coded - exact).mean()), 5),
        "score_change_most": round(float(np.abs(coded - exact).max()), 4),
        "recall_at_1_exact": round(float((exact.argmax(axis=1) == truth).mean()), 4),
        "recall_at_1": round(float((coded.argmax(axis=1) == truth).mean()), 4),
    }


if __name__ == "__main__":
    main()
