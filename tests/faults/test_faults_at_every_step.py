"""A disk that is full or broken, a process that is killed and a power cut, at every step of every change of a store.

Afterwards the old or the new pack answers, the next sync completes, and nothing is left behind. `-s` shows how many
steps there were.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk_faults import broken_at, full_from
from fault_sweep import CHANGES, Fail, sweep_ends, sweep_failures, write_material

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see what a process writes")
IN_MEMORY = Path("/dev/shm")  # a sweep makes and removes thousands of files
LEAST_STEPS = {
    "first sync": 100,
    "update": 70,
    "install from a file": 40,
    "pin another root": 15,
    "roll back": 8,
    "prune": 15,
    "remove": 20,
}


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def material(work: Path, small_pack: Callable[..., Path]) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        return write_material(work / "material", small_pack)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("fail", [full_from, broken_at], ids=["no room", "an error of the disk"])
def test_a_disk_that_fails_at_any_step_leaves_a_pack_that_answers(
    name: str, fail: Fail, material: Path, work: Path
) -> None:
    steps, problems = sweep_failures(name, material, work, fail)

    sys.stdout.write(f"{fail.__name__}, {name}: {steps} steps\n")
    assert not problems
    assert steps >= LEAST_STEPS[name], "the steps were not seen"


@pytest.mark.parametrize("name", CHANGES)
def test_a_process_that_ends_at_any_step_leaves_a_pack_that_answers(name: str, material: Path, work: Path) -> None:
    steps, states, problems = sweep_ends(name, material, work)

    sys.stdout.write(f"killed, or a power cut, {name}: {steps} steps, {states} different states\n")
    assert not problems
    assert steps >= LEAST_STEPS[name], "the steps were not seen"
