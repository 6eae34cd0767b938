"""Writing of files that the user named: `--out`, `--html`, `--explain`.

A regular file is replaced atomically and keeps its mode; a link is followed. A device or a FIFO is written into: a
rename would replace the node itself, even `/dev/null`.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edge_identify.edge_runtime.io.durable_writes import replacing

STANDARD_OUTPUT = Path("-")
_MOST_LINKS = 40  # Linux follows no more
_STDOUT = 1


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that the user named.

    Args:
        path: A regular file, new or old, a link, a device or a FIFO; `-` is standard output. Opening a FIFO waits for a
            reader.

    Yields:
        A binary file open for writing. A regular file appears under its name when the block ends without an error.

    Raises:
        OSError: The disk is full or refuses, or the path is a folder, a block device or a socket.
    """
    if (number := _descriptor(path)) is not None:
        sys.stdout.flush()
        with os.fdopen(os.dup(number), "wb") as stream:
            yield stream
    elif is_unusable_node(path):
        raise OSError(f"{path}: is a block device or a socket")
    elif is_stream(path):
        with path.open("wb") as stream:
            yield stream
    else:
        target = link_target(path)
        with replacing(target, mode=_mode(target)) as file:
            _keep_owner(file, target)
            yield file


def write_output(path: Path, data: bytes) -> None:
    """Write `data` to a file that the user named; see `output_file`."""
    with output_file(path) as file:
        file.write(data)


def is_standard_output(path: Path) -> bool:
    """Return whether a path is `-`, or a name of this process's standard output such as `/dev/stdout`."""
    return _descriptor(path) == _STDOUT


def is_stream(path: Path) -> bool:
    """Return whether a path is written into and not replaced: a character device, a FIFO, an open descriptor."""
    if _descriptor(path) is not None:
        return True
    mode = _node(path)
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def is_unusable_node(path: Path) -> bool:
    """Return whether a path is a block device or a socket."""
    mode = _node(path)
    return stat.S_ISBLK(mode) or stat.S_ISSOCK(mode)


def link_target(path: Path) -> Path:
    """Return where a link leads, existing or not; a path that is no link as it is."""
    return Path(os.path.realpath(path)) if _is_link(path) else path


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _node(path: Path) -> int:
    """Return the mode with the kind of node, links followed; 0 if there is nothing."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _descriptor(path: Path) -> int | None:
    """Return the number of the open descriptor that a path names, such as 1 for `/dev/stdout`; else None.

    Opening such a name again would truncate a regular file that standard output was sent to.
    """
    if path == STANDARD_OUTPUT:
        return _STDOUT
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if folder in ("/dev/fd", f"/proc/{os.getpid()}/fd"):
            return int(path.name) if path.name.isdecimal() else None
        if not _is_link(path):
            return None
        path = Path(folder, path.readlink())
    return None


def _mode(path: Path) -> int:
    """Return the mode of a file; of a missing one, the mode that the umask gives a new file."""
    if old := _node(path):
        return stat.S_IMODE(old)
    umask = os.umask(0o077)  # it can only be read by setting it; a file that a thread creates now is private
    os.umask(umask)
    return 0o666 & ~umask


def _keep_owner(file: BinaryIO, old: Path) -> None:
    """Give a file the owner of the file that it replaces. Only root can; for others, it becomes theirs."""
    if hasattr(os, "fchown"):
        with suppress(OSError):
            found = old.stat()
            os.fchown(file.fileno(), found.st_uid, found.st_gid)
