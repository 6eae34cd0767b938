"""The HTTP calls of the README, unchanged, against a live server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from live_service import Client
from service_packs import photo_of

README = Path(__file__).parents[2] / "README.md"


def calls() -> list[str]:
    return re.findall(r"^\$ (curl .*)$", README.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_every_call_of_the_readme_is_answered(service: Client, tmp_path: Path) -> None:
    assert len(calls()) >= 4
    for name in ("photo.jpg", "demo-output/set/photos/mosaic-001-1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(photo_of((255, 0, 0)))
    for call in calls():
        words = shlex.split(call.replace("http://127.0.0.1:8000", service.url))
        done = subprocess.run([*words, "--silent", "--fail"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (call, done.stderr)
        assert {"matches", "embedding", "packs"} & json.loads(done.stdout).keys(), call
