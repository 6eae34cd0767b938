"""What is left of a catalogue when adding to a new one fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.errors import SetupError


def test_a_run_that_fails_late_keeps_what_another_run_has_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "pictures/red.png")
    source = f"images:{tmp_path / 'pictures'}"
    right = Catalogue.add

    def another_was_first(_catalogue: Catalogue, *_: object, **__: object) -> None:
        with Catalogue.open(tmp_path / "c.sqlite") as other:
            right(other, parse_source(source))
        raise SetupError("c.sqlite: the catalogue cannot be used (database is locked)")

    monkeypatch.setattr(Catalogue, "add", another_was_first)
    assert main(["add", source, "--catalogue", str(tmp_path / "c.sqlite")]) == 8

    with Catalogue.open_existing(tmp_path / "c.sqlite") as catalogue:
        assert [image.reference_id for image in catalogue.images()] == ["red"]


def pictures(folder: Path, *names: str) -> Path:
    for at, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * at, 90, 9)).save(folder / name, "PNG")
    return folder


def test_what_is_skipped_and_passed_over_is_listed_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("IMG_1.HEIC", "IMG_1.JPG", "IMG_2.jfif", "@eaDir/IMG_2.jpg", "small/a.png", "b_thumb.png")
    folder = pictures(tmp_path / "p", *names)
    command = ["add", f"images:{folder}", "--catalogue", str(tmp_path / "c.db")]
    exclude = ["--exclude", "small", "--exclude", "*_thumb.*"]
    assert main([*command, *exclude]) == 1
    shown = capsys.readouterr()
    assert shown.out == "1 added, 0 updated, 0 unchanged, 2 skipped, 1 reference added\n"
    assert [line.partition(": has the id")[0] for line in shown.err.splitlines() if line.startswith("skipped")] == [
        f"skipped: {folder / name}" for name in ("IMG_1.HEIC", "IMG_1.JPG")
    ]
    assert "note: passed over: 1 of a storage system or a waste basket (@eaDir), 2 excluded (" in shown.err
    assert main([*command, *exclude, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "added": 0, "updated": 0, "unchanged": 1, "skipped": 2, "references_added": 0, "passed_over": 3,
    }  # fmt: skip


def test_patterns_are_for_folders_and_buckets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("path\na.jpg\n")
    assert main(["add", f"table:{tmp_path / 't.csv'}", "--exclude", "a*", "--catalogue", str(tmp_path / "c.db")]) == 8
    assert "--exclude is for images:DIR and buckets" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["image-list", "table"])
def test_bad_rows_are_skipped_and_the_rest_goes_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    rows = ["a.png,1,1,2,", ",2,,,", "b.png,3,91,0,", "c.png,4,,,05/06/2026", "a.png,5,,,", "b.png,6,n/a,-,31.12.2030"]
    (tmp_path / "t.csv").write_text("path,id,lat,lng,valid_until\n" + "\n".join(rows) + "\n")
    options = ["--attributes", "all"] if kind == "table" else []
    assert main(["add", f"{kind}:{tmp_path / 't.csv'}", *options, "--catalogue", str(tmp_path / "c.db")]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("2 added, 0 updated, 0 unchanged, 4 skipped")
    told = [line.split("t.csv: ")[1] for line in shown.err.splitlines() if line.startswith("skipped")]
    assert [line.split(" has ")[0] for line in told] == ["line 3", "line 4", "line 5", "line 6"]
    with Catalogue.open_existing(tmp_path / "c.db") as catalogue:
        assert [reference.id for reference in catalogue.references()] == ["1", "6"]


def test_a_table_of_bad_rows_alone_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("path,lat,lng\na.jpg,91,0\n")
    assert main(["add", f"table:{tmp_path / 't.csv'}", "--catalogue", str(tmp_path / "c.db")]) == 8
    assert "no usable image; the lines above give the reasons" in capsys.readouterr().err
