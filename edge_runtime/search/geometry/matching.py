"""Pairs of points whose descriptors are each other's nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.search.geometry.points import Points


def mutual_pairs(reference: Points, photo: Points, least_similarity: float) -> NDArray[np.intp]:
    """Return pairs (reference point, photo point), intp [n, 2], the most similar first.

    Both are each other's nearest, and their cosine similarity is above `least_similarity`. No position is in two pairs.
    """
    import numpy as np

    if not len(reference.positions) or not len(photo.positions):
        return np.empty((0, 2), np.intp)
    similarities = reference.descriptors @ photo.descriptors.T
    nearest = similarities.argmax(axis=1)
    best = similarities[np.arange(len(similarities)), nearest]
    similar = np.flatnonzero(best > least_similarity)  # a few rows, so the columns of these alone are compared
    mutual = similar[similarities[:, nearest[similar]].argmax(axis=0) == similar]
    chosen = mutual[np.argsort(-best[mutual], kind="stable")]
    return np.stack([chosen, nearest[chosen]], axis=1)
