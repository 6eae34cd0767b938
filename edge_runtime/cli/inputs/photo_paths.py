"""The paths of the photos: files, folders, and paths from standard input.

Paths of a folder are sorted, because the order of listing differs between disks. A photo that is given twice is
answered twice: a list gets one answer per line. Trap: a path may hold a line break.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.io.composed_text import existing_spelling
from edge_identify.edge_runtime.photos.folder_images import FolderImages
from edge_identify.edge_runtime.photos.passed_over import PassedOver, known_endings

STANDARD_INPUT = "-"


def photo_paths(
    words: Iterable[str], *, null_separated: bool, passed_over: PassedOver | None = None
) -> Iterator[str | FailedPhoto]:
    """Yield the paths of the photos that the words of a command line mean, in their order; those of a folder sorted.

    Where it is known without a look at a photo that there is none, a `FailedPhoto` that says why takes its place.

    Args:
        words: Paths of photos and folders, and `-` for paths on standard input.
        null_separated: Whether paths on standard input end with NUL, not with a line break.
        passed_over: Counts what folders hold beside images.
    """
    passed_over = passed_over or PassedOver()
    for word in words:
        if word == STANDARD_INPUT:
            yield from _from_standard_input(passed_over, null_separated=null_separated)
        else:
            yield from _below(word, passed_over)


def _from_standard_input(passed_over: PassedOver, *, null_separated: bool) -> Iterator[str | FailedPhoto]:
    paths = list(_paths_in(sys.stdin.buffer.read(), null_separated=null_separated))
    if not paths:
        how = "NUL" if null_separated else "a line break"
        yield _no_photo(STANDARD_INPUT, f"standard input: names no photo; write paths, each followed by {how}")
    for path in paths:
        yield from _below(path, passed_over)


def _paths_in(data: bytes, *, null_separated: bool) -> Iterator[str]:
    for part in data.split(b"\0" if null_separated else b"\n"):
        path = os.fsdecode(part) if null_separated else os.fsdecode(part).removesuffix("\r")
        if path:
            yield path


def _below(path: str, passed_over: PassedOver) -> Iterator[str | FailedPhoto]:
    spelled = existing_spelling(Path(path))
    path = path if spelled == Path(path) else str(spelled)
    try:
        is_folder = Path(path).is_dir()
    except (ValueError, OSError):  # the path holds a NUL, or is too long; opening it reports the error
        is_folder = False
    if is_folder:
        yield from _in_folder(path, passed_over)
    else:
        yield path


def _in_folder(root: str, passed_over: PassedOver) -> Iterator[str | FailedPhoto]:
    folder = FolderImages(root=Path(root), passed_over=passed_over)
    found = folder.paths()
    yield from map(str, found)
    for error in folder.unreadable:
        yield _no_photo(error.filename, f"{error.filename}: the folder cannot be read ({error.strerror})")
    if not found and not folder.unreadable:
        known = known_endings()
        yield _no_photo(root, f"{root}: no image in this folder or its subfolders; known file name endings: {known}")


def _no_photo(path: str, reason: str) -> FailedPhoto:
    return FailedPhoto(question=path, error=PhotoError(reason))
