"""`edge-build pack` from its words: what is wrong with an option is said before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from edge_identify.convert.calibrating.photo_calibration import CalibrationOutcome
from edge_identify.convert.calibrating.real_photos import RealPhotoTable
from edge_identify.convert.calibrating.text_calibration import TextOutcome
from edge_identify.convert.cli.main import main
from edge_identify.convert.packing import pack_building
from edge_identify.convert.packing.pack_request import BuildReport
from edge_identify.edge_runtime.pack.pack_reader import read_manifest

pytestmark = pytest.mark.usefixtures("few_photos")


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ("1,1,1", "holds a share twice"),
        ("0.7,1,0.70", "holds a share twice"),
        ("1,2", "is not a list of up to"),
        ("", "is not a list of up to"),
        ("1,nan", "is not a list of up to"),
    ],
)
def test_views_that_say_nothing_are_wrong_usage(views: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pack", "--catalogue", "none", "--name", "none", "--out", "none", "--photo-views", views])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("size", ["0", "-1", "five", "1000000000", "2.5"])
def test_a_batch_size_that_is_none_is_wrong_usage(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pack", "--catalogue", "none", "--name", "none", "--out", "none", "--batch-size", size])

    assert ended.value.code == 2
    assert "is not a number from 1 to" in capsys.readouterr().err


def test_a_device_that_this_machine_lacks_is_told_with_those_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert main(["pack", "--catalogue", "none", "--name", "none", "--out", "none", "--device", "cuda"]) == 8
    said = capsys.readouterr().err
    assert "--device cuda: torch" in said
    assert "available: cpu" in said


@pytest.mark.parametrize(("why", "code"), [(None, 0), ("3 real photos are too few", 1)])
def test_photos_reach_the_build_and_those_that_it_does_not_use_are_told_by_the_exit_code(
    colour_pack: Callable[[], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    why: str | None,
    code: int,
) -> None:
    """A build itself takes seconds; `test_recalibration` covers the fit."""
    given: list[RealPhotoTable] = []

    def build(*_: Any, photos: RealPhotoTable, **__: Any) -> BuildReport:
        given.append(photos)
        return BuildReport(
            manifest=read_manifest(colour_pack()),
            left_out=(),
            dropped=(),
            binary_codes_left_out=None,
            calibration=CalibrationOutcome(calibrations={}, file=None, left_out_because=None),
            texts=TextOutcome(calibrations={}),
            data_sha256="0" * 64,
            encoder="drawn",
            new_quantiser=None,
            far_references=0,
            photos_unused_because=why,
        )

    monkeypatch.setattr(pack_building, "build_pack", build)
    (tmp_path / "pictures").mkdir()
    for name in ("red", "blue"):
        Image.new("RGB", (20, 20), name).save(tmp_path / "pictures" / f"{name}.png")
        pixels = np.random.default_rng(len(name)).integers(0, 255, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"photo-{name}.png")
    (tmp_path / "photos.csv").write_text("query,id\nphoto-red.png,red\nphoto-blue.png,blue\n")
    catalogue = str(tmp_path / "catalogue.sqlite")
    assert main(["add", f"images:{tmp_path / 'pictures'}", "--catalogue", catalogue]) == 0
    words = ["pack", "--catalogue", catalogue, "--name", "t", "--version", "1.0.0", "--out", str(tmp_path / "out")]

    assert main([*words, "--photos", str(tmp_path / "photos.csv")]) == code

    assert [photo.reference_id for photo in given[0].photos] == ["red", "blue"]
    assert ("left out: --photos: 3 real photos are too few" in capsys.readouterr().err) is (code == 1)
