"""How products are left out, on drawn tables; the packs themselves are measured by the benchmark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import decisions

    return decisions


def test_each_photo_is_a_stranger_once_and_known_once(decisions: Any) -> None:
    from edge_identify.convert.evaluating.evaluation import Query

    ids = [str(at) for at in range(10)]
    queries = [Query(photo=Path(name), reference_id=name, columns={"id": name}) for name in ids]
    folds = decisions.folds_of(ids)

    asked = {fold: decisions.queries_of_fold(queries, folds, fold) for fold in range(decisions.FOLDS)}

    every = [query for some in asked.values() for query in some]
    assert sorted(query.columns["id"] for query in every if not query.reference_id) == ids
    assert sorted(query.columns["id"] for query in every if query.reference_id) == ids
    for fold, some in asked.items():
        assert all((folds[query.columns["id"]] == fold) == (not query.reference_id) for query in some)


def test_figures_are_held_against_what_was_asked_for(decisions: Any, capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"all": {"decisions": {"false_accept_rate": 0.05, "right_accepted": 0.5, "ece": 0.04}}}

    reached = decisions.reached("invaders", figures)

    assert {name: one["reached"] for name, one in reached.items()} == {
        "strict, recall@1": None, "likely, recall@1": None, "accepted of the right": False,
        "unknown mosaics accepted": False, "ECE": True,
    }  # fmt: skip
    decisions.print_targets("invaders", reached)
    shown = capsys.readouterr().err.splitlines()
    assert [line.split()[-1] for line in shown] == ["measured", "measured", "MISSED", "MISSED", "reached"]


def test_sets_that_are_not_there_are_skipped_aloud(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, BENCHMARKS / "decisions.py", "--data", tmp_path, "--html", tmp_path / "report.html"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.count("SKIPPED") == 3
    assert "nothing was measured" in ended.stderr
    assert not (tmp_path / "report.html").exists()
