"""A temporary folder for the packs that a running server lays out.

Trap: a killed process removes nothing. So each server holds a lock in its folder, and each start removes folders
whose lock is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.locking import only_writer

_PREFIX = "edge-serve-"
_LOCK_NAME = ".in-use"


@contextmanager
def work_folder() -> Iterator[Path]:
    """Yield an empty temporary folder, and remove it when the block ends. First remove folders of killed servers.

    Raises:
        OSError: The disk is full, or the folder for temporary files is not writable.
    """
    _remove_abandoned()
    with ExitStack() as stack:
        folder = _locked_folder(stack)
        try:
            yield folder
        finally:
            stack.close()  # first: Windows cannot remove an open file
            rmtree(folder, ignore_errors=True)


def _locked_folder(stack: ExitStack) -> Path:
    while True:
        folder = Path(mkdtemp(prefix=_PREFIX))
        # Another server that starts now may see it as abandoned before the lock is held.
        with suppress(SetupError, FileNotFoundError):
            stack.enter_context(only_writer(folder / _LOCK_NAME, busy=f"{folder}: is being removed"))
            if (folder / _LOCK_NAME).exists():
                return folder


def _remove_abandoned() -> None:
    """Remove folders whose lock is free. The system releases a lock however its process ends."""
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        lock = folder / _LOCK_NAME
        with suppress(SetupError, OSError):  # the lock is held, or the folder is another user's
            if lock.is_file() and not folder.is_symlink():
                with only_writer(lock, busy=f"{folder}: is in use"):
                    rmtree(folder, ignore_errors=True)
