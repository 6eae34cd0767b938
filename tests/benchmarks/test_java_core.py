"""The times of the Java core are measured, and its answers compared, on small things."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from feature_nets import plain_photo

from conformance_vectors import PACK, VECTORS

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _run(script: str, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(_BENCHMARKS / script), *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    if "skipped: " in ran.stderr:
        pytest.skip(ran.stderr.strip())
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.slow
def test_the_java_core_is_timed() -> None:
    found = _run("java_core.py", "--count", "200", "--rounds", "1")
    assert found["search_ms"] >= 0
    assert found["resize_12_megapixels_ms"] > 0
    assert found["index_bytes"] > 200 * 512


@pytest.mark.slow
def test_the_java_core_answers_as_python_does(tmp_path: Path) -> None:
    photos = {"grey.png": plain_photo(120, 118, 121), "red.png": plain_photo(250, 4, 5)}
    for name, data in photos.items():
        (tmp_path / name).write_bytes(data)
    table = tmp_path / "photos.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["query"], *([name] for name in photos)])
    found = _run("java_answers.py", "--pack", str(VECTORS / PACK), "--photos", str(table))
    assert (found["photos"], found["same_first"], found["same_decision"]) == (2, 2, 2)
    assert found["cosine_min"] > 0.9999
    assert found["score_difference_max"] < 2e-4
    assert found["self_test"] > 0.99
