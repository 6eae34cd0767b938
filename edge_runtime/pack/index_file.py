"""The byte layout of the FAISS index files of a pack, read without FAISS.

This is the only module that knows the offsets. The layout is FAISS's own (`faiss/impl/index_write.cpp`), little-endian:

    header  fourcc, d: i32, ntotal: i64, two unused i64, is_trained: u8, metric: i32 (0 = inner product)
    IxFI    header, n: u64 (= d * ntotal), float32 values
    IxSQ    header, qtype: i32 (0 = 8 bits), rangestat: i32, rangestat_arg: f32, d: u64, code_size: u64,
            n: u64 and float32 trained values (vmin[d], vdiff[d]), n: u64 and that many code bytes
    IxM2    header, one of the above, n: u64 and int64 ids

Each count is compared with the manifest and the file's length before an array is made of it. Values are not aligned
in the file; numpy reads unaligned arrays.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.manifest import IndexKind, IndexSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER = struct.Struct("<4siqqqBi")
_SQ_PARAMETERS = struct.Struct("<iifQQ")
_COUNT = struct.Struct("<Q")
_Number = TypeVar("_Number", np.int64, np.float32, np.uint8)

_INNER_PRODUCT = 0
_QT_8BIT = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRows:
    """The vectors of an index file, memory-mapped.

    A stored code stands for the value `offset + scale * code`, per dimension. A flat index has offset 0 and scale 1.

    Attributes:
        codes: [count, dim], uint8 or float32.
        ids: int64 [count], the index ids in `references.sqlite`.
        offset: float32 [dim].
        scale: float32 [dim].
    """

    codes: NDArray[np.uint8] | NDArray[np.float32]
    ids: NDArray[np.int64]
    offset: NDArray[np.float32]
    scale: NDArray[np.float32]


def map_index_file(path: Path, spec: IndexSpec) -> IndexRows:
    """Map an index file into memory.

    Threads may share the arrays: the mapping is read-only, and each array keeps it open. Files of a pack are replaced
    by renaming and never rewritten, so the content does not change under a reader.

    Args:
        path: The file, with its hash already checked.
        spec: The manifest's entry for it.

    Raises:
        PackDamagedError: The file does not have the layout above, or differs from `spec`.
    """
    cursor = _Cursor(np.memmap(path, dtype=np.uint8, mode="r"), path)
    cursor.header(b"IxM2", spec)
    rows = _flat(cursor, spec) if spec.kind is IndexKind.FLAT else _sq8(cursor, spec)
    ids = cursor.array(np.int64, cursor.count(spec.count, "ids"))
    cursor.finish()
    codes, offset, scale = rows
    return IndexRows(codes=codes, ids=ids, offset=offset, scale=scale)


_Arrays = tuple["NDArray[np.uint8] | NDArray[np.float32]", "NDArray[np.float32]", "NDArray[np.float32]"]


def _flat(cursor: _Cursor, spec: IndexSpec) -> _Arrays:
    cursor.header(b"IxFI", spec)
    values = cursor.array(np.float32, cursor.count(spec.count * spec.dim, "values"))
    zeros, ones = np.zeros(spec.dim, np.float32), np.ones(spec.dim, np.float32)
    return values.reshape(spec.count, spec.dim), zeros, ones


def _sq8(cursor: _Cursor, spec: IndexSpec) -> _Arrays:
    cursor.header(b"IxSQ", spec)
    qtype, _, _, dim, code_size = cursor.unpack(_SQ_PARAMETERS)
    if (qtype, dim, code_size) != (_QT_8BIT, spec.dim, spec.dim):
        raise cursor.damaged(f"quantiser {qtype} with {dim} dimensions of {code_size} bytes is not SQ8")
    trained = cursor.array(np.float32, cursor.count(2 * spec.dim, "quantiser values")).astype(np.float32)
    codes = cursor.array(np.uint8, cursor.count(spec.count * spec.dim, "code bytes"))
    least, width = trained[: spec.dim], trained[spec.dim :]
    # FAISS decodes to the middle of a quantisation step: vmin + vdiff * (code + 0.5) / 255.
    return codes.reshape(spec.count, spec.dim), least + width * np.float32(0.5 / 255), width / np.float32(255)


class _Cursor:
    """A read position in the mapped file; reading past the end raises `PackDamagedError`."""

    def __init__(self, data: NDArray[np.uint8], path: Path) -> None:
        self._data, self._path, self._at = data, path, 0

    def header(self, fourcc: bytes, spec: IndexSpec) -> None:
        found, dim, count, _, _, is_trained, metric = self.unpack(_HEADER)
        if found != fourcc:
            raise self.damaged(f"holds a {found!r} structure where {fourcc!r} was expected")
        if (dim, count, is_trained, metric) != (spec.dim, spec.count, 1, _INNER_PRODUCT):
            raise self.damaged(
                f"holds {count} vectors of {dim} dimensions, the manifest says {spec.count} of {spec.dim}"
            )

    def count(self, expected: int, what: str) -> int:
        (found,) = self.unpack(_COUNT)
        if found != expected:
            raise self.damaged(f"announces {found} {what} where {expected} were expected")
        return expected

    def array(self, kind: type[_Number], count: int) -> NDArray[_Number]:
        little_endian = np.dtype(kind).newbyteorder("<")
        return self._take(count * little_endian.itemsize).view(little_endian)

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self._take(layout.size).tobytes())

    def finish(self) -> None:
        if self._at != len(self._data):
            raise self.damaged(f"has {len(self._data) - self._at} bytes after its end")

    def damaged(self, found: str) -> PackDamagedError:
        return PackDamagedError(f"{self._path}: {found}; build or fetch the pack again")

    def _take(self, length_bytes: int) -> NDArray[np.uint8]:
        end = self._at + length_bytes
        if end > len(self._data):
            raise self.damaged(f"ends after {len(self._data)} bytes; a part of it should reach byte {end}")
        taken = self._data[self._at : end]
        self._at = end
        return taken
