"""The paths of the photos: files, folders, and paths or one picture from standard input.

Paths of a folder are sorted, because the order of listing differs between disks. A photo that is given twice is
answered twice: a list gets one answer per line. Trap: a path may hold a line break.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.io.composed_text import existing_spelling
from edge_identify.edge_runtime.photos.passed_over import PassedOver

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto

STANDARD_INPUT = "-"

#: One photo of a run: its path, the picture from standard input, or why there is none.
AskedPhoto: TypeAlias = Union[str, "OpenedPhoto", FailedPhoto]


def photo_paths(
    words: Iterable[str], *, null_separated: bool, passed_over: PassedOver | None = None
) -> Iterator[AskedPhoto]:
    """Yield the paths of the photos that the words of a command line mean, in their order; those of a folder sorted.

    Where it is known without a look at a photo that there is none, a `FailedPhoto` that says why takes its place. A
    picture on standard input is read at once and takes the place of a path.

    Args:
        words: Paths of photos and folders, and `-` for standard input.
        null_separated: Whether paths on standard input end with NUL, not with a line break.
        passed_over: Counts what folders hold beside images.
    """
    passed_over = passed_over or PassedOver()
    for word in words:
        if word == STANDARD_INPUT:
            yield from _from_standard_input(passed_over, null_separated=null_separated)
        else:
            yield from _below(word, passed_over)


def name_of_asked(asked: AskedPhoto) -> str:
    """Return the path or the name of a photo of a run."""
    if isinstance(asked, str):
        return asked
    return asked.question if isinstance(asked, FailedPhoto) else asked.name


def picture_among(asked: Iterable[AskedPhoto]) -> OpenedPhoto | None:
    """Return the picture from standard input among the photos of a run, or None."""
    return next((one for one in asked if not isinstance(one, str | FailedPhoto)), None)


def _from_standard_input(passed_over: PassedOver, *, null_separated: bool) -> Iterator[AskedPhoto]:
    from edge_identify.edge_runtime.cli.inputs.standard_input import end_of_path, failed_input, read_standard_input

    found = read_standard_input(sys.stdin.buffer, null_separated=null_separated)
    if not isinstance(found, bytes):
        yield found
        return
    paths = list(_paths_in(found, null_separated=null_separated))
    if not paths:
        yield failed_input(f"names no photo; write paths, each followed by {end_of_path(null_separated)}")
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
    from edge_identify.edge_runtime.photos.folder_images import FolderImages
    from edge_identify.edge_runtime.photos.passed_over import known_endings

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
