"""Errors of the disk in one line, and folder operations that survive a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import replacing


@contextmanager
def disk_errors_explained(folder: Path) -> Iterator[None]:
    """Turn an `OSError` inside the block into a `SetupError` of one line.

    Args:
        folder: The folder that the block writes to; the message names it if the error names no file.

    Raises:
        SetupError: The disk is full or read-only, or this user may not write there.
        BrokenPipeError: The reader of a pipe closed it, which is no fault of the disk.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        where = error.filename2 or error.filename or folder  # `filename2` is the target of a copy
        raise SetupError(f"{where}: {error.strerror or error}; make room or check who may write to {folder}") from error


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, as `fsync` does for a file's bytes.

    Without it, a power cut may keep a later rename and lose an earlier one. Windows has no such call and needs none.
    """
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy if the file system has no hard links.

    Raises:
        FileExistsError: `target` exists.
        OSError: The disk is full or refuses.
    """
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
    """Flush the entries of a folder and of all folders below it; see `flush_folder`."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            flush_folder(path)


def move_files(staging: Path, folder: Path, paths: frozenset[str]) -> None:
    """Move staged files into the active version, each by one rename. This repairs a file or adds a variant.

    Versions are immutable: a file that is replaced gets exactly the bytes that its manifest states.

    Args:
        staging: Folder that holds the new files.
        folder: Folder of the active version.
        paths: Files to move, relative to both folders.
    """
    for path in sorted(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).replace(folder / path)
