"""The times of the Java core are measured, on a small index."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "java_core.py"


@pytest.mark.slow
def test_the_java_core_is_timed() -> None:
    command = [sys.executable, str(_SCRIPT), "--count", "200", "--rounds", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    if "skipped: " in ran.stderr:
        pytest.skip(ran.stderr.strip())
    found = json.loads(ran.stdout)
    assert found["search_ms"] >= 0
    assert found["resize_12_megapixels_ms"] > 0
    assert found["index_bytes"] > 200 * 512
