"""The disk as something that fills up and refuses: its errors in one line, and folders that last.

A newcomer would let `OSError` through: a person then reads a traceback where "no space left" was meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import replacing


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
        where = error.filename2 or error.filename or folder  # the second is where a copy was to go
        raise SetupError(f"{where}: {error.strerror or error}; make room or check who may write to {folder}") from error


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


def link_or_copy(source: Path, target: Path) -> None:
    """Let `target` be the same file as `source`, or a copy where the file system has no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        import shutil

        with source.open("rb") as original, replacing(target) as copy:
            shutil.copyfileobj(original, copy)


def paths_below(folder: Path) -> frozenset[str]:
    """Return the paths of all files in a folder, relative to it, with forward slashes."""
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def flush_tree(folder: Path) -> None:
    """Ask the disk to keep the names in a folder and in all folders below it."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            flush_folder(path)


def move_files(staging: Path, folder: Path, paths: frozenset[str]) -> None:
    """Put staged files into the active version, each by one rename: a file is repaired, or a variant added.

    Versions are immutable, so each file that is replaced gets the very bytes its place should have.
    """
    for path in sorted(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).replace(folder / path)
