"""A piece of a file that reads, seeks and ends like a file of its own.

A newcomer would yield the piece from a generator: a server thread then waits as long as the slowest client reads.
A web server sends a file by itself, without a thread, but only to its end; so the piece has to look like a file.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_BYTES = 1 << 16  # web servers read little by little; the disk is asked for more at once


def open_piece(file: BinaryIO, first: int, length_bytes: int) -> BinaryIO:
    """Return a piece of an open file as a file.

    Args:
        file: Seekable, and from now on used by the piece alone, which closes it.
        first: The piece's first byte, from 0.
        length_bytes: Its length; where the file ends earlier, so does the piece.
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
