"""A file of a pack that arrives in parts: over a connection that breaks off, or from a sync that was ended.

It is `NAME.part` until its length and its hash are right. Whatever stopped its arrival, the next attempt goes on from
there, in another process or on another day. `NAME.part.json` says where the part came from: its URL and its ETag.

If the hashes of its pieces are known, each piece is checked as it arrives, and a wrong one is dropped alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.sync.piece_hashes import PIECE_BYTES

_CHUNK_BYTES = 1 << 20
_MAX_NOTE_BYTES = 8 * 2**10  # a URL and an ETag
_MAX_ETAG_CHARACTERS = 200


class WrongContentError(NetworkError):
    """What arrived is not the file of the pack. It is removed."""


class WrongPieceError(NetworkError):
    """A piece that arrived is not the one of the file. The piece is removed; what is before it stays.

    Attributes:
        is_repeated: Whether the same wrong piece had arrived before: the server has it so, or its hash is wrong.
    """

    is_repeated: bool = False


class PartialFile:
    """One file of a pack, as far as it has arrived."""

    def __init__(self, entry: FileEntry, into: Path, *, pieces: tuple[str, ...] = (), url: str = "") -> None:
        """Look at nothing yet.

        Args:
            entry: The file's hash and length, and its path for messages.
            into: Its name once it is whole; the folder must exist.
            pieces: SHA-256 of each of its pieces, or empty.
            url: Where it is fetched from now.
        """
        self._entry, self._into, self._pieces, self._url = entry, into, pieces, url
        self._part = into.with_name(f"{into.name}.part")
        self._note = into.with_name(f"{into.name}.part.json")
        self._hashed, self._hashed_bytes = hashlib.sha256(), 0  # so that a part is not hashed again at each attempt
        self._wrong: str | None = None

    @property
    def length_bytes(self) -> int:
        """The length of the whole file."""
        return self._entry.length_bytes

    @property
    def arrived_bytes(self) -> int:
        """How many bytes have arrived."""
        for path in (self._into, self._part):
            if path.is_file():
                return path.stat().st_size
        return 0

    def etag(self) -> str:
        """Return the strong ETag that came with the part from the same URL; empty if none is known."""
        try:
            with self._note.open("rb") as file:
                note = json.loads(file.read(_MAX_NOTE_BYTES))
            etag = str(note["etag"]) if note["url"] == self._url else ""
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return ""  # the note is lost: the hashes decide
        return etag if _is_strong(etag) else ""

    def is_whole(self) -> bool:
        """Return whether the whole file is here, by its hash. A damaged one is removed."""
        if not self._into.is_file():
            return False
        if self.arrived_bytes == self._entry.length_bytes and sha256_of_file(self._into) == self._entry.sha256:
            return True
        self.discard()
        return False

    def keep_right_pieces(self) -> None:
        """Cut the part off before its first wrong piece, if the hashes of pieces are known."""
        if not self._pieces or not self._part.is_file():
            return
        with self._part.open("r+b") as file:
            for number, expected in enumerate(self._pieces):
                piece = file.read(min(PIECE_BYTES, self._entry.length_bytes - number * PIECE_BYTES))
                is_whole = number * PIECE_BYTES + len(piece) == min(
                    (number + 1) * PIECE_BYTES, self._entry.length_bytes
                )
                if is_whole and hashlib.sha256(piece).hexdigest() != expected:
                    file.truncate(number * PIECE_BYTES)
                    return

    def discard(self) -> None:
        """Remove what has arrived."""
        for path in (self._into, self._part, self._note):
            path.unlink(missing_ok=True)

    @contextmanager
    def arriving(self, start: int, *, etag: str = "") -> Iterator[Callable[[bytes], int]]:
        """Write what arrives, and at the end check and name the file if it is whole.

        Args:
            start: Where in the file the bytes begin, at most `arrived_bytes`. What is here beyond it is dropped.
            etag: The ETag of the response, to be asked for at the next attempt; empty if it has none.

        Yields:
            A function that appends bytes and returns the length so far.

        Raises:
            WrongPieceError: A piece has the wrong hash. The file ends before it.
            WrongContentError: More bytes arrived than the file has, or its hash is wrong.
            OSError: The disk is full or refuses.
        """
        self._note.write_text(json.dumps({"url": self._url, "etag": etag[:_MAX_ETAG_CHARACTERS]}), encoding="utf-8")
        with self._part.open("r+b" if self._part.exists() else "w+b") as file:
            piece = self._hashed_up_to(start, file)
            file.truncate(start)
            file.seek(start)

            def append(data: bytes) -> int:
                nonlocal piece
                if self._hashed_bytes + len(data) > self._entry.length_bytes:
                    self._refuse(f"it is longer than {self._entry.length_bytes} bytes")
                for part in _split_at_pieces(data, self._hashed_bytes):
                    self._hashed.update(part)
                    self._hashed_bytes += len(part)
                    piece.update(part)
                    file.write(part)
                    if self._pieces and self._is_end_of_piece():
                        self._check_piece(piece.hexdigest(), file)
                        piece = hashlib.sha256()
                return self._hashed_bytes

            yield append
            file.flush()
            if self._hashed_bytes == self._entry.length_bytes:
                os.fsync(file.fileno())
        if self._hashed_bytes < self._entry.length_bytes:
            return
        if self._hashed.hexdigest() != self._entry.sha256:
            found = self._hashed.hexdigest()[:12]
            self._refuse(f"its SHA-256 begins {found}, not {self._entry.sha256[:12]}")
        self._part.replace(self._into)
        self._note.unlink(missing_ok=True)

    def _hashed_up_to(self, start: int, file: BinaryIO) -> hashlib._Hash:
        """Hash the part up to `start`, and return the hash of the piece that is begun there."""
        if self._hashed_bytes != start:
            self._hashed, self._hashed_bytes = hashlib.sha256(), 0
            for at in range(0, start, _CHUNK_BYTES):
                self._hashed.update(file.read(min(_CHUNK_BYTES, start - at)))
            self._hashed_bytes = start
        file.seek(start - start % PIECE_BYTES)
        return hashlib.sha256(file.read(start % PIECE_BYTES) if self._pieces else b"")

    def _is_end_of_piece(self) -> bool:
        return self._hashed_bytes % PIECE_BYTES == 0 or self._hashed_bytes == self._entry.length_bytes

    def _check_piece(self, found: str, file: BinaryIO) -> None:
        number = (self._hashed_bytes - 1) // PIECE_BYTES
        if found == self._pieces[number]:
            return
        file.truncate(number * PIECE_BYTES)
        self._hashed_bytes = -1  # hash again
        error = WrongPieceError(f"{self._entry.path}: piece {number + 1} arrived damaged; sync again")
        error.is_repeated = found == self._wrong
        self._wrong = found
        raise error

    def _refuse(self, found: str) -> None:
        self.discard()
        self._hashed_bytes = -1
        raise WrongContentError(
            f"{self._entry.path}: what the server sent is not the file of the pack ({found}); tell its publisher"
        )


def _is_strong(etag: str) -> bool:
    """Return whether an ETag is strong, by RFC 9110, section 8.8.3: a weak one may not be in `If-Range`."""
    return len(etag) > 2 and etag[0] == etag[-1] == '"' and etag.isascii() and etag.isprintable()


def _split_at_pieces(data: bytes, at: int) -> Iterator[bytes]:
    """Yield parts of data that lies at `at` in a file; none crosses the end of a piece."""
    while data:
        length = PIECE_BYTES - at % PIECE_BYTES
        yield data[:length]
        data, at = data[length:], at + length
