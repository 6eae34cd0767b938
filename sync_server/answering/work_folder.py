"""A folder for what a running server lays out, and for no longer than it runs.

A newcomer would leave it to the end of the process: one that is killed has none, and its folder stays for ever, with a
pack inside. Here a lock says whose server lives, and the next one to start removes what is left of the others.
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
    """Yield an empty folder among the temporary ones, and remove it when the block ends.

    Those of servers that were killed are removed first.

    Raises:
        OSError: There is no room, or temporary folders may not be written to.
    """
    _remove_abandoned()
    with ExitStack() as stack:
        folder = _locked_folder(stack)
        try:
            yield folder
        finally:
            stack.close()  # first: Windows removes no file that is open
            rmtree(folder, ignore_errors=True)


def _locked_folder(stack: ExitStack) -> Path:
    while True:
        folder = Path(mkdtemp(prefix=_PREFIX))
        # Another server that starts at this very moment may take it for abandoned before the lock is held.
        with suppress(SetupError, FileNotFoundError):
            stack.enter_context(only_writer(folder / _LOCK_NAME, busy=f"{folder}: is being removed"))
            if (folder / _LOCK_NAME).exists():
                return folder


def _remove_abandoned() -> None:
    """Remove the folders whose lock nobody holds: the system lets go of it however a process ends."""
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        lock = folder / _LOCK_NAME
        with suppress(SetupError, OSError):  # held, or another user's
            if lock.is_file() and not folder.is_symlink():
                with only_writer(lock, busy=f"{folder}: is in use"):
                    rmtree(folder, ignore_errors=True)
