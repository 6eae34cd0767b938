"""`edge-build duplicates` on drawn images, with the built-in encoder."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.drawn.instances import draw_near_twins


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Two mosaics that hardly differ; of the first, a copy in another namespace and a smaller one beside another."""
    [(one, other), (third, _)] = draw_near_twins(np.random.default_rng(3), 2)
    images = [Image.fromarray(each.pixels[..., :3]) for each in (one, other, third)]
    for name, image in zip(("one", "twin", "third"), images, strict=True):
        image.save(tmp_path / f"{name}.png")
    images[0].save(tmp_path / "copy.bmp")
    images[0].resize((100, 100)).save(tmp_path / "small.jpg", quality=85)
    table = tmp_path / "list.csv"
    table.write_text(
        "path,id,namespace\none.png,one,x\ntwin.png,twin,x\ncopy.bmp,-copy,y\nsmall.jpg,two,x\nthird.png,two,x\n"
    )
    assert main(["add", f"image-list:{table}", "--catalogue", str(tmp_path / "c.db")]) == 0
    return tmp_path / "c.db"


def found(capsys: pytest.CaptureFixture[str], catalogue: Path, *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["duplicates", "--catalogue", str(catalogue), "--json", *words]) == code
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_copies_are_grouped_and_the_command_that_removes_them_works(
    catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = catalogue.with_name("one.png").read_bytes()
    answer = found(capsys, catalogue)
    exact, near = answer["groups"]
    assert [(each["sameness"], each["reference"]) for each in exact["copies"]] == [("same pixels", "-copy")]
    assert [(each["sameness"], each["reference"]) for each in near["copies"]] == [("near", "two")]
    assert exact["keep"]["reference"] == near["keep"]["reference"] == "one"  # though the bitmap is larger
    assert exact["because"] == "the others are named as copies"
    assert (exact["exact"], near["exact"]) == (True, False)
    assert answer["removable"] == ["-copy"]
    program, *words = shlex.split(answer["command"])
    assert program == "edge-build"
    with Catalogue.open_existing(catalogue) as opened:
        assert len(opened.references()) == 4  # nothing was deleted yet
    assert main(words) == 0
    with Catalogue.open_existing(catalogue) as opened:
        assert [reference.id for reference in opened.references()] == ["one", "twin", "two"]
    assert catalogue.with_name("one.png").read_bytes() == before


def test_a_namespace_is_searched_by_itself(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(capsys, catalogue, "--namespace", "y")["groups"] == []
    near = found(capsys, catalogue, "--namespace", "x")
    assert [group["keep"]["reference"] for group in near["groups"]] == ["one"]
    assert (near["removable"], near["command"]) == ([], None)  # what is only nearly the same is for people to look at
    assert main(["duplicates", "--catalogue", str(catalogue), "--namespace", "nowhere"]) == 8
    assert "'nowhere'" in capsys.readouterr().err


def test_a_difference_of_nothing_leaves_the_exact_copies(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [group] = found(capsys, catalogue, "--difference", "0")["groups"]
    assert [each["sameness"] for each in group["copies"]] == ["same pixels"]


def test_the_page_shows_every_image_of_a_group_and_tells_no_path(
    catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["duplicates", "--catalogue", str(catalogue), "--html", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "Nothing was deleted." in shown
    assert "edge-build remove" in shown
    text = page.read_text()
    assert text.count('src="data:image/jpeg') == 4
    assert str(tmp_path) not in text
    assert "<script" not in text
    assert main(["duplicates", "--catalogue", str(catalogue), "--html", str(catalogue)]) == 8
    assert main(["duplicates", "--catalogue", str(catalogue), "--html", str(tmp_path / "one.png")]) == 8


def test_an_image_that_has_gone_is_told_and_the_others_are_compared(
    catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue.with_name("third.png").unlink()
    answer = found(capsys, catalogue, code=1)
    assert len(answer["groups"]) == 2
    assert [reason for reason in answer["skipped"] if "third.png" in reason]


def test_the_only_file_that_is_left_is_never_proposed_for_removal(
    catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = catalogue.with_name("again.png")
    again.write_bytes(catalogue.with_name("twin.png").read_bytes())
    assert main(["add", f"image-list:{_list(again)}", "--catalogue", str(catalogue)]) == 0
    assert found(capsys, catalogue)["removable"] == ["-copy", "again"]
    catalogue.with_name("twin.png").unlink()
    answer = found(capsys, catalogue, code=1)
    [group] = [group for group in answer["groups"] if group["copies"][0]["reference"] == "twin"]
    assert (group["keep"]["reference"], group["because"]) == ("again", "its file is there")
    assert answer["removable"] == ["-copy", "twin"]
    again.unlink()
    assert found(capsys, catalogue, code=1)["removable"] == ["-copy"]


def test_an_id_with_a_line_break_stays_on_the_line_of_the_command(
    catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "it's\n\\nodd"
    with Catalogue.open_existing(catalogue) as opened:
        opened._database.execute("PRAGMA foreign_keys = OFF")
        opened._database.execute("UPDATE reference SET id = ? WHERE id = '-copy'", [odd])
        opened._database.execute("UPDATE reference_image SET reference_id = ? WHERE reference_id = '-copy'", [odd])
        opened._database.commit()
    command = found(capsys, catalogue)["command"]
    assert command.isprintable()
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], stdout=subprocess.PIPE, check=True).stdout
    assert words.decode().split("\0")[-2] == odd


def _list(image: Path) -> Path:
    file = image.with_suffix(".csv")
    file.write_text(f"path,id,namespace\n{image.name},{image.stem},x\n")
    return file
