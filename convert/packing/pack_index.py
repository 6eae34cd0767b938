"""Writes the index of a pack with FAISS, flat for small packs, 8-bit scalar quantised for others; reads its vectors.

Both are wrapped in an IndexIDMap2, so that rows have ids that do not depend on their position. Devices read the file
without FAISS; `edge_runtime.pack.index_file` knows its layout.

The quantiser of one version serves the later ones of the same major version: then the codes of an image stay the same
bytes, and an update sends the new rows only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from edge_identify.convert.packing.embedding_rows import Rows
from edge_identify.edge_runtime.pack.manifest import IndexKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.pack.index_file import IndexRows

#: With fewer vectors, the quantiser cannot measure the range of each dimension well, and saves little.
FLAT_BELOW = 256

#: Largest Euclidean distance of a reference's unit vector from what its codes stand for, with a kept quantiser. With a
#: quantiser of its own, it is .007. Measured on 4,204 mosaics, built-in encoder, 423 photos of another day: ranges
#: of 2,000 of them (largest distance .06) change scores by .0003 in the mean and .013 at most, ranges of 1,000 (.08) by
#: .0004 and .017; ranges of 500 (.11) are made anew. Recall@1 is .882 to .884 with each, .882 without codes.
MOST_DISTANCE = 0.1

_FLOAT = np.dtype("<f4")
_ROWS_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiser:
    """The range of each dimension that the 8-bit codes divide into 255 steps. Values outside get the nearest code.

    Attributes:
        least: Least values, float32 [dim].
        width: Largest minus least, float32 [dim].
    """

    least: NDArray[np.float32]
    width: NDArray[np.float32]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` returned."""
        least, width = np.frombuffer(data, dtype=_FLOAT).astype(np.float32).reshape(2, -1)
        return cls(least=least, width=width)

    def to_bytes(self) -> bytes:
        """Return the ranges as float32, little-endian, [2, dim]."""
        return np.stack([self.least, self.width]).astype(_FLOAT).tobytes()

    def decoded(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the codes of embeddings stand for, as FAISS encodes and decodes; float32 [n, dim], as given."""
        step = np.where(self.width > 0, self.width, 1) / np.float32(255)
        codes = np.clip((embeddings - self.least) // step, 0, 255)
        return np.asarray(self.least + self.width * ((codes + np.float32(0.5)) / np.float32(255)), np.float32)

    def distances(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance of each embedding, float32 [n, dim], from what its codes stand for, float32 [n]."""
        found: NDArray[np.float32] = np.linalg.norm(self.decoded(embeddings) - embeddings, axis=1)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenIndex:
    """The index that was written.

    Attributes:
        kind: Its kind.
        new_quantiser: The quantiser that was made for it; None for a flat index, and with a kept one.
        far_references: How many embeddings a kept quantiser represents badly. If there are any, it was not used.
    """

    kind: IndexKind
    new_quantiser: Quantiser | None
    far_references: int = 0


def write_index(path: Path, embeddings: Rows, ids: NDArray[np.int64], *, kept: Quantiser | None = None) -> WrittenIndex:
    """Write an inner-product index; the same arguments give the same bytes.

    Args:
        path: The file to write.
        embeddings: Unit vectors, float32 [n, dim], n at least 1; read a part at a time.
        ids: Distinct index ids, int64 [n].
        kept: The quantiser of an earlier version, to use if it represents all embeddings well; None for a new one.
    """
    import faiss

    count, dim = embeddings.shape
    kind = IndexKind.FLAT if count < FLAT_BELOW else IndexKind.SQ8
    far = 0 if kept is None or kind is IndexKind.FLAT else _count_far(kept, embeddings)
    used = None if far else kept
    inner = faiss.IndexFlatIP(dim) if kind is IndexKind.FLAT else _quantised(embeddings, used)
    index = faiss.IndexIDMap2(inner)
    for at, part in _parts(embeddings):
        index.add_with_ids(part, np.ascontiguousarray(ids[at : at + len(part)], dtype=np.int64))
    faiss.write_index(index, str(path))
    is_new = kind is IndexKind.SQ8 and used is None
    return WrittenIndex(kind=kind, new_quantiser=_quantiser_of(inner) if is_new else None, far_references=far)


def _parts(vectors: Rows) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the vectors in parts of float32 [n, dim], each with the position of its first one."""
    for at in range(0, vectors.shape[0], _ROWS_AT_ONCE):
        yield at, np.ascontiguousarray(vectors[at : at + _ROWS_AT_ONCE], dtype=np.float32)


def _quantised(vectors: Rows, kept: Quantiser | None) -> Any:
    """Return an empty index with the kept quantiser, or with one that these vectors train."""
    import faiss

    inner = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    if kept is None:
        inner.train(_extremes(vectors))
    else:
        faiss.copy_array_to_vector(np.concatenate([kept.least, kept.width]), inner.sq.trained)
        inner.is_trained = True
    return inner


def _extremes(vectors: Rows) -> NDArray[np.float32]:
    """Return the least and the greatest value of each dimension, float32 [2, dim]: all that the quantiser learns."""
    return np.stack(
        [
            np.min([part.min(axis=0) for _, part in _parts(vectors)], axis=0),
            np.max([part.max(axis=0) for _, part in _parts(vectors)], axis=0),
        ]
    )


def _quantiser_of(inner: Any) -> Quantiser:
    import faiss

    least, width = faiss.vector_to_array(inner.sq.trained).reshape(2, -1)
    return Quantiser(least=least, width=width)


def _count_far(kept: Quantiser, vectors: Rows) -> int:
    if kept.least.shape != vectors.shape[1:]:
        return vectors.shape[0]
    return sum(int((kept.distances(part) > MOST_DISTANCE).sum()) for _, part in _parts(vectors))


def stored_vectors(rows: IndexRows) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors as the index holds them, in pieces of float32 [n, dim], in the order of its rows."""
    for at in range(0, len(rows.codes), _ROWS_AT_ONCE):
        yield rows.codes[at : at + _ROWS_AT_ONCE] * rows.scale + rows.offset
