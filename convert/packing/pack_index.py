"""Writes the index of a pack with FAISS, flat for small packs, 8-bit scalar quantised for others; reads its vectors.

Both are wrapped in an IndexIDMap2, so that rows have ids that do not depend on their position. Devices read the file
without FAISS; `edge_runtime.pack.index_file` knows its layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.pack.manifest import IndexKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.pack.index_file import IndexRows

#: With fewer vectors, the quantiser cannot measure the range of each dimension well, and saves little.
FLAT_BELOW = 256

_PIECE_ROWS = 16_384


def write_index(path: Path, embeddings: NDArray[np.float32], ids: NDArray[np.int64]) -> IndexKind:
    """Write an inner-product index; the same arguments give the same bytes.

    Args:
        path: The file to write.
        embeddings: Unit vectors, float32 [n, dim], n at least 1.
        ids: Distinct index ids, int64 [n].

    Returns:
        The kind of the index.
    """
    import faiss

    count, dim = embeddings.shape
    kind = IndexKind.FLAT if count < FLAT_BELOW else IndexKind.SQ8
    inner = (
        faiss.IndexFlatIP(dim)
        if kind is IndexKind.FLAT
        else faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    )
    index = faiss.IndexIDMap2(inner)
    vectors = np.ascontiguousarray(embeddings, dtype=np.float32)
    index.train(vectors)
    index.add_with_ids(vectors, np.ascontiguousarray(ids, dtype=np.int64))
    faiss.write_index(index, str(path))
    return kind


def stored_vectors(rows: IndexRows) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors as the index holds them, in pieces of float32 [n, dim], in the order of its rows."""
    for at in range(0, len(rows.codes), _PIECE_ROWS):
        yield rows.codes[at : at + _PIECE_ROWS] * rows.scale + rows.offset
