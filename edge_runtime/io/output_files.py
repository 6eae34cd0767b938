"""Files that a command writes once its work is done: whether they can be is found out before the work begins.

A newcomer would learn of a missing folder after an hour, or let `--html c.jpg` take the place of the photo `c.jpg`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError


def check_writable(path: Path, option: str) -> None:
    """Check that a file can be written, by beginning one beside it.

    Args:
        path: Where the file is to be.
        option: That names it, such as `--html`.

    Raises:
        SetupError: The path is a folder, lies in none, is no name for a file, or its folder refuses files.
    """
    try:
        if path.is_dir():
            raise SetupError(f"{path}: is a folder; give {option} a file's name")
        if not path.parent.is_dir():
            raise SetupError(f"{path}: there is no folder {path.parent}; make it first, or choose another {option}")
        handle, trial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)  # as `replacing`
        os.close(handle)
        Path(trial).unlink()
    except (OSError, ValueError) as error:  # a path with a NUL is a `ValueError`
        why = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"{path}: cannot be written there ({why}); choose another place for {option}") from error


def check_nothing_lost(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path]) -> None:
    """Check that no file that is to be written is one that is read, or another that is written; links count as files.

    Args:
        outputs: By the options that name them; None where one is not used.
        inputs: Files that are read; those that do not exist are passed over.

    Raises:
        SetupError: Names the option and the file.
    """
    wanted = [(option, path) for option, path in outputs.items() if path is not None]
    for at, (option, path) in enumerate(wanted):
        for other, other_path in wanted[:at]:
            if _place(path) == _place(other_path):
                raise SetupError(f"{path}: {other} and {option} would be one file; choose another place for one")
    known = {place: named for named in wanted if (place := _identity(named[1])) is not None}
    if not known:
        return
    for read in inputs:
        identity = _identity(read)
        if identity in known:
            option, path = known[identity]
            raise SetupError(f"{path}: {option} would take the place of {read}, which is read; choose another place")


def check_outside_pack(outputs: Mapping[str, Path | None], pack: Path) -> None:
    """Check that no file is to be written into a pack's own folder, where it would lie among what was published.

    Args:
        outputs: By the options that name them; None where one is not used.
        pack: The pack's folder.

    Raises:
        SetupError: Names the option and the pack.
    """
    folder = pack.resolve()
    for option, path in outputs.items():
        if path is not None and path.resolve().is_relative_to(folder):
            raise SetupError(f"{path}: lies in the folder of the pack {pack}; choose a place outside for {option}")


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, links followed, as `os.path.samefile` does; None without a file."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _place(path: Path) -> tuple[int, int] | str:
    return _identity(path) or os.path.realpath(path)
