"""The families benchmark measures what it says, goes on where it stopped, and its table neither flatters nor hides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.builtin.registration import WEIGHTS_NAME

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

PASSED = {
    "state": "passed",
    "megabytes": 88.75,
    "cpu_ms": 20.0,
    "cosine_mean": 0.999998,
    "cosine_min": 0.99,
    "cosine_centred": 0.98,
    "top1_agreement": 1.0,
}
EXACT = {**PASSED, "megabytes": 351.0, "cpu_ms": 80.0, "cosine_min": 0.999996}
REFUSED = {**PASSED, "state": "refused", "cpu_ms": None, "cosine_mean": 0.8123}


LINE: dict[str, Any] = {
    "family": "ViT-B-32",
    "dim": 512,
    "size_px": 224,
    "machine": "a small one",
    "towers": {
        "image": {"onnx-int8": PASSED, "onnx-w4": {"state": "not made"}, "onnx-fp32": EXACT},
        "text": {"onnx-int8": REFUSED, "coreml-fp16": {"state": "not run"}},
    },
}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from families_table import families_table

    text: str = families_table([LINE], ["ViT-B-32", "RN50"])
    return text


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "families.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_family_that_the_list_does_not_have_comes_last_and_a_half_written_line_is_passed_over(
    tmp_path: Path,
) -> None:
    results = tmp_path / "results.jsonl"
    lines = [json.dumps({**LINE, "family": family}) for family in ("own", "ViT-B-32")]
    results.write_text("\n".join([*lines, lines[0][:50]]))

    ended = run("--table", str(results))

    assert ended.returncode == 0, ended.stderr
    assert "passed over its last line" in ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.startswith("## ")] == ["## ViT-B-32", "## own"]


def test_a_run_without_anything_to_do_is_wrong_usage() -> None:
    ended = run()

    assert ended.returncode == 2
    assert "name a FAMILY, or --results FILE" in ended.stderr


def test_a_family_that_fails_ends_the_run_with_1_and_keeps_what_was_there(colour_images: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(LINE) + "\n" + '{"benchmark": "fam')

    ended = run("no-such-family", "--results", str(results), "--references", str(colour_images))

    assert ended.returncode == 1
    assert "no-such-family: FAILED with 1" in ended.stderr
    assert results.read_text() == json.dumps(LINE) + "\n"


def test_the_summary_tells_size_time_and_their_share_of_fp32(table: str) -> None:
    assert "| [ViT-B-32](#vit-b-32) | 224 | 512 | 88.8 | 20.0 | 0.25 | refused | - | - | text onnx-int8 |" in table


def test_digits_are_cut_off_and_never_rounded_up(table: str) -> None:
    assert "| image | onnx-int8 | 88.8 | 20.0 | 0.99999 | 0.99000 | 0.98000 | 1.000 | passed |" in table
    assert "ONNX fp32 0.99999, Core ML fp16 not run" in table


def test_a_family_that_was_not_run_is_named(table: str) -> None:
    assert "Not run yet: RN50.\n" in table


def test_what_was_refused_keeps_its_figures_and_what_is_missing_says_why(table: str) -> None:
    assert "| text | onnx-int8 | 88.8 | - | 0.81230 | 0.99000 | 0.98000 | 1.000 | refused |" in table
    assert "| image | onnx-w4 | - | - | - | - | - | - | not made |" in table
    assert "| text | coreml-fp16 | - | - | - | - | - | - | not run |" in table


def test_a_family_is_measured_once_and_skipped_the_next_time(colour_images: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    command = [sys.executable, str(BENCHMARKS / "families.py"), "builtin", "--results", str(results), "--rounds", "1"]
    command += ["--references", str(colour_images), "--variants", "onnx-fp32"]
    for _ in range(2):
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert ended.returncode == 0, ended.stderr
    (line,) = [json.loads(text) for text in results.read_text().splitlines()]
    assert (line["family"], line["weights"]) == ("builtin", WEIGHTS_NAME)
    for tower in ("image", "text"):
        row = line["towers"][tower]["onnx-fp32"]
        assert row["state"] == "passed"
        assert row["cosine_min"] >= 0.99999
        assert row["cpu_ms"] > 0
        assert line["towers"][tower]["onnx-int8"] == {"state": "not run"}


@pytest.fixture
def colour_images(tmp_path: Path) -> Path:
    """A list of two images."""
    from PIL import Image

    rows = ["path,id,name"]
    for name in ("red", "blue"):
        Image.new("RGB", (64, 64), name).save(tmp_path / f"{name}.png")
        rows.append(f"{name}.png,{name},A {name} tile")
    path = tmp_path / "references.csv"
    path.write_text("\n".join(rows) + "\n")
    return path
