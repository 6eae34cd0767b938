"""schemathesis tests the live server against its OpenAPI document, with valid and invalid requests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from live_service import Client

_HERE = Path(__file__).parents[1] / "schemathesis"


def test_schemathesis_finds_no_failure(service: Client, tmp_path: Path) -> None:
    words = [
        "--config-file", str(_HERE / "schemathesis.toml"), "run", f"{service.url}/openapi.json",
        "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1", "--continue-on-failure",
    ]  # fmt: skip
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(_HERE), "NO_COLOR": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    operations = sum(len(methods) for methods in service.get("/openapi.json").json()["paths"].values())
    assert f"Tested: {operations - 1}" in done.stdout  # all but the document's own
