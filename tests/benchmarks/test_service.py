"""The benchmarks of the service run, on a small pack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service_packs import write_service_pack

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script: str, *options: str) -> list[dict[str, object]]:
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_what_http_adds_is_measured(tmp_path: Path) -> None:
    lines = run("service_latency.py", "--pack", str(write_service_pack(tmp_path / "pack")), "--rounds", "2")

    assert [line["photo"] for line in lines] == ["1_megapixel", "12_megapixels"]
    assert all(isinstance(line["beyond_stated_seconds_ms"], float) for line in lines)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the memory of a process as Linux tells it")
def test_half_a_megabyte_of_requests_that_nobody_means_meets_no_fault(tmp_path: Path) -> None:
    (line,) = run("service_fuzz.py", "--pack", str(write_service_pack(tmp_path / "pack")), "--megabytes", "0.5")

    statuses = line["statuses"]
    assert isinstance(statuses, dict)
    assert {"200", "400", "404", "422"} <= statuses.keys()
    assert "500" not in statuses
    assert line["still_there"] is True
