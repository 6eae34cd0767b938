"""How photos are put into groups and judged, on drawn scores; real photos are measured by the benchmark."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.decisions.calibration import Calibration

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

#: Accepts a best score of .5 and more.
CALIBRATION = Calibration(
    measured_with="onnx-int8", neighbours=20, score_weight=10.0, contrast_weight=0.0, margin_weight=0.0, intercept=-5.0,
    temperature=0.02, accept=0.0, least_share=0.5, false_accept_rate=0.02, genuine_count=1, impostor_count=1,
    false_accepts=0.0, true_accepts=1.0,
)  # fmt: skip


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import together

    return together


def test_groups_are_of_one_thing_and_share_no_photo(together: Any) -> None:
    photos = [(name, {name: at / 10}) for name in ("cat", "dog") for at in range(5)]

    groups = list(together.groups_of(photos, 2))

    assert len(groups) == 3 * 2 * 2
    for draw in range(3):
        one = groups[4 * draw : 4 * draw + 4]
        used = [(group.reference_id, tuple(photo.items())) for group in one for photo in group.photos]
        assert len(set(used)) == 8
        assert all(list(photo) == [group.reference_id] for group in one for photo in group.photos)


def test_each_way_accepts_what_it_should(together: Any) -> None:
    group = together.Group(reference_id="cat", photos=({"cat": 0.9, "dog": 0.6}, {"cat": 0.7, "dog": 0.3}))

    figures = {name: together.group_figures([group], CALIBRATION, way) for name, way in together.WAYS.items()}

    assert all(found["recall@1"] == found["right_accepted"] == 1 for found in figures.values())
    assert {name: found["left_out_accepted"] for name, found in figures.items()} == {"mean": 0, "best": 1, "surest": 1}
    strict = replace(CALIBRATION, accept=9.0)
    assert together.group_figures([group], strict, together.by_mean)["right_accepted"] == 0


def test_sets_that_are_not_there_are_skipped_aloud(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, BENCHMARKS / "together.py", "--data", tmp_path], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.count("SKIPPED") == 2
    assert "nothing was measured" in ended.stderr
