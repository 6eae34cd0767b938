"""Checks of a command's output files, made before its work begins.

They find a missing folder before an hour of work, and stop `--html c.jpg` from overwriting the photo `c.jpg`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.output_writes import (
    STANDARD_OUTPUT,
    is_standard_output,
    is_stream,
    is_unusable_node,
    link_target,
)


def check_writable(path: Path, option: str) -> None:
    """Check that a file can be written, by creating a temporary file beside it. Nothing is written to a stream.

    Args:
        path: The file to be written; a link is followed.
        option: The option that names it, such as `--html`; for messages.

    Raises:
        SetupError: The path is a folder, a block device or a socket, its folder is missing or refuses files, this user
            may not write to the device or FIFO, or the name is not allowed.
    """
    try:
        if is_standard_output(path):
            return
        if path.is_dir():
            raise SetupError(f"{path}: is a folder; give {option} a file's name")
        if is_unusable_node(path):
            raise SetupError(f"{path}: is a block device or a socket; give {option} a file's name")
        if is_stream(path):
            if not os.access(path, os.W_OK):
                raise SetupError(f"{path}: this user may not write to it; choose another {option}")
            return
        target = link_target(path)
        if target.is_symlink():
            raise SetupError(f"{path}: is a link that leads to itself; remove it, or choose another {option}")
        if not target.parent.is_dir():
            raise SetupError(f"{path}: there is no folder {target.parent}; make it first, or choose another {option}")
        handle, trial = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)  # as `replacing`
        os.close(handle)
        Path(trial).unlink()
    except (OSError, ValueError) as error:  # `ValueError`: a path with a NUL byte
        why = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"{path}: cannot be written there ({why}); choose another place for {option}") from error


def check_is_file(path: Path, option: str) -> None:
    """Check that a path is or can become a regular file. For outputs that the command reads again, or writes beside.

    Raises:
        SetupError: It is standard output, a device or a FIFO, or cannot be written; see `check_writable`.
    """
    if is_standard_output(path) or is_stream(path):
        raise SetupError(f"{path}: is not a regular file; {option} needs one, since it is also read")
    check_writable(path, option)


@contextmanager
def standard_output_reserved(outputs: Mapping[str, Path | None], *others: str) -> Iterator[None]:
    """In the block, print to standard error if one of the outputs is standard output.

    Args:
        outputs: Paths by the options that name them; None for an option that is not used.
        others: Options in use that print a result to standard output, such as `--json`.

    Raises:
        SetupError: Standard output is named, and another option prints its result there.
    """
    reserved = [option for option, path in outputs.items() if path is not None and is_standard_output(path)]
    if not reserved:
        yield
        return
    writers = [*reserved, *others]
    if len(writers) > 1:
        raise SetupError(f"{' and '.join(writers)} both write to standard output; give {reserved[0]} a file's name")
    with redirect_stdout(sys.stderr):
        yield


def check_nothing_lost(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path]) -> None:
    """Check that no output overwrites an input or another output. Links are followed.

    Args:
        outputs: Paths by the options that name them; None for an option that is not used.
        inputs: Files that the command reads; missing ones are skipped.

    Raises:
        SetupError: An output is also an input or another output. The message names the option and the file.
    """
    wanted = [(option, path) for option, path in outputs.items() if path is not None and not _is_endless(path)]
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
        if path not in (None, STANDARD_OUTPUT) and path.resolve().is_relative_to(folder):
            raise SetupError(f"{path}: lies in the folder of the pack {pack}; choose a path outside it for {option}")


def _is_endless(path: Path) -> bool:
    """Return whether a path has no content to lose."""
    return is_standard_output(path) or is_stream(path)


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return device and inode, links followed, as `os.path.samefile` compares; None if the file does not exist."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _place(path: Path) -> tuple[int, int] | str:
    return _identity(path) or os.path.realpath(path)
