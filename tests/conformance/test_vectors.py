"""The conformance vectors are what Python computes today, and the cores in other languages compute the same."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance_vectors import PACK, VECTORS, write_vectors

_ROOT = Path(__file__).parents[2]
_WEB = _ROOT / "edge_runtime" / "web"
_JAVA = _ROOT / "edge_runtime" / "java"
_SIGNED = _ROOT / "tests" / "attacks" / "vectors"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    write_vectors(folder)
    return folder


def test_the_vectors_in_the_repository_are_up_to_date(written: Path) -> None:
    # The pack's model and images of another library version may have other bytes.
    names = {path.name for path in written.iterdir()} - {PACK}
    assert names == {path.name for path in VECTORS.iterdir()} - {PACK}
    for name in sorted(names):
        ours, theirs = written / name, VECTORS / name
        if name.endswith(".json"):
            assert _are_alike(json.loads(ours.read_text()), json.loads(theirs.read_text())), f"{name}: write it anew"
        else:
            assert ours.read_bytes() == theirs.read_bytes(), f"{name}: write it anew"


def _are_alike(ours: object, theirs: object) -> bool:
    """Return whether two documents are the same but for the rounding of numbers."""
    if isinstance(ours, float) and isinstance(theirs, float | int):
        return math.isclose(ours, theirs, rel_tol=1e-4, abs_tol=2e-4)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_are_alike(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_are_alike, ours, theirs))
    return ours == theirs


def test_the_vectors_are_small() -> None:
    assert sum(path.stat().st_size for path in VECTORS.rglob("*") if path.is_file()) < 1_000_000


def test_javascript_computes_the_same() -> None:
    # Node alone is needed: the core has no dependency.
    run = _run("node", "--test", "core/tests/", cwd=_WEB)
    assert run.returncode == 0, run.stdout


def test_java_computes_the_same(tmp_path: Path) -> None:
    # Little of the work is worth the second compiler.
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    sources = [str(path) for path in sorted(_JAVA.glob("*/edgeidentify/*.java"))]
    options = ("--release", "11", "-Xlint:all", "-Werror", "-d", str(tmp_path))
    compiled = _run("javac", *(f"-J{each}" for each in quick), *options, *sources, cwd=_JAVA)
    assert compiled.returncode == 0, compiled.stdout
    run = _run("java", *quick, "-cp", str(tmp_path), "edgeidentify.VectorsTest", str(VECTORS), str(_SIGNED), cwd=_JAVA)
    assert run.returncode == 0, run.stdout


def _run(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return subprocess.run(
        [found, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
