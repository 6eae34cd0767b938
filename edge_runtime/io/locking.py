"""One writer at a time, between processes and between threads.

A newcomer would create a file and delete it at the end: after a crash it stays and locks everybody out. Here
the operating system holds the lock and lets go when the process ends, however it ends. The file itself stays.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError


@contextmanager
def only_writer(lock_file: Path, *, busy: str) -> Iterator[None]:
    """Hold a lock while the block runs; do not wait for it.

    Args:
        lock_file: Made if it is not there; its folder must exist.
        busy: The message for when another process holds the lock.

    Raises:
        SetupError: Another process, or another thread of this one, holds it.
    """
    with lock_file.open("ab") as file:
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError) as error:
            raise SetupError(busy) from error
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # raises PermissionError when taken

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises BlockingIOError when taken
