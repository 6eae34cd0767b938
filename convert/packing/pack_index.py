"""Writing the index of a pack with FAISS: flat for a small set, 8-bit scalar quantised for the rest.

Both lie behind an IndexIDMap2, so that a row's id outlives the row's position. Devices read the file without FAISS;
`edge_runtime.pack.index_file` knows its layout.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.pack.manifest import IndexKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Below this many vectors the quantiser would learn each dimension's range from too few, and saves too little.
FLAT_BELOW = 256


def write_index(path: Path, embeddings: NDArray[np.float32], ids: NDArray[np.int64]) -> IndexKind:
    """Write an inner-product index; the same arguments give the same bytes.

    Args:
        path: The file to write.
        embeddings: Unit vectors, float32 [n, dim], n at least 1.
        ids: Distinct, int64 [n].

    Returns:
        The structure that was chosen.
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
