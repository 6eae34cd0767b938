"""Bodies of requests, kept in memory, with a limit for all of them together.

Nothing of an upload is written to a disk. When all bodies together exceed the limit, the largest unfinished one is
dropped: an attacker's, since photos are small beside it. Its client gets 503 when it has sent the rest.
"""

from __future__ import annotations

from io import BytesIO
from threading import Lock

from waitress.buffers import OverflowableBuffer


class UploadMemory:
    """Counts the bytes of all bodies. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        """Start at zero."""
        self.most_bytes = most_bytes
        self._held_bytes = 0
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes of all bodies now."""
        return self._held_bytes

    @property
    def is_full(self) -> bool:
        """Whether the bodies exceed the limit."""
        return self._held_bytes > self.most_bytes

    def add(self, count: int) -> None:
        """Count bytes; a negative number for bytes that were released."""
        with self._lock:
            self._held_bytes += count


class UploadBuffer(OverflowableBuffer):  # type: ignore[misc]  # waitress has no types
    """The body of one request, as waitress's receivers expect it."""

    def __init__(self, memory: UploadMemory, most_bytes: int) -> None:
        """Start empty.

        Args:
            memory: Counts the bytes.
            most_bytes: Largest body. More bytes are counted in the length, and dropped.
        """
        super().__init__(overflow=0)
        self._memory, self._most_bytes = memory, most_bytes
        self._file = BytesIO()
        self._length_bytes = 0
        self.held_bytes = 0
        self.is_dropped = False

    def __len__(self) -> int:
        return self._length_bytes

    def append(self, data: bytes) -> None:
        """Add bytes."""
        self._length_bytes += len(data)
        if self._length_bytes > self._most_bytes:
            self._release()
        elif not self.is_dropped:
            self._file.write(data)
            self.held_bytes += len(data)
            self._memory.add(len(data))

    def drop(self) -> None:
        """Release the memory; later bytes are dropped too."""
        self.is_dropped = True
        self._release()

    def getfile(self) -> BytesIO:
        """Return the bytes as a file at its beginning; empty if they were dropped."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Release the memory."""
        self._release()

    def __del__(self) -> None:
        self._release()  # a connection that ends within a body closes nothing

    def _release(self) -> None:
        self._file = BytesIO()  # not `close`: a task may still be reading the old one
        self._memory.add(-self.held_bytes)
        self.held_bytes = 0
