"""A run of the tests that meets a crash or a hang ends soon, says in which test, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.sync_server.publishing.publish import publish
from golden_packs import golden_pack

ROOT = Path(__file__).parents[1]
SOON_S = 60  # on a busy machine; the tests that are handed out to the other worker take longer

pytestmark = pytest.mark.skipif(not hasattr(os, "setpgid"), reason="process groups are not there")


@contextmanager
def inner_run(folder: Path, body: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run a test with this body, and many slow ones beside it, in two workers with this project's settings."""
    slow = "@pytest.mark.parametrize('at', range(200))\ndef test_slow(at):\n    time.sleep(1)\n"
    head = "import ctypes, os, signal, subprocess, time\nimport pytest\n\n"
    (folder / "test_inner.py").write_text(f"{head}def test_bad():\n    {body}\n\n{slow}", encoding="utf-8")
    words = [sys.executable, "-m", "pytest", str(folder), "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
    words += ["-p", "xdist", "-p", "pytest_timeout", "-p", "endings", "--numprocesses", "2", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(ROOT / "tests"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with subprocess.Popen(
        words,
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def numbers_in(file: Path) -> list[int]:
    """Return the numbers in a file that is there soon."""
    end = time.monotonic() + SOON_S
    while not file.exists():
        assert time.monotonic() < end, file
        time.sleep(0.05)
    return [int(word) for word in file.read_text(encoding="utf-8").split()]


def is_running(process_id: int) -> bool:
    """Return whether a process is there and has not ended."""
    asked = ["ps", "-o", "stat=", "-p", str(process_id)]
    state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


def wait_until_ended(process_id: int) -> None:
    end = time.monotonic() + SOON_S
    while is_running(process_id):
        assert time.monotonic() < end, process_id
        time.sleep(0.1)


def test_a_killed_worker_ends_the_run_and_its_server(tmp_path: Path) -> None:
    repo, told = tmp_path / "repo", tmp_path / "told"
    publish(golden_pack("format-1-with-signs"), repo, now_utc=datetime.now(UTC))
    body = f"""\
from live_service import running
    with running("--port", "0", "--repo", {str(repo)!r}) as (server, _):
        with open("{told}~", "w") as file:
            file.write(f"{{os.getpid()}} {{server.pid}}")
        os.rename("{told}~", "{told}")
        time.sleep(600)"""

    with inner_run(tmp_path, body) as run:
        worker, server = numbers_in(told)
        assert is_running(server)
        os.kill(worker, signal.SIGKILL)
        output, _ = run.communicate(timeout=SOON_S)

    assert run.returncode == 1
    assert "crashed while running 'test_inner.py::test_bad'" in output
    wait_until_ended(server)


def test_what_a_killed_run_started_ends_with_it(tmp_path: Path) -> None:
    told = tmp_path / "told"
    body = f"""\
with subprocess.Popen(["sh", "-c", "sleep 600 & echo $$ $! > '{told}~'; mv '{told}~' '{told}'; wait"]) as shell:
        shell.wait()"""

    with inner_run(tmp_path, body) as run:
        started = numbers_in(told)
        assert all(map(is_running, started))
        run.kill()

        for process_id in started:
            wait_until_ended(process_id)


def test_a_test_that_waits_for_good_fails_at_its_time_limit(tmp_path: Path) -> None:
    with inner_run(tmp_path, "time.sleep(600)", "--timeout", "2", "-k", "bad") as run:
        output, _ = run.communicate(timeout=SOON_S)

    assert run.returncode == 1
    assert "FAILED" in output
    assert "test_inner.py::test_bad - Failed: Timeout" in output


def test_a_test_that_lets_no_python_run_ends_the_run(tmp_path: Path) -> None:
    body = """\
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock"""

    with inner_run(tmp_path, body, "--timeout", "2", "-o", "faulthandler_timeout=4") as run:
        output, _ = run.communicate(timeout=SOON_S)

    assert run.returncode == 1
    assert "crashed while running 'test_inner.py::test_bad'" in output


def test_every_run_has_these_limits() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]

    assert 0 < settings["timeout"] < settings["faulthandler_timeout"]
    assert settings["faulthandler_exit_on_timeout"] is True
    assert "--max-worker-restart=0" in settings["addopts"].split()
