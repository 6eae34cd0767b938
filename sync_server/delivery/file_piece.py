"""A byte range of a file as a file object of its own.

Reason: waitress sends a file object without a thread, but only to its end. A generator would occupy a server thread
for as long as the slowest client reads.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_BYTES = 1 << 16  # web servers read small pieces; this reads more from the disk at once


def open_piece(file: BinaryIO, first: int, length_bytes: int) -> BinaryIO:
    """Return a range of an open file as a file object.

    Args:
        file: Seekable. The returned object owns it and closes it.
        first: First byte, from 0.
        length_bytes: Length. If the file ends earlier, so does the returned object.
    """
    return io.BufferedReader(_Piece(file, first, length_bytes), _BUFFER_BYTES)


class _Piece(io.RawIOBase):
    def __init__(self, file: BinaryIO, first: int, length_bytes: int) -> None:
        super().__init__()
        self._file = file
        self._first = first
        self._length_bytes = length_bytes
        self._at = 0
        file.seek(first)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        data = self._file.read(min(len(memoryview(buffer)), max(0, self._length_bytes - self._at)))
        memoryview(buffer)[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length_bytes}[whence]
        self._at = max(0, start + offset)
        self._file.seek(self._first + self._at)
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._file.close()
        super().close()
