"""Answering leaves no files behind and opens no connection, native libraries included.

ONNX Runtime's packages hold a reporting system that keeps an identifier and a database under the user's home, notes the
session in the folder for temporary files, and connects from native code, where no Python patch sees it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import write_colour_pack

#: ONNX Runtime does not report where one of these is set, so a test that kept them could not fail.
_QUIETING = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "GITHUB_ACTIONS", "TF_BUILD")


def _surroundings(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _QUIETING}
    home.mkdir()
    return {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(home)}


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A command that answers one photo from a pack."""
    pack = tmp_path / "pack"
    write_colour_pack(pack)
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 40), (200, 30, 30)).save(photo)
    program = "import sys; from edge_identify.edge_runtime.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", program, str(photo), "--pack", str(pack), "--top-k", "1"]


def test_nothing_is_left_in_the_home_or_among_temporary_files(words: list[str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(words, env=_surroundings(home), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, 3, 4), done.stderr
    assert [str(path.relative_to(home)) for path in home.rglob("*")] == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not on this machine: native calls go unseen")
def test_no_native_code_opens_a_connection(words: list[str], tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    traced = ["strace", "-f", "-e", "trace=socket,connect,sendto", "-o", str(calls), *words]
    surroundings = _surroundings(tmp_path / "home")
    done = subprocess.run(traced, env=surroundings, capture_output=True, text=True, check=False, timeout=120)
    if "ptrace" in done.stderr.lower():
        pytest.skip("strace may not trace here")
    assert done.returncode in (0, 3, 4), done.stderr
    reached = [line for line in calls.read_text().splitlines() if "AF_INET" in line]
    assert reached == []
