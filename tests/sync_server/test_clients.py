"""The examples of clients, each run as it stands against a live server, where its tool is on the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from live_service import Client
from service_packs import photo_of

CLIENTS = Path(__file__).parents[2] / "examples"
TOOLS = {"identify.py": sys.executable, "identify.mjs": shutil.which("node")}


def test_every_example_is_run() -> None:
    assert {path.name for path in CLIENTS.iterdir() if path.is_file()} == TOOLS.keys()


@pytest.mark.parametrize("name", TOOLS)
def test_an_example_gets_an_answer(service: Client, tmp_path: Path, name: str) -> None:
    tool = TOOLS[name]
    if tool is None:
        pytest.skip("its tool is not on this machine")
    (tmp_path / "photo.jpg").write_bytes(photo_of((255, 0, 0)))
    words = [tool, str(CLIENTS / name), service.url, str(tmp_path / "photo.jpg")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    decision, *name_of_it, confidence = done.stdout.split()
    assert (decision, " ".join(name_of_it)) == ("identified", "Pure red")
    assert float(confidence) > 0.9
