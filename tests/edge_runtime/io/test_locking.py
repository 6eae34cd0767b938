"""The lock admits one writer at a time, and a crash releases it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.locking import only_writer


def test_a_second_writer_is_told_so_and_may_try_again_later(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        only_writer(lock, busy="busy"),
        pytest.raises(SetupError, match="busy"),
        only_writer(lock, busy="busy"),
    ):
        pass
    with only_writer(lock, busy="busy"):
        pass


def test_a_process_that_dies_leaves_no_lock_behind(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import os, pathlib, sys\n"
        "from edge_identify.edge_runtime.io.locking import only_writer\n"
        "with only_writer(pathlib.Path(sys.argv[1]), busy=''):\n"
        "    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, lock], check=False).returncode == 9
    with only_writer(lock, busy="busy"):
        pass
