"""The benchmark of geometry, on drawn labels and a pack that answers by mean colour."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from drawn_views import label, photo_of

BENCHMARK = Path(__file__).parents[2] / "benchmarks/geometry.py"
CORNERS = np.array([(150, 100), (450, 120), (440, 350), (140, 330)], float)
IDS = ("red", "green", "blue", "crimson")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(BENCHMARK), *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)


def write_table(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def draw_set(folder: Path) -> None:
    """Write a label of each reference and a photo of it, all photos with one mean colour as far as can be."""
    folder.mkdir(parents=True)
    for number, name in enumerate(IDS):
        label(number).save(folder / f"{name}.png")
        photo = photo_of(label(number), CORNERS)
        Image.blend(photo, Image.new("RGB", photo.size, (255, 90, 90)), 0.3).save(folder / f"photo-{name}.png")
    write_table(folder / "references.csv", ("path", "id", "kind"), [(f"{name}.png", name, "Drawn") for name in IDS])
    write_table(folder / "queries.csv", ("query", "id", "kind"), [(f"photo-{name}.png", name, "Drawn") for name in IDS])


def test_points_put_each_drawn_label_first_and_what_is_missing_is_said(
    colour_pack: Callable[[], Path], tmp_path: Path
) -> None:
    draw_set(tmp_path / "data/grocery")
    (tmp_path / "packs").mkdir()
    colour_pack().rename(tmp_path / "packs/grocery")

    ended = run("--data", str(tmp_path / "data"), "--packs", str(tmp_path / "packs"), "--sides", "160")

    assert ended.returncode == 0, ended.stderr
    assert "SKIPPED invaders: " in ended.stderr
    (line,) = [json.loads(text) for text in ended.stdout.splitlines()]
    assert (line["benchmark"], line["set"], line["thumbnail_side_px"]) == ("geometry", "grocery", 160)
    figures = line["groups"]["Drawn"]
    assert figures["recall@1_before"] < figures["recall@1_after"] == 1
    assert figures["gained"] == round(4 * (1 - figures["recall@1_before"]))
    assert (figures["lost"], figures["right_among_candidates"]) == (0, 1)
    assert figures["known_from_left_out_auroc"]["points"] == 1


def test_without_data_nothing_is_measured_and_that_is_an_error(tmp_path: Path) -> None:
    ended = run("--data", str(tmp_path))

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("SKIPPED") == 2
    assert "nothing was measured" in ended.stderr
