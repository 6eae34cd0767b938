"""The table of all that was asked for: its rows, and that missing sets are said aloud."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_rows_say_whether_they_are_reached(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import table_of_answers

    row: Any = table_of_answers.Row
    rows = [
        row(name="a", found=0.8, needed=0.8),
        row(name="b", found=0.79, needed=0.8),
        row(name="c", found=0.03, needed=0.02, at_most=True),
        row(name="d", found=None, needed=1.0),
    ]

    table_of_answers.print_table(rows)

    assert [one.word for one in rows] == ["reached", "MISSED", "MISSED", "not measured"]
    assert "| c | 0.030 | at most 0.02 | MISSED |" in capsys.readouterr().out


def test_sets_that_are_not_there_are_skipped_aloud(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, BENCHMARKS / "table_of_answers.py", "--data", tmp_path, "--packs", tmp_path / "packs"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.count("SKIPPED") == 2
    assert "nothing was measured" in ended.stderr
