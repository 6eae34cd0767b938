"""Drawn unit vectors that lie in clusters around a common direction, as embeddings lie in a cone."""

from __future__ import annotations

import faiss
import numpy as np

from edge_identify.edge_runtime.pack.manifest import IndexKind


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors at length 1, float32 [n, dim]."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(count: int, dim: int, *, seed: int = 1, per_cluster: int = 30, spread: float = 0.4) -> np.ndarray:
    """Return unit vectors, float32 [count, dim], of clusters in turn.

    Args:
        count: How many.
        dim: Their length.
        seed: Of the randomness.
        per_cluster: How many vectors lie in one.
        spread: Size of each number of a vector's own part beside the cluster's.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count // per_cluster, dim)) + 2 * rng.normal(size=dim)
    return unit(centres[np.arange(count) % len(centres)] + spread * rng.normal(size=(count, dim)))


def faiss_index(kind: IndexKind, vectors: np.ndarray, ids: np.ndarray) -> faiss.Index:
    """Return the index that a pack of this kind holds of vectors, float32 [n, dim], under ids, int64 [n]."""
    dim = vectors.shape[1]
    inner = faiss.IndexFlatIP(dim)
    if kind is IndexKind.SQ8:
        inner = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexIDMap2(inner)
    index.train(vectors)
    index.add_with_ids(vectors, ids)
    return index
