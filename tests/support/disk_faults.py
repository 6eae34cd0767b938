"""A disk that fails at a chosen step, and what a process leaves that ends there: each write, flush and new name is one.

Python's own functions are replaced, not the system's calls: all that a store writes goes through them. Files are opened
with a raw file that counts each write.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

_NAME_CALLS = ("rename", "replace", "link", "symlink", "mkdir", "unlink", "remove", "rmdir", "chmod", "truncate")
#: What needs room on a disk. A rename may: the folder grows.
NEEDS_ROOM = frozenset({"open", "write", "mkdir", "link", "symlink", "rename", "replace"})

_open, _os_open, _fsync = io.open, os.open, os.fsync


class DiskFaults:
    """Counts the steps that change files below a folder, and lets one fail.

    Attributes:
        steps: Kind and path of each step so far.
    """

    def __init__(self, root: Path, fail: Callable[[DiskFaults, str], None] = lambda *_: None) -> None:
        """Take the folder, and what is called with this object and the kind of each step, before it is done."""
        self._root, self._fail = str(root), fail
        self.steps: list[tuple[str, str]] = []
        self._unflushed: dict[tuple[int, int], None] = {}

    def step(self, kind: str, path: object) -> None:
        """Count a step, and fail if it is the chosen one."""
        if isinstance(path, (str, os.PathLike)) and str(path).startswith(self._root):
            self.steps.append((kind, str(path)))
            self._fail(self, kind)

    def written(self, handle: int) -> None:
        """Note that a file has bytes that are not flushed to the disk."""
        self._unflushed[_identity(handle)] = None

    def flush(self, handle: int) -> None:
        """Stand in for `os.fsync`, without the wait."""
        self.step("fsync", _path_of(handle))
        self._unflushed.pop(_identity(handle), None)

    @property
    def has_unflushed(self) -> bool:
        """Whether a power cut would lose something."""
        return bool(self._unflushed)

    def copy_as_left(self, target: Path, *, by_power_cut: bool) -> None:
        """Copy the folder as it would be if the process ended now.

        Args:
            target: The new folder.
            by_power_cut: Replace what was not flushed by zeros. Names are as they are.
        """
        shutil.copytree(self._root, target, symlinks=True)
        for path in Path(self._root).rglob("*") if by_power_cut else ():
            found = path.lstat()
            if (found.st_dev, found.st_ino) in self._unflushed:
                (target / path.relative_to(self._root)).write_bytes(bytes(found.st_size))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See the steps of this process while the block runs."""
        with ExitStack() as stack:
            for name in _NAME_CALLS:
                stack.enter_context(patch.object(os, name, self._named(name)))
            stack.enter_context(patch.object(os, "open", self._os_open))
            stack.enter_context(patch.object(os, "fsync", self.flush))
            for module in (io, builtins):
                stack.enter_context(patch.object(module, "open", self._opened))
            yield

    def _named(self, name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(path: Any, *rest: Any, **options: Any) -> Any:
            full = path if options.get("dir_fd") is None else f"{_path_of(options['dir_fd'])}/{path}"
            self.step(name, rest[0] if name in ("link", "symlink") else full)
            return original(path, *rest, **options)

        return call

    def _os_open(self, path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT:
            self.step("open", path)
        return _os_open(path, flags, *rest, **options)

    def _opened(self, file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        """Stand in for `open`; writers below the folder get a raw file that counts."""
        where = _path_of(file) if isinstance(file, int) else str(file)
        if not set(mode) & set("wxa+") or not where.startswith(self._root):
            return _open(file, mode, *rest, **options)
        if set(mode) & set("wxa") and not isinstance(file, int) and "opener" not in options:
            self.step("open", where)
        raw = _CountingFile(file, mode.replace("b", ""), faults=self, opener=options.get("opener"))
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding=options.get("encoding"))


class _CountingFile(io.FileIO):
    def __init__(self, file: Any, mode: str, *, faults: DiskFaults, opener: Any) -> None:
        super().__init__(file, mode, opener=opener)
        self._faults = faults

    def write(self, data: Any) -> int:
        """Write. A step that fails here has written one half."""
        half = memoryview(data)[: len(data) // 2]
        written = super().write(half) if len(half) else 0
        self._faults.written(self.fileno())
        self._faults.step("write", _path_of(self.fileno()))
        return written + super().write(memoryview(data)[written:])

    def truncate(self, size: int | None = None) -> int:
        self._faults.step("truncate", _path_of(self.fileno()))
        return super().truncate(size)


def full_from(number: int) -> Callable[[DiskFaults, str], None]:
    """Have no room on the disk from a step on."""

    def fail(faults: DiskFaults, kind: str) -> None:
        if len(faults.steps) >= number and kind in NEEDS_ROOM:
            raise OSError(errno.ENOSPC, "No space left on device", faults.steps[-1][1])

    return fail


def broken_at(number: int) -> Callable[[DiskFaults, str], None]:
    """Have one step fail with an error of the disk."""

    def fail(faults: DiskFaults, _: str) -> None:
        if len(faults.steps) == number:
            raise OSError(errno.EIO, "Input/output error", faults.steps[-1][1])

    return fail


def _path_of(handle: int) -> str:
    return str(Path(f"/proc/self/fd/{handle}").readlink())


def _identity(handle: int) -> tuple[int, int]:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino
