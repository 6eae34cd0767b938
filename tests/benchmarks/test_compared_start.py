"""The benchmark of starts that compare points: which commands it measures. The starts themselves take seconds."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from feature_nets import photo_of_label, write_label_pack

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_one_store_keeps_points_and_the_other_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = write_label_pack(tmp_path / "labels")
    (tmp_path / "photo.png").write_bytes(photo_of_label(1))
    monkeypatch.syspath_prepend(BENCHMARKS)
    import cold_start
    import measuring

    seen: dict[str, Any] = {}

    def measured(commands: Mapping[str, Any], _: int) -> dict[str, dict[str, float]]:
        for name, command in commands.items():
            store = Path(command.words[command.words.index("--store") + 1])
            seen[name] = (command.words[-1], (store / "colours" / "points").is_file())
        return {name: {"cpu_ms": 10.0 * at} for at, name in enumerate(commands, start=1)}

    monkeypatch.setattr(measuring, "processes_interleaved", measured)
    monkeypatch.setattr(measuring, "compile_once", lambda _: None)
    monkeypatch.setattr(cold_start, "_SETTLING_S", 0)
    words = ["compared_start.py", "--pack", str(pack), "--photo", str(tmp_path / "photo.png")]
    monkeypatch.setattr(sys, "argv", words)

    runpy.run_path(str(BENCHMARKS / "compared_start.py"), run_name="__main__")

    line = json.loads(capsys.readouterr().out)
    assert seen == {
        "without_points": ("never", False),
        "compared": ("always", False),
        "compared_not_kept": ("always", True),
    }
    assert line["to_plain"] == {"compared": {"cpu_ms": 2.0}, "compared_not_kept": {"cpu_ms": 3.0}}
