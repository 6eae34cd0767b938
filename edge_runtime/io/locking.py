"""A lock that one process or thread holds at a time.

The operating system holds the lock and releases it when the process ends, also after a crash. The lock file stays:
its existence means nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError


@contextmanager
def only_writer(lock_file: Path, *, busy: str) -> Iterator[None]:
    """Hold a lock while the block runs. If the lock is taken, fail at once.

    Args:
        lock_file: Created if missing; its folder must exist.
        busy: The error message if the lock is taken.

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
