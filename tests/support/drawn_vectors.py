"""Drawn unit vectors in clusters around a common direction, since embeddings lie in a cone."""

from __future__ import annotations

import faiss
import numpy as np

from edge_identify.edge_runtime.pack.manifest import IndexKind


def unit(vectors: np.ndarray) -> np.ndarray:
    """Normalise vectors to unit length, float32 [n, dim]."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def clustered(count: int, dim: int, *, seed: int = 1, per_cluster: int = 30, spread: float = 0.4) -> np.ndarray:
    """Return unit vectors, float32 [count, dim], the clusters in turn.

    Args:
        count: Number of vectors.
        dim: Their dimension.
        seed: Random seed.
        per_cluster: Vectors per cluster.
        spread: Standard deviation of the noise that is added to each component of the cluster's centre.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count // per_cluster, dim)) + 2 * rng.normal(size=dim)
    return unit(centres[np.arange(count) % len(centres)] + spread * rng.normal(size=(count, dim)))


def faiss_index(kind: IndexKind, vectors: np.ndarray, ids: np.ndarray) -> faiss.Index:
    """Return the FAISS index of a kind for vectors, float32 [n, dim], with ids, int64 [n]."""
    dim = vectors.shape[1]
    inner: faiss.Index = faiss.IndexFlatIP(dim)
    if kind is IndexKind.SQ8:
        inner = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexIDMap2(inner)
    index.train(vectors)
    index.add_with_ids(vectors, ids)
    return index
