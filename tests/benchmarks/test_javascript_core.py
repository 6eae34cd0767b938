"""The comparison of the JavaScript core with Python, on the pack of the conformance vectors."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from feature_nets import plain_photo

from conformance_vectors import PACK, VECTORS

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "javascript_core.py"


def _run(pack: Path, table: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), "--pack", str(pack), "--photos", str(table)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.slow
def test_the_javascript_core_answers_as_python_does(tmp_path: Path) -> None:
    photos = {"grey.png": plain_photo(120, 118, 121), "red.png": plain_photo(250, 4, 5)}
    for name, data in photos.items():
        (tmp_path / name).write_bytes(data)
    table = tmp_path / "photos.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["query"], *([name] for name in photos)])
    ran = _run(VECTORS / PACK, table)
    if "skipped: " in ran.stderr:
        pytest.skip(ran.stderr.strip())
    found = json.loads(ran.stdout)
    assert (found["photos"], found["same_first"], found["same_decision"]) == (2, 2, 2)
    assert found["cosine_min"] > 0.9999
    assert found["score_difference_max"] < 2e-4
    assert found["self_test"][0]["samePixels"] == 1


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    assert "skipped: " in _run(tmp_path, tmp_path / "none.csv").stderr
