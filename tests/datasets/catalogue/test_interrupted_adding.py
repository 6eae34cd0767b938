"""`edge-build add` as an interrupted process: added images stay, and the next run continues."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue

IMAGES, PORTION = 30, 4

#: Ends its own process at the nth call of a step of adding: at a known place, and with nothing between it and the end.
_ADD = """
import os, sys
from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue import adding_images as adding

folder, step, at, number = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
adding.PORTION = 4
owner = adding if step == "_measure" else adding._Run
right, calls = getattr(owner, step), []

def ending(*given, **named):
    calls.append(None)
    if len(calls) == at:
        os.kill(os.getpid(), number)
    return right(*given, **named)

setattr(owner, step, ending)
sys.exit(main(["add", f"images:{folder}/p", "--catalogue", f"{folder}/c.db"]))
"""

_ADD_ON_A_SMALL_DISK = """
import resource, sys
from edge_identify.convert.cli.main import main

limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(["add", f"images:{sys.argv[1]}/p", "--catalogue", f"{sys.argv[1]}/c.db"]))
"""


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    (tmp_path / "p").mkdir()
    for number in range(IMAGES):
        Image.new("RGB", (6, 6), (number * 8, 90, 200)).save(tmp_path / f"p/{number:02}.png")
    return tmp_path


def process(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def held(folder: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(folder / "c.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        orphans = "SELECT count(*) FROM image WHERE sha256 NOT IN (SELECT image_sha256 FROM reference_image)"
        assert database.execute(orphans).fetchone() == (0,)
    with Catalogue.open_existing(folder / "c.db") as catalogue:
        images = catalogue.images()
        assert {image.reference_id for image in images} == {reference.id for reference in catalogue.references()}
    return [(image.index_id, image.reference_id) for image in images]


@pytest.mark.skipif(sys.platform == "win32", reason="there a process cannot send itself these signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(("step", "at"), [("_measure", 1), ("_measure", 11), ("_link", 11), ("_link", IMAGES)])
def test_whatever_ends_a_run_what_it_added_stays_and_the_next_adds_the_rest(
    image_folder: Path, step: str, at: int, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = process(_ADD, image_folder, step, at, int(number))
    assert ended.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}[number]
    assert "Traceback" not in ended.stderr
    before = held(image_folder)
    assert (at - 1) // PORTION * PORTION <= len(before) < at
    if number != signal.SIGKILL:
        assert f"holds {len(before)} images" in ended.stderr

    assert main(["add", f"images:{image_folder / 'p'}", "--catalogue", str(image_folder / "c.db")]) == 0
    assert capsys.readouterr().out.startswith(f"{IMAGES - len(before)} added, 0 updated, {len(before)} unchanged")
    after = held(image_folder)
    assert after[: len(before)] == before
    assert [reference_id for _, reference_id in after] == [f"{each:02}" for each in range(IMAGES)]


@pytest.mark.skipif(sys.platform == "win32", reason="there a process cannot be kept from writing large files")
def test_a_disk_that_is_full_is_named_and_the_catalogue_stays_whole(image_folder: Path) -> None:
    assert main(["add", f"images:{image_folder / 'p'}", "--catalogue", str(image_folder / "c.db")]) == 0
    before = held(image_folder)
    limit = (image_folder / "c.db").stat().st_size + 4096
    for number in range(600):
        Image.new("RGB", (6, 6), (number % 250, 10, number // 250)).save(image_folder / f"p/more{number:03}.png")

    ended = process(_ADD_ON_A_SMALL_DISK, image_folder, limit)

    assert ended.returncode == 8, ended.stderr
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert "c.db: the catalogue cannot be used" in line
    assert "check that the disk is writable and not full" in line
    assert "Traceback" not in ended.stderr
    assert held(image_folder)[: len(before)] == before
    assert main(["add", f"images:{image_folder / 'p'}", "--catalogue", str(image_folder / "c.db")]) == 0
    assert len(held(image_folder)) == IMAGES + 600
