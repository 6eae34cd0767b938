"""A file of a pack that arrives in pieces: over a connection that breaks off, or from a sync that was ended.

It is `NAME.part` until its length and its hash are right. Whatever stopped its arrival, the next attempt goes
on from there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import FileEntry

_CHUNK_BYTES = 1 << 20


class WrongContentError(NetworkError):
    """What arrived is not the file of the pack. It is removed."""


class PartialFile:
    """One file of a pack, as far as it has arrived."""

    def __init__(self, entry: FileEntry, into: Path) -> None:
        """Look at nothing yet.

        Args:
            entry: The file's hash and length, and its path for messages.
            into: Its name once it is whole; the folder must exist.
        """
        self._entry, self._into = entry, into
        self._part = into.with_name(f"{into.name}.part")

    @property
    def arrived_bytes(self) -> int:
        """How many bytes have arrived."""
        for path in (self._into, self._part):
            if path.is_file():
                return path.stat().st_size
        return 0

    def is_whole(self) -> bool:
        """Return whether the whole file is here, by its hash. A damaged one is removed."""
        if not self._into.is_file():
            return False
        if self.arrived_bytes == self._entry.length_bytes and sha256_of_file(self._into) == self._entry.sha256:
            return True
        self.discard()
        return False

    def discard(self) -> None:
        """Remove what has arrived."""
        self._into.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    @contextmanager
    def arriving(self, start: int) -> Iterator[Callable[[bytes], int]]:
        """Write what arrives, and at the end check and name the file if it is whole.

        Args:
            start: Where in the file the bytes begin, at most `arrived_bytes`. What is here beyond it is dropped.

        Yields:
            A function that appends bytes and returns the length so far.

        Raises:
            WrongContentError: More bytes arrived than the file has, or its hash is wrong.
            OSError: The disk is full or refuses.
        """
        digest, length = hashlib.sha256(), start
        with self._part.open("r+b" if self._part.exists() else "wb") as file:
            for at in range(0, start, _CHUNK_BYTES):
                digest.update(file.read(min(_CHUNK_BYTES, start - at)))
            file.truncate(start)
            file.seek(start)

            def append(data: bytes) -> int:
                nonlocal length
                length += len(data)
                if length > self._entry.length_bytes:
                    self._refuse(f"it is longer than {self._entry.length_bytes} bytes")
                digest.update(data)
                file.write(data)
                return length

            yield append
            file.flush()
            if length == self._entry.length_bytes:
                os.fsync(file.fileno())
        if length < self._entry.length_bytes:
            return
        if digest.hexdigest() != self._entry.sha256:
            self._refuse(f"its SHA-256 begins {digest.hexdigest()[:12]}, not {self._entry.sha256[:12]}")
        self._part.replace(self._into)

    def _refuse(self, found: str) -> None:
        self.discard()
        raise WrongContentError(
            f"{self._entry.path}: what the server sent is not the file of the pack ({found}); tell its publisher"
        )
