"""The client examples, each run unchanged against a live server if its tool is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from live_service import Client
from service_packs import photo_of

CLIENTS = Path(__file__).parents[2] / "examples"
TOOLS: dict[str, tuple[str | None, ...]] = {
    "identify.py": (sys.executable,),
    "identify.mjs": (shutil.which("node"),),
    "identify.go": (shutil.which("go"), "run"),
}


def test_every_client_is_run() -> None:
    asking = {path.name for path in CLIENTS.iterdir() if path.is_file() and "/v1/identify" in path.read_text("utf-8")}
    assert asking == TOOLS.keys()


@pytest.mark.parametrize("name", TOOLS)
def test_an_example_gets_an_answer(service: Client, tmp_path: Path, name: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo_of((255, 0, 0)))
    done = _run(name, tmp_path, service.url, str(tmp_path / "photo.jpg"))
    assert done.returncode == 0, done.stderr
    decision, *name_of_it, confidence = done.stdout.split()
    assert (decision, " ".join(name_of_it)) == ("identified", "Pure red")
    assert float(confidence) > 0.9


@pytest.mark.parametrize("name", TOOLS)
def test_an_example_says_what_the_problem_is(service: Client, tmp_path: Path, name: str) -> None:
    if name == "identify.py":
        pytest.skip("urllib raises by itself")
    (tmp_path / "photo.jpg").write_bytes(b"no picture")
    done = _run(name, tmp_path, service.url, str(tmp_path / "photo.jpg"))
    assert done.returncode != 0
    assert "Unusable Picture: " in done.stderr


def test_go_is_written_as_gofmt_writes() -> None:
    gofmt = shutil.which("gofmt")
    if gofmt is None:
        pytest.skip("gofmt is not on this machine")
    done = subprocess.run([gofmt, "-l", str(CLIENTS)], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def _run(name: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run an example; skip the test if its tool is not installed."""
    tool, *more = TOOLS[name]
    if tool is None:
        pytest.skip(f"what runs {name} is not on this machine")
    env = {**os.environ, "GOCACHE": str(folder.parent / "go-cache"), "GO111MODULE": "off", "GOTOOLCHAIN": "local"}
    command = [tool, *(one for one in more if one), str(CLIENTS / name), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=env)
