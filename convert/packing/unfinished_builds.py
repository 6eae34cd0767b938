"""Temporary folders of builds: makes one, and removes those that killed builds left.

A build writes into a folder beside the pack and renames it at the end. It holds a lock on that folder, which the
operating system releases when the process ends. So a folder without a lock is abandoned, and one with a lock belongs to
a running build.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MAKING, RETIRED = ".making", ".retired"


def clear_abandoned(out: Path) -> None:
    """Remove the folders that killed builds of a pack left, and restore a pack that one of them had moved away.

    Args:
        out: The pack's folder, resolved; its parent exists.
    """
    for retired in _beside(out, RETIRED):
        if _is_held(retired.with_suffix(MAKING)):
            continue  # that build is running, between the two renames or at its end
        if out.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.rename(out)  # the build was killed after it moved the old pack away
    for making in _beside(out, MAKING):
        _remove_unless_held(making)


@contextmanager
def folder_in_the_making(out: Path) -> Iterator[Path]:
    """Make the temporary folder of a build, lock it while the block runs, and remove it unless it was renamed.

    Args:
        out: The pack's folder, resolved; its parent exists.

    Yields:
        The folder, empty; the block may rename it.
    """
    while True:
        making = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=MAKING, dir=out.parent))
        try:
            with _held(making) as is_there:
                if is_there:
                    making.chmod(0o755)  # mkdtemp makes 0700, which a web server could not read
                    yield making
                    return
        finally:
            shutil.rmtree(making, ignore_errors=True)


def _beside(out: Path, suffix: str) -> list[Path]:
    start = f".{out.name}."
    return sorted(path for path in out.parent.iterdir() if path.is_dir() and _is_of_a_build(path.name, start, suffix))


def _is_of_a_build(name: str, start: str, suffix: str) -> bool:
    # mkdtemp's random part has no dot: `.a.b.x.making` belongs to a pack `a.b`, not to `a`.
    return name.startswith(start) and name.endswith(suffix) and "." not in name[len(start) : -len(suffix)]


if sys.platform == "win32":

    @contextmanager
    def _held(_making: Path) -> Iterator[bool]:
        # Windows has no lock on a folder, so no folder counts as abandoned there.
        yield True

    def _is_held(making: Path) -> bool:
        return making.exists()

    def _remove_unless_held(_making: Path) -> None:
        pass

else:
    import fcntl

    @contextmanager
    def _held(making: Path) -> Iterator[bool]:
        """Lock a new folder while the block runs; yield whether the folder still exists.

        Another build may have found the folder before the lock was taken, and may be removing it. The lock waits for
        that build.
        """
        try:
            handle = os.open(making, os.O_RDONLY)
        except FileNotFoundError:
            yield False
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield making.exists()
        finally:
            os.close(handle)

    def _is_held(making: Path) -> bool:
        try:
            handle = os.open(making, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def _remove_unless_held(making: Path) -> None:
        with suppress(OSError):  # it belongs to another user, or is gone
            handle = os.open(making, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(making, ignore_errors=True)
            finally:
                os.close(handle)
