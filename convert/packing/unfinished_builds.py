"""What a build that was killed left beside its pack, and how the next build tells it from one that is at work.

A newcomer would delete every folder with the right name, and with it the one that another process is just filling. Here
a build holds a lock on its folder; the operating system lets go when the process ends, however it ends.
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
    """Remove what killed builds of a pack left, and put back a pack that one of them had moved away.

    Args:
        out: The pack's folder, resolved; its parent exists.
    """
    for retired in _beside(out, RETIRED):
        if _is_held(retired.with_suffix(MAKING)):
            continue  # that build is between the two renames, or about to end
        if out.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.rename(out)  # killed between moving the old pack away and putting the new one in its place
    for making in _beside(out, MAKING):
        _remove_unless_held(making)


@contextmanager
def folder_in_the_making(out: Path) -> Iterator[Path]:
    """Make the folder of a build beside its pack, hold it while the block runs, and remove what is left of it.

    Args:
        out: The pack's folder, resolved; its parent exists.

    Returns:
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
    # What mkdtemp puts between the two has no dot: `.a.b.x.making` is of a pack `a.b` and not of `a`.
    return name.startswith(start) and name.endswith(suffix) and "." not in name[len(start) : -len(suffix)]


if sys.platform == "win32":

    @contextmanager
    def _held(_making: Path) -> Iterator[bool]:
        # Windows has no lock on a folder, so nothing is taken for abandoned there.
        yield True

    def _is_held(making: Path) -> bool:
        return making.exists()

    def _remove_unless_held(_making: Path) -> None:
        pass

else:
    import fcntl

    @contextmanager
    def _held(making: Path) -> Iterator[bool]:
        """Hold a folder that was just made while the block runs, which is told whether it is still there.

        Another build may have looked at it before it was held, and taken it for abandoned: it is waited for.
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
        with suppress(OSError):  # of another user, or gone by now
            handle = os.open(making, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(making, ignore_errors=True)
            finally:
                os.close(handle)
