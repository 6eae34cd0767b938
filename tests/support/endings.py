"""A pytest plugin: processes of a test process end with it, and a crashed worker ends the whole run.

Tests end their servers themselves. A killed test process cannot, so a watcher process does: everything that a test
process starts is in its process group, and the watcher ends the group.

Trap: with `-n 0` from a script the group is the script's own, and there is no watcher.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_WATCHER = pytest.StashKey["subprocess.Popen[bytes] | None"]()
_CRASHED = "???"  # as pytest-xdist names the phase of a test whose worker is gone


def pytest_configure(config: pytest.Config) -> None:
    """Start the watcher, so that the processes of this process end with it."""
    config.stash[_WATCHER] = _watch() if hasattr(os, "setpgid") else None


def _watch() -> subprocess.Popen[bytes] | None:
    if "PYTEST_XDIST_WORKER" in os.environ and os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # Ctrl-C still reaches a worker, through the process that runs the workers
    if os.getpgrp() != os.getpid():
        return None
    return subprocess.Popen(
        [sys.executable, "-S", Path(__file__).with_name("watcher.py"), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """End the run when pytest-xdist reports a crashed worker. By default it first runs the assigned tests."""
    if str(report.when) == _CRASHED:
        pytest.exit(str(report.longrepr), returncode=pytest.ExitCode.TESTS_FAILED)
