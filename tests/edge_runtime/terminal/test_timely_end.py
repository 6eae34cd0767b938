"""Ctrl-C and SIGTERM end a command soon, while native code runs and when the interpreter waits for a thread."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from edge_identify.edge_runtime.terminal import timely_end

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not there")

_BEGIN = """
import sqlite3, sys, threading
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.timely_end import end_soon_after_a_signal
end_soon_after_a_signal()
def endless():
    print("begun", flush=True)
    sqlite3.connect(":memory:").execute(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    )
def waiting():
    thread = threading.Thread(target=endless)
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", ["endless", "waiting"])
def test_a_signal_ends_native_code_with_the_shell_s_code(number: signal.Signals, work: str) -> None:
    command = [sys.executable, "-c", f"{_BEGIN}\nsys.exit(run_command({work}))"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        try:
            assert process.wait(timeout=30) == 128 + number
        finally:
            process.kill()


def test_a_person_waits_less_than_two_seconds() -> None:
    assert timely_end.CLEAN_UP_S < 2


def test_a_signal_that_is_no_end_ends_nothing() -> None:
    code = (
        f"{_BEGIN}\nimport signal, time\n"
        "signal.signal(signal.SIGUSR1, lambda *_: None)\n"
        "signal.raise_signal(signal.SIGUSR1)\n"
        "print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "2\n")
