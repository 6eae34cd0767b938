"""Which photos are meant: files, folders of them, and paths from standard input.

What a newcomer would get wrong: listing order differs between disks, so paths are sorted; `os.walk` passes over
folders that may not be read in silence unless it is told otherwise; a path may hold a line break. A photo that was
named twice is answered twice: whoever gave a list wants an answer for each line of it.
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


def photos_asked_for(words: Iterable[str], *, null_separated: bool) -> Iterator[str | FailedPhoto]:
    """Yield the paths of the photos that the words of a command line mean, in their order; those of a folder sorted.

    Where it is known without a look at a photo that there is none, a `FailedPhoto` that says why takes its place.

    Args:
        words: Paths of pictures and folders, and `-` for paths on standard input.
        null_separated: Whether paths on standard input end with NUL rather than with a line break.
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
        yield _no_photo(STANDARD_INPUT, f"standard input: names no photo; write paths to it, each ended by {how}")
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
    except ValueError:  # a path with a NUL, which no file has: opening it says so
        is_folder = False
    if is_folder:
        yield from _in_folder(path)
    else:
        yield path


def _in_folder(root: str) -> Iterator[str | FailedPhoto]:
    unreadable: list[OSError] = []
    found = sorted(_pictures_below(root, unreadable), key=lambda path: Path(path).parts)
    yield from found
    for error in unreadable:
        yield _no_photo(error.filename, f"{error.filename}: the folder cannot be read ({error.strerror})")
    if not found and not unreadable:
        known = " ".join(sorted(SUFFIXES))
        yield _no_photo(root, f"{root}: no picture in it or below it; the known endings are {known}")


def _no_photo(path: str, reason: str) -> FailedPhoto:
    return FailedPhoto(question=path, error=PhotoError(reason))


def _pictures_below(root: str, unreadable: list[OSError]) -> Iterator[str]:
    """Yield the paths of a folder's pictures: no hidden ones, and none behind a link to a folder."""
    for folder, folder_names, file_names in os.walk(root, onerror=unreadable.append):
        folder_names[:] = [name for name in folder_names if not name.startswith(".")]
        for name in file_names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield str(Path(folder, name))
