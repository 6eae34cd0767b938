"""Output files are checked before the work begins, through the commands themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.convert.cli.main import main as build_main
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.output_files import check_nothing_lost, check_writable


@pytest.fixture
def pack(colour_pack: Callable[[], Path]) -> str:
    return str(add_calibration(colour_pack()))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two photos, a table of them, and links to both photos; the commands run in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (9, 9), (0, 255, 0)).save(name)
    Path("q.csv").write_text("query,id\na.png,green\nb.png,green\n")
    Path("symbolic.png").symlink_to("b.png")
    os.link("b.png", "hard.png")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["b.png", "--explain", "b.png"], "b.png: --explain would overwrite the input b.png"),
        (["a.png", "b.png", "--html", "b.png"], "b.png: --html would overwrite the input b.png"),
        (["a.png", "b.png", "--html", "symbolic.png"], "symbolic.png: --html would overwrite the input b.png"),
        (["a.png", "b.png", "--html", "hard.png"], "hard.png: --html would overwrite the input b.png"),
        ([".", "--html", "../here/a.png"], "overwrite the input"),
        (["a.png", "--explain", "new.png", "--html", "new.png"], "--html and --explain name the same file"),
        (["a.png", "--explain", "new.png", "--html", "../here/new.png"], "--html and --explain name the same file"),
        (["a.png", "--explain", "symbolic.png", "--html", "hard.png"], "--html and --explain name the same file"),
    ],
)
def test_an_answer_never_takes_the_place_of_what_is_read(
    here: Path, pack: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    before = contents(here)

    assert main([*words, "--pack", pack]) == 8

    assert said in capsys.readouterr().err
    assert contents(here) == before


@pytest.mark.parametrize("report", ["q.csv", "a.png", "hard.png"])
def test_a_report_never_takes_the_place_of_what_is_read(
    here: Path, pack: str, capsys: pytest.CaptureFixture[str], report: str
) -> None:
    before = contents(here)

    assert build_main(["evaluate", "--pack", pack, "--queries", "q.csv", "--html", report]) == 8

    assert f"{report}: --html would overwrite the input" in capsys.readouterr().err
    assert contents(here) == before


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("inside", ["page.html", "pack.json", "new/../page.png"])
def test_nothing_is_written_into_the_pack_that_answers(
    pack: str, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    Path(pack, "new").mkdir()
    Path("linked").symlink_to(pack)
    before = {path.name: path.read_bytes() for path in Path(pack).rglob("*") if path.is_file()}

    for place in (str(Path(pack, inside)), str(Path("linked", inside))):
        assert main(["a.png", "--pack", pack, "--html", place]) == 8
        assert build_main(["evaluate", "--pack", pack, "--queries", "q.csv", "--html", place]) == 8
        assert capsys.readouterr().err.count("choose a path outside it for --html") == 2
    assert main(["a.png", "--pack", pack, "--explain", str(Path(pack, "proof.png"))]) == 8
    assert "choose a path outside it for --explain" in capsys.readouterr().err

    assert {path.name: path.read_bytes() for path in Path(pack).rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("here")
def test_an_earlier_page_may_be_replaced(pack: str) -> None:
    Path("page.html").write_text("old")

    assert main(["a.png", "b.png", "--html", "page.html", "--pack", pack]) == 0
    assert "green" in Path("page.html").read_text()


LONG = "x" * 300


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "words", [["a.png", "--html", f"{LONG}.html"], ["a.png", "--explain", f"{LONG}.png"]], ids=["html", "explain"]
)
def test_a_name_that_no_file_can_have_is_refused_before_the_work(
    pack: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([*words, "--pack", pack]) == 8
    assert "cannot be written there (File name too long)" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_a_report_with_a_name_that_no_file_can_have_is_refused_before_the_work(
    pack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build_main(["evaluate", "--pack", pack, "--queries", "q.csv", "--html", f"{LONG}.html"]) == 8
    assert "cannot be written there (File name too long)" in capsys.readouterr().err


def test_a_folder_that_is_there_and_makes_no_files_is_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(SetupError, match=r"x\.html: cannot be written there"):
        check_writable(tmp_path / "x.html", "--html")


def test_a_trial_leaves_nothing_behind_and_what_is_there_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old.html").write_text("old")

    check_writable(tmp_path / "old.html", "--html")
    check_writable(tmp_path / "new.html", "--html")

    assert contents(tmp_path) == {"old.html": b"old"}


def test_what_is_not_there_cannot_be_lost(tmp_path: Path) -> None:
    check_nothing_lost({"--html": tmp_path / "a", "--explain": None}, [tmp_path / "a", "no\0file"])
