"""Ctrl-C and SIGTERM end a command soon, while native code runs and when the interpreter waits for a thread."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from typing import Any

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


_PRINTS = """
import signal, sys
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.timely_end import end_soon_after_a_signal, print_whole, whole_output
end_soon_after_a_signal(0.5)
def printing():
    with whole_output():
        print("begun", file=sys.stderr, flush=True)
        print_whole("x" * 4_000_000 + "end")
    return 0
sys.exit(run_command(printing))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("unbuffered", [[], ["-u"]])
def test_an_output_that_is_read_is_whole_though_a_signal_arrives(number: signal.Signals, unbuffered: list[str]) -> None:
    command = [sys.executable, *unbuffered, "-c", _PRINTS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == b"begun\n"
        read = process.stdout.read(1000)
        process.send_signal(number)
        read += process.stdout.read()

        assert process.wait(timeout=30) == 128 + number
    assert (len(read), read[-3:]) == (4_000_003, b"end")


@pytest.mark.parametrize("signals", [1, 2])
def test_an_output_that_nobody_reads_ends_with_the_signal(signals: int) -> None:
    with subprocess.Popen([sys.executable, "-c", _PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == b"begun\n"
        assert process.stdout.read(1000)
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()


def test_a_signal_that_was_held_back_arrives_after_the_output() -> None:
    written: list[str] = []

    class Stream(io.BytesIO):
        def write(self, data: Any) -> int:
            if not written:
                signal.raise_signal(signal.SIGINT)
            written.append(bytes(data)[:3].decode())
            return 3

    def write() -> None:
        with timely_end.whole_output():
            timely_end.PiecewiseOutput(Stream()).write(b"all of")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert written == ["all", " of"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
