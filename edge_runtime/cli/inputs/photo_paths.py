"""The paths of the photos: files, folders, and paths from standard input.

Paths of a folder are sorted, because the order of listing differs between disks. A photo that is given twice is
answered twice: a list gets one answer per line. Traps: `os.walk` skips unreadable folders silently unless it has
`onerror`; a path may hold a line break.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import SUFFIXES

STANDARD_INPUT = "-"


def photo_paths(words: Iterable[str], *, null_separated: bool) -> Iterator[str | FailedPhoto]:
    """Yield the paths of the photos that the words of a command line mean, in their order; those of a folder sorted.

    Where it is known without a look at a photo that there is none, a `FailedPhoto` that says why takes its place.

    Args:
        words: Paths of photos and folders, and `-` for paths on standard input.
        null_separated: Whether paths on standard input end with NUL, not with a line break.
    """
    for word in words:
        if word == STANDARD_INPUT:
            yield from _from_standard_input(null_separated=null_separated)
        else:
            yield from _below(word)


def _from_standard_input(*, null_separated: bool) -> Iterator[str | FailedPhoto]:
    paths = list(_paths_in(sys.stdin.buffer.read(), null_separated=null_separated))
    if not paths:
        how = "NUL" if null_separated else "a line break"
        yield _no_photo(STANDARD_INPUT, f"standard input: names no photo; write paths, each followed by {how}")
    for path in paths:
        yield from _below(path)


def _paths_in(data: bytes, *, null_separated: bool) -> Iterator[str]:
    for part in data.split(b"\0" if null_separated else b"\n"):
        path = os.fsdecode(part) if null_separated else os.fsdecode(part).removesuffix("\r")
        if path:
            yield path


def _below(path: str) -> Iterator[str | FailedPhoto]:
    try:
        is_folder = Path(path).is_dir()
    except (ValueError, OSError):  # the path holds a NUL, or is too long; opening it reports the error
        is_folder = False
    if is_folder:
        yield from _in_folder(path)
    else:
        yield path


def _in_folder(root: str) -> Iterator[str | FailedPhoto]:
    unreadable: list[OSError] = []
    found = sorted(_images_below(root, unreadable), key=lambda path: Path(path).parts)
    yield from found
    for error in unreadable:
        yield _no_photo(error.filename, f"{error.filename}: the folder cannot be read ({error.strerror})")
    if not found and not unreadable:
        known = " ".join(sorted(SUFFIXES))
        yield _no_photo(root, f"{root}: no image in this folder or its subfolders; known file name endings: {known}")


def _no_photo(path: str, reason: str) -> FailedPhoto:
    return FailedPhoto(question=path, error=PhotoError(reason))


def _images_below(root: str, unreadable: list[OSError]) -> Iterator[str]:
    """Yield the paths of images below a folder. Hidden files and links to folders are skipped."""
    for folder, folder_names, file_names in os.walk(root, onerror=unreadable.append):
        folder_names[:] = [name for name in folder_names if not name.startswith(".")]
        for name in file_names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield str(Path(folder, name))
