"""Each command of benchmarks/README.md has the options that stand there, and is run by a test, on drawn sets."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import COLOURS, add_calibration

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COMMANDS = re.findall(r"`python benchmarks/(\S+\.py)([^`]*)`", (BENCHMARKS / "README.md").read_text(encoding="utf-8"))
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
MOSAICS = {name: rgb for name, _, rgb in COLOURS}  # the colours of a reference's last image
#: They build packs with the built-in encoder, or export it, which takes longer than all other benchmarks here together.
NOT_RUN = ("growing_catalogue.py", "large_catalogue.py", "doctor.py")


@pytest.mark.parametrize(("script", "words"), COMMANDS)
def test_a_documented_command_has_its_options_and_is_run(script: str, words: str) -> None:
    code = (BENCHMARKS / script).read_text(encoding="utf-8")

    assert [option for option in re.findall(r"--[a-z-]+", words) if not has_option(code, option)] == []
    assert re.search(rf'["/]{script}"', TESTS) or script in NOT_RUN


@pytest.mark.parametrize("script", NOT_RUN)
def test_a_benchmark_that_is_not_run_here_begins(script: str) -> None:
    ended = subprocess.run([sys.executable, BENCHMARKS / script, "--help"], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "--count" in ended.stdout


def test_a_table_of_drawn_images_names_files_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from drawn_catalogue import draw_tiles, write_image_list

    draw_tiles(tmp_path / "images", range(2))
    write_image_list(tmp_path / "images.csv", ["One", "Two"])

    with (tmp_path / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["One", "Two"]
    assert all((tmp_path / row["path"]).is_file() for row in rows)


def has_option(code: str, option: str) -> bool:
    """Return whether a script adds this option, by its name or as one of `--{peer}-python`."""
    if option == "--verify-geometry" and "add_geometry_mode(" in code:
        return True
    return f'"{option}"' in code or (option.endswith("-python") and "--{peer}-python" in code)


@pytest.fixture
def mosaics(tmp_path: Path) -> Path:
    """A folder with a set like the real mosaics: one colour each, a photo of each, and one of none of them."""
    folder = tmp_path / "data/invaders"
    folder.mkdir(parents=True)
    references, queries = [("path", "id", "city_code", "lat", "lng")], [("query", "id", "tier")]
    for at, (name, rgb) in enumerate(MOSAICS.items()):
        Image.new("RGB", (9, 9), rgb).save(folder / f"{name}.png")
        references.append(
            (f"{name}.png", name, ("PA", "LDN")[at % 2], ("48.85", "51.5")[at % 2], ("2.35", "0")[at % 2])
        )
        queries.append((f"{name}.png", name, ("independent_strict", "independent_likely")[at % 2]))
    Image.new("RGB", (9, 9), (110, 110, 110)).save(folder / "PA_grey.png")
    queries.append(("PA_grey.png", "", "out_of_index"))
    for table, rows in (("references", references), ("queries", queries)):
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return folder.parent


@pytest.fixture
def packs(colour_pack: Callable[[], Path], tmp_path: Path) -> Path:
    """A folder with a pack of these mosaics."""
    (tmp_path / "packs").mkdir()
    add_calibration(colour_pack()).rename(tmp_path / "packs/invaders")
    return tmp_path / "packs"


def run(script: str, *words: object) -> dict[str, object]:
    """Run a benchmark on sets that are there, and return its line."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, words)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = [json.loads(text) for text in ended.stdout.splitlines()]
    assert isinstance(line, dict)
    return line


def test_place_is_measured(mosaics: Path, packs: Path, tmp_path: Path) -> None:
    line = run("place.py", "--data", mosaics, "--pack", packs / "invaders", "--table", tmp_path / "table.md")

    assert (line["benchmark"], line["photos"], line["unknown_photos"]) == ("place", len(MOSAICS), 1)
    assert (tmp_path / "table.md").read_text(encoding="utf-8").startswith("| position |")


def test_photos_together_are_measured(mosaics: Path, packs: Path) -> None:
    line = run("together.py", "--data", mosaics, "--packs", packs, "--only", "invaders")

    assert (line["benchmark"], line["set"]) == ("together", "invaders")


def test_words_are_measured(int8_pack: Path, tmp_path: Path) -> None:
    line = run("words.py", "--data", tmp_path, "--pack", int8_pack)

    assert line["benchmark"] == "words"
    assert line["all"]["exact_first"] == 1  # type: ignore[index]


def test_real_photos_that_are_not_there_are_skipped_aloud(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, BENCHMARKS / "real_photo_calibration.py", "--data", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.count("skipped") >= 2
    assert "nothing was measured" in ended.stderr
