"""Where embeddings lie while they are gathered: in memory, or in a file. Those of 200,000 images take 600 MB."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VECTOR = np.dtype("<f4")
"""How embeddings are kept: float32, little-endian."""


class Rows(Protocol):
    """Vectors that are read a part at a time; an array is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of vectors, and their dimension."""

    def __getitem__(self, part: slice, /) -> NDArray[np.float32]:
        """Return some vectors, float32 [n, dim]."""


class RowStore(Protocol):
    """Takes vectors in any order."""

    def write(self, at: int, vector: bytes) -> None:
        """Write the vector at a position, float32, little-endian, [dim]."""

    def chosen(self, positions: Sequence[int]) -> Rows:
        """Return the vectors at some positions, which ascend."""


class MemoryRows:
    """A `RowStore` in memory."""

    def __init__(self, count: int, dim: int) -> None:
        """Make it; the vectors are not set."""
        self._array = np.empty((count, dim), np.float32)

    def write(self, at: int, vector: bytes) -> None:
        """Write the vector at a position."""
        self._array[at] = np.frombuffer(vector, VECTOR)

    def chosen(self, positions: Sequence[int]) -> Rows:
        """Return the vectors at some positions."""
        return self._array if len(positions) == len(self._array) else self._array[list(positions)]


class FileRows:
    """A `RowStore` in a file without a name, a context manager: the file is gone at its end."""

    def __init__(self, count: int, dim: int, folder: Path) -> None:
        """Make it; the vectors are zero.

        Args:
            count: Number of vectors.
            dim: Their dimension.
            folder: Folder whose disk the file takes.

        Raises:
            OSError: The file cannot be made.
        """
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - __exit__ closes it
        self.shape = (count, dim)
        self.row_bytes = dim * VECTOR.itemsize
        self._file.truncate(count * self.row_bytes)

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the disk's space back."""
        self._file.close()

    def write(self, at: int, vector: bytes) -> None:
        """Write the vector at a position.

        Raises:
            OSError: The disk is full.
        """
        self._file.seek(at * self.row_bytes)
        if self._file.write(vector) != self.row_bytes:
            raise OSError(f"vector {at} of {self.shape[0]} could not be written")

    def chosen(self, positions: Sequence[int]) -> Rows:
        """Return the vectors at some positions."""
        return _ChosenRows(self, positions)

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the vectors from position `first` to before `last`, float32 [last - first, dim]."""
        self._file.seek(first * self.row_bytes, os.SEEK_SET)
        data = bytearray((last - first) * self.row_bytes)
        read, view = 0, memoryview(data)
        while read < len(data):
            read += self._file.readinto(view[read:]) or 0
        return np.frombuffer(data, VECTOR).astype(np.float32, copy=False).reshape(-1, self.shape[1])


class _ChosenRows:
    """Some of the vectors of a file, in ascending order. A `Rows`."""

    def __init__(self, file: FileRows, positions: Sequence[int]) -> None:
        """Choose the vectors at `positions`."""
        self._file, self._positions = file, np.asarray(positions, dtype=np.int64)
        self.shape = (len(positions), file.shape[1])

    def __getitem__(self, part: slice, /) -> NDArray[np.float32]:
        """Return some of the chosen vectors, float32 [n, dim]."""
        asked = self._positions[part]
        if not len(asked):
            return np.empty((0, self.shape[1]), np.float32)
        first, last = int(asked[0]), int(asked[-1]) + 1
        return self._file.read(first, last)[asked - first]
