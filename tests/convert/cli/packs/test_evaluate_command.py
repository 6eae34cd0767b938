"""The command: what is wrong is said before the long run, and what was measured is printed and written."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colour_packs import CALIBRATION_FILE, add_calibration, colour_manifest, with_files
from drawn_views import label, photo_of
from edge_identify.convert.cli.main import main
from edge_identify.convert.evaluating import evaluation
from edge_identify.convert.packing.pack_thumbnails import thumbnail_webp
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, ThumbnailsSpec
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from edge_identify.edge_runtime.search.identifier import Identifier

Evaluate = Callable[..., int]


@pytest.fixture
def evaluate(colour_pack: Callable[[], Path], tmp_path: Path) -> Evaluate:
    """Return a function that evaluates a calibrated pack with rows of a table, beside some photos, by the command."""
    for name, colour in (("red.png", (255, 0, 0)), ("green.png", (0, 255, 0)), ("grey.png", (120, 120, 120))):
        Image.new("RGB", (20, 20), colour).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    folder = colour_pack()

    def run(rows: str, *options: str, calibrated: bool = True) -> int:
        if calibrated:
            add_calibration(folder)
        (tmp_path / "queries.csv").write_text(rows)
        return main(["evaluate", "--pack", str(folder), "--queries", str(tmp_path / "queries.csv"), *options])

    return run


ROWS = "query,id,tier\nred.png,red,easy\ngreen.png,green,easy\ngreen.png,blue,hard\ngrey.png,,hard\n"


def test_the_pack_s_own_thumbnails_are_shown_where_it_has_any(evaluate: Evaluate, tmp_path: Path) -> None:
    report, folder = tmp_path / "report.html", tmp_path / "colours"
    write_thumbnails(folder / "small.sqlite", [(2, thumbnail_webp(Image.new("RGB", (9, 9), (0, 250, 0)), 32))])
    manifest = replace(
        with_files(colour_manifest(), folder), thumbnails=ThumbnailsSpec(file="small.sqlite", side_px=32)
    )
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))

    assert evaluate(ROWS, "--html", str(report), calibrated=False) == 0

    page = report.read_text(encoding="utf-8")
    assert 'alt="its nearest reference: Pure green (green)"' in page
    assert "--catalogue FILE" not in page


@pytest.fixture
def pictured(colour_pack: Callable[[], Path], tmp_path: Path) -> list[str]:
    """The command line that asks a pack with thumbnails two photos: a label under other light, and plain green."""
    folder, of_blue = add_calibration(colour_pack(), temperature=0.2), 3
    write_thumbnails(folder / "small.sqlite", [(at, thumbnail_webp(label(at), 160)) for at in range(1, 6)])
    manifest = replace(
        with_files(colour_manifest(), folder),
        calibration_file=CALIBRATION_FILE,
        thumbnails=ThumbnailsSpec(file="small.sqlite", side_px=160),
    )
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    seen = photo_of(label(of_blue), np.array([(150, 100), (450, 120), (440, 350), (140, 330)], float))
    Image.blend(seen, Image.new("RGB", seen.size, (255, 60, 60)), 0.3).save(tmp_path / "photo.png")
    Image.new("RGB", (20, 20), (0, 255, 0)).save(tmp_path / "green.png")
    (tmp_path / "queries.csv").write_text("query,id,kind\nphoto.png,blue,label\ngreen.png,green,plain\n")
    return [
        "evaluate",
        "--pack",
        str(folder),
        "--queries",
        str(tmp_path / "queries.csv"),
        "--group-by",
        "kind",
        "--json",
    ]


def test_points_are_compared_where_that_is_asked_for(pictured: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def recall(*more: str) -> dict[str, float]:
        assert main([*pictured, *more]) == 0
        kinds = json.loads(capsys.readouterr().out)["by_column"]["kind"]
        return {kind: figures["recall@1"] for kind, figures in kinds.items()}

    assert recall() == {"label": 0, "plain": 1}
    assert recall("--verify-geometry") == {"label": 1, "plain": 1}


def test_a_photo_that_vanishes_before_its_points_are_compared_is_skipped_and_named(
    pictured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    identify_batch = Identifier.identify_batch

    def and_lose_one(*arguments: Any, **options: Any) -> Any:
        answers = identify_batch(*arguments, **options)
        (tmp_path / "green.png").unlink()
        return answers

    monkeypatch.setattr(Identifier, "identify_batch", and_lose_one)

    assert main([*pictured, "--verify-geometry"]) == 1

    shown = capsys.readouterr()
    assert json.loads(shown.out)["by_column"]["kind"]["label"]["recall@1"] == 1
    assert "green.png: no such file" in shown.err


def test_comparing_points_needs_thumbnails(evaluate: Evaluate, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(ROWS, "--verify-geometry") == 8
    assert "edge-build pack --local-features thumbnails" in capsys.readouterr().err


def test_comparing_points_needs_an_extra(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    assert evaluate(ROWS, "--verify-geometry") == 8
    assert "pip install 'edge-identify[geometry]'" in capsys.readouterr().err


def test_figures_are_printed_as_one_object(evaluate: Evaluate, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(ROWS, "--json") == 0

    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == {
        "all", "groups", "by_column", "confusable", "worst", "slowest", "timing", "intervals", "absent", "skipped",
        "pack", "location", "choices", "photograph_again",
    }  # fmt: skip
    assert figures["all"]["recall@1"] == 0.6667
    assert figures["confusable"] == [
        {"right": "blue", "taken_for": "green", "photos": 1, "identified": 1, "probably": 0}
    ]
    assert figures["by_column"]["tier"]["easy"]["recall@1"] == 1
    assert figures["pack"]["false_accept_rate"] == 0.02
    assert figures["absent"] == {}


def test_groups_are_printed_for_people_and_a_broken_photo_is_counted(
    evaluate: Evaluate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(ROWS + "broken.png,red,easy\ngone.png,red,easy\n") == 1

    printed = capsys.readouterr()
    assert "2 identified rightly, 1 wrongly" in printed.out
    heading, easy, hard, key = (line.split() for line in printed.out.split("\n\n")[1].splitlines())
    assert heading[:2] == ["by", "tier"]
    assert easy == ["easy", "2", "100.0", "%", "2/0", "0/0", "0", "0", "0", "-"]
    assert hard == ["hard", "1", "0.0", "%", "0/1", "0/0", "0", "0", "1", "0"]
    assert key == ["identified,", "probably:", "rightly/wrongly"]
    assert max(map(len, printed.out.splitlines())) <= 100
    assert printed.err.count("skipped: ") == 2


def test_a_pack_without_calibration_says_what_is_absent(evaluate: Evaluate, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(ROWS, "--json", calibrated=False) == 0

    figures = json.loads(capsys.readouterr().out)
    assert "not calibrated" in figures["absent"]["decisions"]
    assert "decisions" not in figures["all"]
    assert figures["all"]["auroc_score"] is not None


def test_the_report_is_written_with_the_images_of_the_catalogue(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text("path,id\nred.png,red\ngreen.png,green\n")
    assert main(["add", f"image-list:{tmp_path / 'list.csv'}", "--catalogue", str(tmp_path / "my.catalogue")]) == 0
    report = tmp_path / "report.html"

    assert evaluate(ROWS, "--html", str(report), "--catalogue", str(tmp_path / "my.catalogue")) == 0

    page = report.read_text(encoding="utf-8")
    assert "How well Four colours names photos" in page
    assert 'alt="its nearest reference: Pure green (green)"' in page
    assert "no image available" in page  # blue is not in the catalogue
    assert f"report: {report}" in capsys.readouterr().err


def test_a_report_says_nothing_of_where_its_maker_keeps_the_photos(evaluate: Evaluate, tmp_path: Path) -> None:
    report = tmp_path / "report.html"

    evaluate(f"{ROWS}broken.png,red,easy\n{tmp_path}/red.png,green,easy\n", "--html", str(report))

    page = report.read_text(encoding="utf-8")
    assert "broken.png: is not an image" in page
    assert "green.png shows Pure blue" in page
    assert "red.png shows Pure green" in page
    assert str(tmp_path) not in page


def test_photos_are_asked_with_where_they_say_they_were_taken_as_a_user_s_are(
    colour_pack: Callable[[], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spots = {"red": (48.85, 2.35), "crimson": (51.5, -0.125)}
    folder = located_pack(colour_pack(), spots)
    for name, spot in {**spots, "nowhere": None}.items():
        taken(tmp_path / f"{name}.jpg", (230, 10, 35), spot)  # it may be either
    rows = "".join(f"{name}.jpg,{name}\n" for name in spots)
    (tmp_path / "queries.csv").write_text(f"query,id\n{rows}nowhere.jpg,red\n")
    words = ["evaluate", "--pack", str(folder), "--queries", str(tmp_path / "queries.csv"), "--json", "--html"]

    figures, said = {}, {}
    for how, options in (("as a user", []), ("without", ["--no-location"])):
        assert main([*words, str(tmp_path / "report.html"), *options]) == 0
        out, err = capsys.readouterr()
        figures[how] = json.loads(out)
        said[how] = (tmp_path / "report.html").read_text(encoding="utf-8") + err

    decided = {how: found["all"]["decisions"]["known"] for how, found in figures.items()}
    assert (decided["as a user"]["identified_right"], decided["as a user"]["ambiguous"]) == (2, 1)
    assert (decided["without"]["identified_right"], decided["without"]["ambiguous"]) == (0, 3)
    assert figures["as a user"]["location"] == {"used": True, "photos": 2}
    assert figures["without"]["location"] == {"used": False, "photos": 0}
    assert "2 of the photos have a position, and it was used." in said["as a user"]
    assert "positions were not used." in said["without"]


def located_pack(folder: Path, spots: dict[str, tuple[float, float]]) -> Path:
    """Put references of the colour pack where they are, and calibrate it."""
    with ReferenceTable(folder / "references.sqlite") as table:
        images = table.images()
        things = [table.reference(name) for name in table.ids()]
    (folder / "references.sqlite").unlink()
    placed = [
        replace(thing, latitude=spots[thing.id][0], longitude=spots[thing.id][1]) if thing.id in spots else thing
        for thing in things
    ]
    write_references(folder / "references.sqlite", placed, images)
    return add_calibration(folder)


def taken(path: Path, colour: tuple[int, int, int], spot: tuple[float, float] | None) -> None:
    """Write a photo of one colour that says where it was taken."""
    exif = Image.Exif()
    if spot is not None:
        gps = exif.get_ifd(0x8825)
        gps[1], gps[3] = "N", "E" if spot[1] >= 0 else "W"
        gps[2], gps[4] = (spot[0], 0.0, 0.0), (abs(spot[1]), 0.0, 0.0)
    Image.new("RGB", (20, 20), colour).save(path, quality=100, subsampling=0, exif=exif)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--html", "{tmp}"], "is a folder"),
        (["--html", "{tmp}/none/report.html"], "there is no folder"),
        (["--html", "{tmp}/red.png/report.html"], "there is no folder"),
        (["--catalogue", "{tmp}/my.catalogue"], "--catalogue needs --html"),
        (["--html", "{tmp}/report.html", "--catalogue", "{tmp}/none"], "no such catalogue"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_a_photo_is_asked(
    evaluate: Evaluate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("photos were asked")

    monkeypatch.setattr(evaluation, "evaluate_pack", never)

    assert evaluate(ROWS, *(option.format(tmp=tmp_path) for option in options)) == 8
    assert message in capsys.readouterr().err


def test_a_folder_that_refuses_files_is_found_out_before_a_photo_is_asked(
    evaluate: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)

    assert evaluate(ROWS, "--html", str(tmp_path / "report.html")) == 8
    assert "report.html: cannot be written there (Permission denied)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("query,id\nred.png,rde\n", "1 id is not in the pack: 'rde' (nearest: red)"),
        ("query\nred.png\n", "has no column 'id'"),
        ("", "holds no queries"),
        ("query,id\nbroken.png,red\n", "no usable photo"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    evaluate: Evaluate, capsys: pytest.CaptureFixture[str], rows: str, message: str
) -> None:
    assert evaluate(rows) == 8
    assert message in capsys.readouterr().err
