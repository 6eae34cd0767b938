"""Checks of a command's output files, made before its work begins.

They find a missing folder before an hour of work, and stop `--html c.jpg` from overwriting the photo `c.jpg`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError


def check_writable(path: Path, option: str) -> None:
    """Check that a file can be written, by creating a temporary file beside it.

    Args:
        path: The file to be written.
        option: The option that names it, such as `--html`; for messages.

    Raises:
        SetupError: The path is a folder, its folder is missing or refuses files, or the name is not allowed.
    """
    try:
        if path.is_dir():
            raise SetupError(f"{path}: is a folder; give {option} a file's name")
        if not path.parent.is_dir():
            raise SetupError(f"{path}: there is no folder {path.parent}; make it first, or choose another {option}")
        handle, trial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)  # as `replacing`
        os.close(handle)
        Path(trial).unlink()
    except (OSError, ValueError) as error:  # `ValueError`: a path with a NUL byte
        why = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"{path}: cannot be written there ({why}); choose another place for {option}") from error


def check_nothing_lost(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path]) -> None:
    """Check that no output overwrites an input or another output. Links are followed.

    Args:
        outputs: Paths by the options that name them; None for an option that is not used.
        inputs: Files that the command reads; missing ones are skipped.

    Raises:
        SetupError: An output is also an input or another output. The message names the option and the file.
    """
    wanted = [(option, path) for option, path in outputs.items() if path is not None]
    for at, (option, path) in enumerate(wanted):
        for other, other_path in wanted[:at]:
            if _place(path) == _place(other_path):
                raise SetupError(f"{path}: {other} and {option} name the same file; choose two paths")
    known = {place: named for named in wanted if (place := _identity(named[1])) is not None}
    if not known:
        return
    for read in inputs:
        identity = _identity(read)
        if identity in known:
            option, path = known[identity]
            raise SetupError(f"{path}: {option} would overwrite the input {read}; choose another path")


def check_outside_pack(outputs: Mapping[str, Path | None], pack: Path) -> None:
    """Check that no output lies in a pack's folder: it would be published with the pack.

    Args:
        outputs: Paths by the options that name them; None for an option that is not used.
        pack: The pack's folder.

    Raises:
        SetupError: An output lies there. The message names the option and the pack.
    """
    folder = pack.resolve()
    for option, path in outputs.items():
        if path is not None and path.resolve().is_relative_to(folder):
            raise SetupError(f"{path}: lies in the folder of the pack {pack}; choose a path outside it for {option}")


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return device and inode, links followed, as `os.path.samefile` compares; None if the file does not exist."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _place(path: Path) -> tuple[int, int] | str:
    return _identity(path) or os.path.realpath(path)
