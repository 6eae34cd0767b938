"""`--verify-geometry` and `--explain` from the command line: what they find, draw and refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colour_packs import add_calibration
from drawn_views import label, photo_of
from edge_identify.convert.packing.pack_thumbnails import thumbnail_webp
from edge_identify.edge_runtime.cli.identify_command import identify_main
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from edge_identify.edge_runtime.search.geometry.explanation_image import HEIGHT_PX, LINE_PX, MARGIN_PX
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

MakePack = Callable[[], Path]
Rewrite = Callable[[Path], None]
CORNERS = np.array([(150, 100), (450, 120), (440, 350), (140, 330)], float)
OF_BLUE = 3  # the index's ids of blue's image


def add_thumbnails(folder: Path, thumbnails: dict[int, bytes], rewrite_manifest: Rewrite) -> Path:
    write_thumbnails(folder / "thumbnails.sqlite", sorted(thumbnails.items()))
    rewrite_manifest(folder)
    return name_thumbnails(folder)


def name_thumbnails(folder: Path) -> Path:
    values = json.loads((folder / MANIFEST_NAME).read_bytes())
    values["thumbnails"] = {"file": "thumbnails.sqlite", "side_px": 160}
    (folder / MANIFEST_NAME).write_text(json.dumps(values))
    return folder


@pytest.fixture
def pictured_pack(colour_pack: MakePack, rewrite_manifest: Rewrite) -> Path:
    """A pack that answers by mean colour, and whose thumbnails are drawn labels: `label(N)` of the image N."""
    thumbnails = {number: thumbnail_webp(label(number), 160) for number in range(1, 6)}
    return add_thumbnails(colour_pack(), thumbnails, rewrite_manifest)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of blue's label, in which red is the strongest colour."""
    image = photo_of(label(OF_BLUE), CORNERS)
    Image.blend(image, Image.new("RGB", image.size, (255, 60, 60)), 0.3).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def matches(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    found: list[dict[str, object]] = answer["matches"]
    return found


def test_the_reference_whose_image_is_in_the_photo_comes_first(
    pictured_pack: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(photo), "--pack", str(pictured_pack), "--json", "--top-k", "2"]
    assert identify_main(words) == 0
    before = matches(capsys)
    assert identify_main([*words, "--verify-geometry"]) == 0
    after = matches(capsys)

    assert "blue" not in [match["id"] for match in before]
    assert [match["matched_points"] for match in before] == [None, None]
    assert after[0]["id"] == "blue"
    assert isinstance(after[0]["matched_points"], int)
    assert after[0]["matched_points"] >= 20
    assert [after[1]["id"], after[1]["matched_points"]] == [before[0]["id"], 0]


def test_a_person_reads_how_many_points_agree(
    pictured_pack: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name_thumbnails(add_calibration(pictured_pack, intercept=-20.0, temperature=0.1))
    words = ["--pack", str(pictured_pack), "--verify-geometry"]
    Image.new("RGB", (60, 60), (5, 250, 5)).save(tmp_path / "plain.png")

    assert identify_main([str(photo), *words]) == ExitCode.DONE
    pictured = capsys.readouterr().out
    assert identify_main([str(tmp_path / "plain.png"), *words]) == ExitCode.DONE
    plain = capsys.readouterr().out

    assert "identified" in pictured
    assert "Pure blue" in pictured.split("why:")[0]
    assert "points of its image agree with the photo" in " ".join(pictured.split())
    assert "points: none of its picture agree" in plain


def test_the_page_says_how_many_points_agree_and_that_a_place_was_given(
    pictured_pack: Path, photo: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = [str(photo), "--pack", str(pictured_pack), "--verify-geometry", "--near", "48.85,2.35", "--html", str(page)]

    assert identify_main(words) == ExitCode.DONE
    text = page.read_text(encoding="utf-8")
    assert re.search(r'<p class="faint">points: \d+ of its picture agree with the photo</p>', text)
    assert '<p class="faint">place: given' in text


def test_the_part_that_is_looked_at_is_the_part_that_is_compared(
    pictured_pack: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(photo), "--pack", str(pictured_pack), "--json", "--verify-geometry", "--roi"]
    assert identify_main([*words, "130,90,330,270"]) == 0
    assert matches(capsys)[0]["id"] == "blue"
    assert identify_main([*words, "480,0,160,480"]) == 0
    assert {match["matched_points"] for match in matches(capsys)} == {0}


def test_many_photos_are_compared_and_one_that_breaks_is_skipped(
    pictured_pack: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.png").write_bytes(photo.read_bytes()[:500])
    words = [str(photo), str(tmp_path / "broken.png"), str(photo), "--pack", str(pictured_pack), "--json"]

    assert identify_main([*words, "--verify-geometry"]) == ExitCode.SOME_SKIPPED
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [answer["matches"][0]["id"] if "matches" in answer else None for answer in answers] == ["blue", None, "blue"]


def test_explain_draws_the_photo_beside_the_first_reference(
    pictured_pack: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "proof.PNG"
    words = [str(photo), "--pack", str(pictured_pack), "--explain", str(out)]

    assert identify_main([*words, "--verify-geometry"]) == 0
    with Image.open(out) as proven:
        assert proven.format == "PNG"
        assert proven.size == (2 * HEIGHT_PX * 4 // 3 + 3 * MARGIN_PX, HEIGHT_PX + 2 * MARGIN_PX + 2 * LINE_PX)
        has_outline = (np.asarray(proven) == (0, 200, 83)).all(axis=-1).any()
    assert has_outline
    assert identify_main(words) == 0  # the first by its looks, which is another
    with Image.open(out) as unproven:
        assert not (np.asarray(unproven) == (0, 200, 83)).all(axis=-1).any()
    assert "points:" not in capsys.readouterr().out.split("photo.png")[-1]


@pytest.mark.parametrize("option", [["--verify-geometry"], ["--explain", "proof.png"]])
def test_a_pack_without_thumbnails_says_how_it_gets_some(
    colour_pack: MakePack, photo: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    assert identify_main([str(photo), "--pack", str(colour_pack()), *option]) == ExitCode.SETUP
    error = capsys.readouterr().err
    assert "pack colours 1.0.0 has no thumbnails" in error
    assert "edge-build pack --local-features thumbnails" in error


def test_without_the_extra_the_error_names_the_line_to_type(
    pictured_pack: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    assert identify_main([str(photo), "--pack", str(pictured_pack), "--verify-geometry"]) == ExitCode.SETUP
    assert "pip install 'edge-identify[geometry]'" in capsys.readouterr().err


def test_a_thumbnail_that_lies_is_the_pack_s_fault(
    colour_pack: MakePack, rewrite_manifest: Rewrite, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = thumbnail_webp(label(1, (800, 600)), 800)
    folder = add_thumbnails(colour_pack(), dict.fromkeys(range(1, 6), large), rewrite_manifest)

    assert identify_main([str(photo), "--pack", str(folder), "--verify-geometry"]) == ExitCode.PACK
    assert "800 x 600 pixels; a side may have 160 at most" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["photo.png", "--explain", "proof.jpg"], ExitCode.USAGE, "does not end in .png"),
        (["photo.png", "photo.png", "--explain", "proof.png"], ExitCode.SETUP, "needs exactly one photo, not 2"),
        (["photo.png", "--explain", "nowhere/proof.png"], ExitCode.SETUP, "there is no folder nowhere"),
        (["photo.png", "--explain", "folder.png"], ExitCode.SETUP, "folder.png: is a folder"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_the_work(
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: ExitCode,
    message: str,
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("folder.png").mkdir()
    try:
        found = identify_main([*words, "--pack", "no-pack-is-looked-for"])
    except SystemExit as ended:
        found = ended.code  # type: ignore[assignment]  # argparse ends with a number
    assert found == code
    assert message in capsys.readouterr().err


def test_opencv_is_loaded_only_where_it_is_asked_for(pictured_pack: Path, photo: Path) -> None:
    script = (
        "import sys; from edge_identify.edge_runtime.cli.identify_command import identify_main; "
        "identify_main(sys.argv[1:]); print('cv2' in sys.modules, file=sys.stderr)"
    )
    words = [sys.executable, "-c", script, str(photo), "--pack", str(pictured_pack)]
    loaded = [
        subprocess.run([*words, *more], capture_output=True, text=True, check=True).stderr.splitlines()[-1]
        for more in ([], ["--verify-geometry"])
    ]
    assert loaded == ["False", "True"]


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are of POSIX")
def test_an_explanation_goes_to_standard_output_or_through_a_link_and_the_answer_beside_it(
    pictured_pack: Path, photo: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    words = [str(photo), "--pack", str(pictured_pack), "--explain"]
    assert identify_main([*words, "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"\x89PNG")
    assert b"Pure " in err

    (tmp_path / "proof.png").write_bytes(b"old")
    (tmp_path / "proof.png").chmod(0o600)
    (tmp_path / "link.png").symlink_to("proof.png")
    assert identify_main([*words, str(tmp_path / "link.png")]) == 0
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "proof.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "proof.png").stat().st_mode & 0o777 == 0o600
    (tmp_path / "null").symlink_to("/dev/null")
    assert identify_main([*words, str(tmp_path / "null")]) == 0  # a device needs no ending
    assert (tmp_path / "null").is_symlink()
