"""The recipes, run as they stand, on drawn pictures; and what they say of models that only a hub has."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.cli.main import main as edge_build
from edge_identify.convert.models.model_loading import import_open_clip
from edge_identify.convert.models.model_names import choose_model
from edge_identify.datasets.drawn.instances import draw_families
from edge_identify.datasets.drawn.simulated_photo import simulate_photo

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "convert/RECIPES.md"
THINGS = 12


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"```{kind}\n(.*?)```", RECIPES.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [line for block in found for line in block.strip().splitlines()]


def draw(folder: Path) -> None:
    """Draw what the recipes speak of: pictures in two folders, a copy of one, photos, examples, and a list."""
    rng = np.random.default_rng(20)
    pictures = [Image.fromarray(family[0].pixels).convert("RGB") for family in islice(draw_families(rng, ()), THINGS)]
    for name in ("my-pictures/even", "my-pictures/odd", "photos", "categories/unwanted", "examples"):
        (folder / name).mkdir(parents=True)
    for at, picture in enumerate(pictures):
        picture.save(folder / "my-pictures" / ("even" if at % 2 == 0 else "odd") / f"{at}.png")
        simulate_photo(picture, rng, difficulty=0.1).save(folder / f"photos/{at}.jpg", quality=92)
    pictures[0].resize((110, 110)).save(folder / "my-pictures/even/copy-of-0.png")
    shutil.copy(folder / "photos/3.jpg", folder / "example.jpg")
    shutil.copy(folder / "photos/4.jpg", folder / "categories/unwanted")
    for script in ("flag_pictures.py", "sort_photos.py"):
        shutil.copy(ROOT / "examples" / script, folder / "examples")
    (folder / "several.csv").write_text("path,id\nmy-pictures/even/0.png,thing-1\nmy-pictures/odd/1.png,thing-1\n")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder in which all recipes ran, and what each of their lines printed."""
    folder = tmp_path_factory.mktemp("recipes")
    draw(folder)
    printed = {}
    with contextlib.chdir(folder):
        for line in blocks("sh"):
            words = shlex.split(line)
            code, printed[line] = made(words[1:]) if words[0] == "edge-build" else in_a_shell(line)
            assert code in ((0, 3, 4) if "--same-thing" in line else (0,)), line
    return folder, printed


def made(words: list[str]) -> tuple[int, str]:
    """Run `edge-build` in this process, where torch is loaded once for all recipes, not for each."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = edge_build(words)
    return code, printed.getvalue()


def in_a_shell(line: str) -> tuple[int, str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=600,
    )  # fmt: skip
    return done.returncode, done.stdout


def printed_by(ran: tuple[Path, dict[str, str]], words: str) -> str:
    return next(out for line, out in ran[1].items() if words in line)


def test_an_example_finds_its_thing(ran: tuple[Path, dict[str, str]]) -> None:
    lines = printed_by(ran, "--like example.jpg").splitlines()
    assert len(lines) == 10
    assert "3.png" in lines[0]
    assert (ran[0] / "found.html").read_text().count("<img") == 11
    assert len(json.loads(printed_by(ran, '"a dog"'))["matches"]) == 10


def test_the_copy_is_found_and_no_other(ran: tuple[Path, dict[str, str]]) -> None:
    shown = printed_by(ran, "duplicates.html")
    assert "1 group among 13 images" in shown
    assert "copy-of-0" in shown
    assert shown.startswith("1  look at these:")
    assert "edge-build remove" not in shown  # the copy is smaller
    assert json.loads(printed_by(ran, "--difference 0"))["groups"] == []
    assert (ran[0] / "my-pictures/even/copy-of-0.png").exists()


def test_what_looks_like_an_example_is_flagged(ran: tuple[Path, dict[str, str]]) -> None:
    with (ran[0] / "flagged.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["category"], Path(row["path"]).name) for row in rows] == [("unwanted", "4.png")]


def test_photos_are_sorted_by_their_labels_and_stay_where_they_are(ran: tuple[Path, dict[str, str]]) -> None:
    folder = ran[0]
    with (folder / "plan.csv").open(newline="") as file:
        plan = {Path(row["photo"]).stem: row["folder"] for row in csv.DictReader(file)}
    assert len(plan) == len(list((folder / "photos").iterdir())) == THINGS
    sorted_into = {path.stem: path.parent.name for path in (folder / "sorted").rglob("*.jpg")}
    assert sorted_into == {photo: label for photo, label in plan.items() if label}
    assert len(sorted_into) >= THINGS // 2
    assert all(label == ("even" if int(photo) % 2 == 0 else "odd") for photo, label in sorted_into.items())


def test_several_pictures_are_one_thing(ran: tuple[Path, dict[str, str]]) -> None:
    assert printed_by(ran, "show thing-1").count("image:") == 2
    assert len(json.loads(printed_by(ran, "--same-thing"))["answers"]) == 1


def test_the_models_that_the_recipes_name_exist() -> None:
    commands = [shlex.split(line) for line in blocks("console")]
    named = [words[words.index("--model") + 1] for words in commands]
    assert len(named) == 5
    import_open_clip()
    for name in named:
        assert choose_model(name, None).tag == name.partition("/")[2]
