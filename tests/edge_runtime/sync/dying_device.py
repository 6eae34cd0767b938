"""A device that is killed at each step of a sync in turn. `test_crash` runs it; it needs `fork`.

    python dying_device.py URL STORE WORK

STORE holds version 1.0.0 of street-art; the server at URL offers 2.0.0. For each step that touches the disk,
a child process syncs a copy of the store and ends itself there, without cleaning up. Then the pack must be
whole, and the next sync must bring the new version. That one runs after each `_SYNC_AFTER`th death alone: what a death
leaves behind is alike between two steps, and each sync takes a tenth of a second. Writes the number of steps; the exit
code tells.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.sync_client import sync_pack

_STEPS = frozenset({"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "shutil.rmtree"})
_DIED = 9
_SYNC_AFTER = 5


def main(url: str, store: Path, work: Path) -> None:
    """Kill a sync at its first step, at its second, and so on, until one comes through."""
    os.fsync = _no_wait
    shutil.copytree(store, work / "first")
    _sync(url, work / "first")  # so that no child has to load a library
    step = 0
    died = True
    while died:
        step += 1
        root = work / str(step)
        shutil.copytree(store, root)
        died = _sync_in_child(url, root, die_at=step)
        _check_whole(root, {"1.0.0", "2.0.0"} if died else {"2.0.0"}, step)
        if died and step % _SYNC_AFTER:
            shutil.rmtree(root)
            continue
        if _sync_in_child(url, root, die_at=None):
            sys.exit(f"step {step}: the sync after it failed")
        _check_whole(root, {"2.0.0"}, step)
        if (root / "street-art/staging").exists():
            sys.exit(f"step {step}: staging was left behind")
    sys.stdout.write(f"{step}\n")


def _no_wait(fd: object) -> None:
    """Stand in for `os.fsync`: what a killed process wrote is not lost, only a power cut needs the wait."""
    del fd


def _sync_in_child(url: str, root: Path, *, die_at: int | None) -> bool:
    """Return whether the child died before its sync had ended."""
    child = os.fork()
    if child == 0:
        if die_at is not None:
            sys.addaudithook(_executioner(root, die_at))
        _sync(url, root)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def _sync(url: str, root: Path) -> None:
    sync_pack(
        PackStore(root),
        url,
        name="street-art",
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=lambda *_: None,
    )


def _executioner(root: Path, die_at: int):  # type: ignore[no-untyped-def]  # the hook's type has no name
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        opens_here = event == "open" and str(arguments[0]).startswith(str(root))
        if event in _STEPS or opens_here:
            seen += 1
            if seen == die_at:
                os._exit(_DIED)

    return hook


def _check_whole(root: Path, expected: set[str], step: int) -> None:
    installed = PackStore(root).active("street-art")
    verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    if str(installed.version) not in expected:
        sys.exit(f"step {step}: {installed.version} answers, expected {expected}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
