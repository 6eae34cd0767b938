"""Atomic file writes, and SHA-256 of a file's content.

A file is written under a temporary name in the same folder, flushed to the disk, and renamed. So a reader never sees
half a file, and a crash leaves either the old content or the new one.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20  # large enough that Python's overhead is small beside SHA-256
_MODE = 0o644  # mkstemp makes 0600, which a web server could not read


@contextmanager
def replacing(path: Path, *, mode: int = _MODE) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` when the block ends without an error.

    For files with names that this program chose. A file that the user named may be a link or a device; see
    `output_writes`.

    Args:
        path: The final name. Its folder must exist. An existing file is replaced atomically.
        mode: Permissions of the new file.

    Yields:
        A binary file open for writing, in the same folder.

    Raises:
        OSError: The disk is full or refuses. The temporary file is removed.
    """
    import tempfile  # 3 ms with its own imports; identifying a photo writes nothing

    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; see `replacing`."""
    with replacing(path) as file:
        file.write(data)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 lower-case hexadecimal digits; reads 1 MiB at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
