"""`edge-identify --benchmark` measures every step and says so in a table or an object."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from colour_packs import add_calibration
from edge_identify.edge_runtime.cli import benchmark_command
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo

STEPS = ["whole_command", "decode", "preprocess", "encode_one", "encode_many", "search"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small photo and few runs: the test is not about speed."""
    monkeypatch.setattr(
        "edge_identify.edge_runtime.photos.synthetic_photo.drawn_photo", lambda: drawn_photo(size_px=(64, 48))
    )
    monkeypatch.setattr(benchmark_command, "_COMMAND_RUNS", 1)
    monkeypatch.setattr(benchmark_command, "_STEP_RUNS", 1)


def test_every_step_is_measured_and_named(colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = colour_pack()

    assert main(["--benchmark", "--pack", f"{folder}/", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["pack"], found["encoder"], found["references"]) == (
        1,
        "colours 1.0.0",
        "onnx-fp32",
        5,
    )
    assert list(found["milliseconds"]) == STEPS
    assert all(value > 0 for value in found["milliseconds"].values())
    assert found["peak_memory_bytes"] is None or found["peak_memory_bytes"] > 10_000_000

    assert main(["--pack", f"{folder}/", "--benchmark"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(STEPS) + 2
    assert all(" ms  " in line for line in lines[1:-1])


def test_a_pack_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--benchmark", "--pack", f"{tmp_path}/none"]) == 6
    assert "none: no pack is there" in capsys.readouterr().err


def test_a_photo_beside_the_benchmark_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["photo.jpg", "--benchmark"])
    assert "photo.jpg" in capsys.readouterr().err


def test_a_drawn_photo_that_is_unknown_to_a_calibrated_pack_is_measured_all_the_same(
    colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pack = add_calibration(colour_pack(), intercept=-1000.0)

    assert main(["--benchmark", "--pack", str(pack), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["milliseconds"]["whole_command"] > 0
