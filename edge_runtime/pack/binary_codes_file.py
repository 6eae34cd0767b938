"""The byte layout of the binary codes file (`index.signs` in the manifest): one bit for each number of each vector.

Rows have the order of the index. This is the only module that knows the offsets. Little-endian:

    header  b"EISIGNS1", dim: u32, row_bytes: u32 (8 for each begun 64 dimensions), count: u64
    mean    dim float32, the mean of the stored vectors; then zeros up to a multiple of 64 bytes from the file's start
    rows    count x row_bytes; bit b of byte a is set where number 8a + b of the vector is greater than the mean's

The bits compare with the mean, not with 0: embeddings lie in a narrow cone, so most signs would be equal for all
vectors.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.manifest import IndexSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER = struct.Struct("<8sIIQ")
_MAGIC = b"EISIGNS1"
_ROWS_ALIGNED_BYTES = 64  # a cache line; FAISS and numpy read rows as 64-bit words, which must be aligned


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryCodes:
    """The binary codes of an index's vectors, memory-mapped.

    Attributes:
        mean: float32 [dim], the mean of the stored vectors.
        rows: uint8 [count, row_bytes], as `binarise` returns them.
    """

    mean: NDArray[np.float32]
    rows: NDArray[np.uint8]


def binarise(vectors: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return one bit for each number of each vector: whether it is greater than that of the mean.

    Args:
        vectors: float32 [n, dim].
        mean: float32 [dim].

    Returns:
        uint8 [n, row_bytes], lowest bit first; the bits after the last dimension are 0.
    """
    count, dim = vectors.shape
    bits = np.zeros((count, _row_bytes(dim)), np.uint8)
    packed = np.packbits(vectors > mean, axis=1, bitorder="little")
    bits[:, : packed.shape[1]] = packed
    return bits


def write_binary_codes_file(
    path: Path, mean: NDArray[np.float32], count: int, pieces: Iterable[NDArray[np.float32]]
) -> None:
    """Write the binary codes of vectors that arrive in pieces.

    Args:
        path: The file to write.
        mean: float32 [dim], the mean of all vectors.
        count: Number of vectors in all pieces.
        pieces: float32 [n, dim] each, in the index's row order.
    """
    dim = len(mean)
    with path.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, dim, _row_bytes(dim), count))
        file.write(mean.astype("<f4").tobytes())
        file.write(bytes(_rows_at(dim) - file.tell()))
        for piece in pieces:
            file.write(binarise(piece, mean).tobytes())


def map_binary_codes_file(path: Path, spec: IndexSpec) -> BinaryCodes:
    """Map a binary codes file into memory. Threads may share its arrays, as those of `map_index_file`.

    Args:
        path: The file, with its hash already checked.
        spec: The manifest's entry for the index beside it.

    Raises:
        PackDamagedError: The file does not have the layout above, or does not belong to that index.
    """
    data = np.asarray(np.memmap(path, dtype=np.uint8, mode="r")) if path.stat().st_size else np.empty(0, np.uint8)
    _check_header(data[: _HEADER.size].tobytes(), spec, path)
    rows_at, row_bytes = _rows_at(spec.dim), _row_bytes(spec.dim)
    expected = rows_at + spec.count * row_bytes
    if len(data) != expected:
        raise _damaged(path, f"is {len(data)} bytes long; its header requires {expected}")
    mean = data[_HEADER.size : _HEADER.size + 4 * spec.dim].view("<f4").astype(np.float32)
    if not np.isfinite(mean).all():
        raise _damaged(path, "its mean holds NaN or infinite values")
    return BinaryCodes(mean=mean, rows=data[rows_at:].reshape(spec.count, row_bytes))


def _check_header(header: bytes, spec: IndexSpec, path: Path) -> None:
    if len(header) < _HEADER.size:
        raise _damaged(path, f"ends after {len(header)} bytes, within its header")
    magic, dim, row_bytes, count = _HEADER.unpack(header)
    if magic != _MAGIC:
        raise _damaged(path, f"begins with {magic!r} where {_MAGIC!r} was expected")
    if (dim, row_bytes, count) != (spec.dim, _row_bytes(spec.dim), spec.count):
        raise _damaged(
            path,
            f"holds {count} rows of {row_bytes} bytes for {dim} dimensions; the index {spec.count} of {spec.dim}",
        )


def _row_bytes(dim: int) -> int:
    return 8 * -(-dim // 64)


def _rows_at(dim: int) -> int:
    return _ROWS_ALIGNED_BYTES * -(-(_HEADER.size + 4 * dim) // _ROWS_ALIGNED_BYTES)


def _damaged(path: Path, found: str) -> PackDamagedError:
    return PackDamagedError(f"{path}: {found}; build or fetch the pack again")
