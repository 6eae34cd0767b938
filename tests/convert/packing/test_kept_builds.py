"""A build that finds results of earlier builds gives the bytes of a build that finds none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.caching.build_cache import FOLDER_VARIABLE
from edge_identify.convert.cli.main import main

pytestmark = pytest.mark.usefixtures("few_photos")


def draw(folder: Path, numbers: range) -> None:
    for number in numbers:
        tiles = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(tiles).resize((64, 64)).save(folder / f"p{number}.png")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_grown_catalogue_with_a_lost_image_gives_the_same_bytes_with_and_without_a_cache(
    tmp_path: Path, tiny_resnet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, catalogue = tmp_path / "pictures", tmp_path / "catalogue.sqlite"
    images.mkdir()

    def build(out: str, cache: str, code: int) -> dict[str, bytes]:
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / cache))
        model = ["--model", tiny_resnet, "--pretrained", "random", "--variants", "onnx-fp32"]
        words = ["--catalogue", str(catalogue), "--name", "t", "--version", "1.0.0", "--thumbnails", "32", *model]
        assert main(["pack", *words, "--out", str(tmp_path / out)]) == code
        return contents(tmp_path / out)

    draw(images, range(6))
    assert main(["add", f"images:{images}", "--catalogue", str(catalogue)]) == 0
    first = build("first", "warm", 0)
    draw(images, range(6, 9))
    assert main(["add", f"images:{images}", "--catalogue", str(catalogue)]) == 0
    (images / "p2.png").unlink()

    warm = build("second", "warm", 1)
    with closing(sqlite3.connect(catalogue)) as database:
        database.execute("DELETE FROM embedding")
        database.commit()
    cold = build("third", "cold", 1)

    assert warm == cold
    assert warm != first
    model = "encoders/image/onnx-fp32/model.onnx"
    assert warm[model] == first[model]


def test_a_folder_that_cannot_be_written_costs_time_only(
    tmp_path: Path, tiny_vit: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pictures").mkdir()
    draw(tmp_path / "pictures", range(6))
    catalogue, blocked = str(tmp_path / "c.sqlite"), tmp_path / "blocked"
    blocked.write_bytes(b"a file where the folder would be")
    monkeypatch.setenv(FOLDER_VARIABLE, str(blocked))
    assert main(["add", f"images:{tmp_path / 'pictures'}", "--catalogue", catalogue]) == 0

    words = ["--name", "t", "--model", tiny_vit, "--pretrained", "random", "--variants", "onnx-fp32"]
    assert main(["pack", "--catalogue", catalogue, *words, "--out", str(tmp_path / "pack")]) == 0

    assert capsys.readouterr().err.count("builds cannot use this cache") == 1
