"""The real commands as subprocesses, a real server on loopback, and one demo run that the journeys share."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import serving
from edge_identify.convert.cli.main import main as edge_build

COMMANDS = Path(sys.executable).parent
MOSAICS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A finished command."""

    code: int
    out: str
    err: str


Run = Callable[..., Finished]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs an installed command with another home folder."""
    home = tmp_path_factory.mktemp("home")
    set_apart = {"HOME": str(home), "XDG_DATA_HOME": str(home), "PYTHONWARNINGS": "default"}

    def run_it(command: str, *arguments: object) -> Finished:
        words = [str(argument) for argument in arguments]
        done = subprocess.run(
            [COMMANDS / command, *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **set_apart},
            timeout=600,
        )
        return Finished(code=done.returncode, out=done.stdout, err=done.stderr)

    return run_it


@pytest.fixture(scope="session")
def succeed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return a function that runs a command, checks its exit code, and returns its output.

    `edge-build` runs in this process, where torch is loaded once, and calibrates with few photos.
    """
    home = str(tmp_path_factory.mktemp("home"))

    def run_well(command: str, *arguments: object) -> str:
        finished = build_here(arguments, home) if command == "edge-build" else run(command, *arguments)
        assert finished.code == 0, (command, arguments, finished.err)
        return finished.out

    return run_well


def build_here(arguments: tuple[object, ...], home: str) -> Finished:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for variable in ("HOME", "XDG_DATA_HOME"):
            patch.setenv(variable, home)
        code = edge_build([str(argument) for argument in arguments])
    return Finished(code=code, out=out.getvalue(), err=err.getvalue())


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """The output of the demo with fewer mosaics."""

    folder: Path
    finished: Finished

    @property
    def photos(self) -> list[Path]:
        """The simulated photos."""
        return sorted((self.folder / "set/photos").iterdir())


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """Run the demo once."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    script = Path(__file__).parent / "demo.py"
    done = subprocess.run(
        [sys.executable, script, folder, "--count", str(MOSAICS), "--no-app"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    return DemoRun(folder=folder, finished=Finished(code=done.returncode, out=done.stdout, err=done.stderr))


@pytest.fixture
def serve() -> Callable[[Path], AbstractContextManager[str]]:
    """Return a context manager that serves a repository with `edge-serve run` and yields its address."""
    return serving
