"""What a build that was killed left beside its pack, and how the next build tells it from one that is at work.

A newcomer would delete every folder with the right name, and with it the one that another process is just filling. Here
a build holds a lock on its folder; the operating system lets go when the process ends, however it ends.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAKING, RETIRED = ".making", ".retired"


def clear_abandoned(out: Path) -> None:
    """Remove what killed builds of a pack left, and put back a pack that one of them had moved away.

    Args:
        out: The pack's folder, resolved; its parent exists.
    """
    for retired in _beside(out, RETIRED):
        if out.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.rename(out)  # killed between moving the old pack away and putting the new one in its place
    for making in _beside(out, MAKING):
        if _is_abandoned(making):
            shutil.rmtree(making, ignore_errors=True)


def _beside(out: Path, suffix: str) -> list[Path]:
    start = f".{out.name}."
    return sorted(path for path in out.parent.iterdir() if path.is_dir() and _is_of_a_build(path.name, start, suffix))


def _is_of_a_build(name: str, start: str, suffix: str) -> bool:
    # What mkdtemp puts between the two has no dot: `.a.b.x.making` is of a pack `a.b` and not of `a`.
    return name.startswith(start) and name.endswith(suffix) and "." not in name[len(start) : -len(suffix)]


if sys.platform == "win32":

    @contextmanager
    def claimed(_making: Path) -> Iterator[None]:
        """Do nothing: Windows has no lock on a folder, so nothing is taken for abandoned there."""
        yield

    def _is_abandoned(_making: Path) -> bool:
        return False

else:
    import fcntl

    @contextmanager
    def claimed(making: Path) -> Iterator[None]:
        """Hold the folder of a build while the block runs."""
        handle = os.open(making, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(handle)

    def _is_abandoned(making: Path) -> bool:
        try:
            with claimed(making):
                return True
        except OSError:  # held, or of another user
            return False
