"""The disk as something that fills up and refuses: its errors in one line, and folders that last.

A newcomer would let `OSError` through: a person then reads a traceback where "no space left" was meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError


@contextmanager
def disk_errors_explained(folder: Path) -> Iterator[None]:
    """Turn what the operating system raises inside the block into one line.

    Args:
        folder: Where the block writes; named when the error names no file.

    Raises:
        SetupError: The disk is full, read-only, or this user may not write there.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise SetupError(
            f"{where}: {error.strerror or error}; make room or check who may write to {folder}"
        ) from error


def flush_folder(folder: Path) -> None:
    """Ask the disk to keep the names in a folder, as `fsync` does for a file's bytes.

    Without it a power cut may keep a later rename and lose an earlier one. Windows has no such call, and
    needs none.
    """
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
