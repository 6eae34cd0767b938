"""The file of test vectors is what its script writes, and has both kinds of verdicts."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

FOLDER = Path(__file__).parent / "vectors"
SCRIPT = FOLDER / "write_vectors.py"


def test_the_vectors_are_what_the_script_writes() -> None:
    text = runpy.run_path(str(SCRIPT))["vectors_text"]()
    assert (FOLDER / "vectors.json").read_text(encoding="utf-8") == text, f"run: python {SCRIPT}"
    verdicts = [step["verdict"] for case in json.loads(text)["cases"] for step in case["steps"]]
    assert verdicts.count("refused") > 35
    assert len(verdicts) - verdicts.count("refused") > 30
