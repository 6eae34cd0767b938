"""A folder for the temporary files of a process, which the next one removes if this one is killed.

Trap: a killed process removes nothing. So each process holds a lock in its folder, and each start removes folders
whose lock is free.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.locking import only_writer

_LOCK_NAME = ".in-use"


@contextmanager
def work_folder(prefix: str) -> Iterator[Path]:
    """Yield an empty temporary folder, and remove it when the block ends. First remove folders of killed processes.

    Args:
        prefix: Begin of its name, the same for all processes of this kind.

    Raises:
        OSError: The disk is full, or the folder for temporary files is not writable.
    """
    _remove_abandoned(prefix)
    with ExitStack() as stack:
        folder = _locked_folder(stack, prefix)
        try:
            yield folder
        finally:
            stack.close()  # first: Windows cannot remove an open file
            rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_files_together(prefix: str) -> Iterator[None]:
    """Have `tempfile` make all temporary files of this process in one work folder while the block runs.

    Where no folder can be made, they are made as usual: most commands need none.

    Args:
        prefix: As for `work_folder`.
    """
    with ExitStack() as stack:
        before = tempfile.tempdir
        with suppress(OSError):
            tempfile.tempdir = str(stack.enter_context(work_folder(prefix)))
        try:
            yield
        finally:
            tempfile.tempdir = before


def _locked_folder(stack: ExitStack, prefix: str) -> Path:
    while True:
        folder = Path(mkdtemp(prefix=prefix))
        # Another process that starts now may see it as abandoned before the lock is held.
        with suppress(SetupError, FileNotFoundError):
            stack.enter_context(only_writer(folder / _LOCK_NAME, busy=f"{folder}: is being removed"))
            if (folder / _LOCK_NAME).exists():
                return folder


def _remove_abandoned(prefix: str) -> None:
    """Remove folders whose lock is free. The system releases a lock however its process ends."""
    for folder in Path(gettempdir()).glob(f"{prefix}*"):
        lock = folder / _LOCK_NAME
        with suppress(SetupError, OSError):  # the lock is held, or the folder is another user's
            if lock.is_file() and not folder.is_symlink():
                with only_writer(lock, busy=f"{folder}: is in use"):
                    rmtree(folder, ignore_errors=True)
