"""A client's code is checked against the package's types: what is right passes, what is wrong is found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".mypy_cache/client"  # kept: the first run takes 6 s of processor time

# Without the libraries that no public type names: to read torch, which onnxruntime imports, takes 30 s.
SETTINGS = """
[mypy]
strict = true
follow_imports = silent
[mypy-faiss.*,onnx.*,onnxruntime.*,torch.*]
follow_imports = skip
"""

CLIENT = """
from pathlib import Path

import numpy as np

import edge_identify as ei

with ei.open(Path("pack")) as identifier:
    answer = identifier.identify("photo.jpg", near=(1.0, 2.0), labels={"label": "warm"})
    answer = identifier.identify(np.zeros((4, 4, 3), np.uint8))
    if answer.decision == "identified":
        print(answer.best.reference.name, answer.best.confidence)
    for one in identifier.identify_many(["a.jpg", b"bytes"]):
        if one.error is None:
            print(one.best.reference.name, one.to_json())
        else:
            print(one.question, one.error)
    print(identifier.embed_image("photo.jpg").shape, ei.packs(), ei.__version__)
"""

WRONG = """
import edge_identify as ei

with ei.open("pack") as identifier:
    print(identifier.identify(7))
    print(ei.nothing)
    for one in identifier.identify_many([]):
        print(one.best)
"""


@pytest.mark.timeout(600)
def test_a_client_is_type_checked(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    options = ["--config-file=mypy.ini", f"--cache-dir={CACHE}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "client.py", "wrong.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )

    found = [line.split(":")[:2] for line in done.stdout.splitlines()[:-1]]
    assert found == [["wrong.py", "5"], ["wrong.py", "6"], ["wrong.py", "8"]], done.stdout + done.stderr
