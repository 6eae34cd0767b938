"""A new version of a pack, calibrated with real photos: what it keeps, what it says, what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colour_packs import CALIBRATION_FILE, CERTAINTY, add_calibration
from edge_identify.convert.cli.main import main
from edge_identify.edge_runtime.decisions.calibration import read_calibrations
from edge_identify.edge_runtime.pack.pack_reader import open_pack, verify_pack_files
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.search.identifier import Identifier

Recalibrate = Callable[..., int]
SHOWN = (("crimson", (200, 90, 100)), ("green", (60, 200, 90)), ("blue", (80, 60, 190)))


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Rows of 24 photos of three colours under uneven light, and of two grey things."""
    rng = np.random.default_rng(3)
    rows = []
    for at in range(24):
        name, colour = SHOWN[at % 3]
        pixels = np.clip(np.array(colour) + rng.integers(-25, 25, (16, 16, 3)) + rng.integers(-20, 20, 3), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{at}.png")
        rows.append(f"{at}.png,{name}")
    for at in range(2):
        Image.new("RGB", (16, 16), (120 + at, 120, 120)).save(tmp_path / f"grey{at}.png")
        rows.append(f"grey{at}.png,")
    return rows


@pytest.fixture
def recalibrate(colour_pack: Callable[[], Path], tmp_path: Path) -> Recalibrate:
    """Return a function that recalibrates a pack with rows of a table by the command."""
    folder = add_calibration(colour_pack(), certainty=CERTAINTY)

    def run(rows: list[str], *options: str, pack: Path = folder, out: str = "new") -> int:
        (tmp_path / "photos.csv").write_text("\n".join(["query,id", *rows]))
        table = str(tmp_path / "photos.csv")
        return main(["recalibrate", str(pack), "--photos", table, "--out", str(tmp_path / out), *options])

    return run


def test_the_new_version_differs_in_its_calibration_only(
    recalibrate: Recalibrate, photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "colours" / CALIBRATION_FILE
    kept = json.loads(stored.read_text()) | {"of a later version": {"kept": True}}
    stored.write_text(json.dumps(kept))
    shutil.copytree(add_calibration_again(tmp_path / "colours", kept), tmp_path / "old")

    assert recalibrate(photos) == 0

    old, new = open_pack(tmp_path / "old"), open_pack(tmp_path / "new")
    verify_pack_files(new.folder, new.manifest)
    assert str(new.manifest.version) == str(old.manifest.version.next_patch())
    changed = {path for path, entry in new.manifest.files.items() if old.manifest.files.get(path) != entry}
    assert changed == {CALIBRATION_FILE, "PACK.md"}
    assert json.loads((tmp_path / "new" / CALIBRATION_FILE).read_text())["of a later version"] == {"kept": True}
    told = read_calibrations(tmp_path / "new" / CALIBRATION_FILE)["onnx-fp32"].real_photos
    assert told is not None
    assert told.count == 26
    assert "26 photos, each answered by a fit to the others" in capsys.readouterr().out
    assert "| onnx-fp32 | 26 |" in (tmp_path / "new/PACK.md").read_text()


def test_what_a_later_version_has_put_into_the_manifest_stays(
    recalibrate: Recalibrate, photos: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "colours/pack.json"
    stored = json.loads(path.read_text())
    stored["of a later version"] = {"kept": [1]}
    stored["model"]["colour"] = "green"
    encoder = "encoders/model.onnx"
    stored["files"][encoder]["mtime"] = 5
    path.write_text(json.dumps(stored))

    assert recalibrate(photos) == 0

    written = json.loads((tmp_path / "new/pack.json").read_text())
    assert written["of a later version"] == {"kept": [1]}
    assert written["model"] == stored["model"]
    assert written["files"][encoder] == stored["files"][encoder]
    assert written["files"][CALIBRATION_FILE] != stored["files"][CALIBRATION_FILE]
    assert written["version"] != stored["version"]


def add_calibration_again(folder: Path, content: dict[str, object]) -> Path:
    from colour_packs import rewrite_manifest

    (folder / CALIBRATION_FILE).write_text(json.dumps(content))
    rewrite_manifest(folder)
    return folder


def test_answers_of_the_new_version_state_the_corrected_confidence(
    recalibrate: Recalibrate, photos: list[str], tmp_path: Path
) -> None:
    assert recalibrate(photos) == 0

    with Identifier(open_pack(tmp_path / "colours")) as before, Identifier(open_pack(tmp_path / "new")) as after:
        old, new = (each.identify(tmp_path / "0.png") for each in (before, after))
    assert old.verdict is not None
    assert new.verdict is not None
    assert new.matches[0].reference.id == old.matches[0].reference.id == "crimson"
    assert new.verdict.confidences[0] > old.verdict.confidences[0]
    assert new.matches[0].confidence == new.verdict.confidences[0]


def test_the_same_photos_give_the_same_bytes_from_the_old_and_from_the_new_version(
    recalibrate: Recalibrate, photos: list[str], tmp_path: Path
) -> None:
    assert recalibrate(photos) == 0
    assert recalibrate(photos, pack=tmp_path / "new", out="again") == 0

    assert (tmp_path / "new" / CALIBRATION_FILE).read_bytes() == (tmp_path / "again" / CALIBRATION_FILE).read_bytes()


def test_copies_of_references_and_broken_files_are_named_and_left_out(
    recalibrate: Recalibrate, photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (90, 60), (254, 0, 0)).save(tmp_path / "copy.png")  # embeds as the reference image does
    (tmp_path / "broken.png").write_bytes(b"no picture")
    shutil.copyfile(tmp_path / "0.png", tmp_path / "twice.png")

    assert recalibrate([*photos, "copy.png,red", "broken.png,red", "twice.png,red"]) == 1

    said = capsys.readouterr().err
    assert "copy.png: is a reference image of 'red'; left out, since it would flatter" in said
    assert "broken.png" in said
    assert "twice.png: is the same file as 0.png, and counts once" in said
    told = read_calibrations(tmp_path / "new" / CALIBRATION_FILE)["onnx-fp32"].real_photos
    assert told is not None
    assert told.count == 26


def test_a_table_of_nothing_but_copies_says_so(
    recalibrate: Recalibrate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, colour in (("red", (254, 0, 0)), ("green", (0, 254, 0))):
        Image.new("RGB", (90, 60), colour).save(tmp_path / f"{name}.png")

    assert recalibrate(["red.png,red", "green.png,green"]) != 0

    said = capsys.readouterr().err
    assert "0 real photos are too few" in said
    assert "2 left out, the first: " in said
    assert "red.png: is a reference image of 'red'" in said
    assert not (tmp_path / "new").exists()


def test_the_very_file_of_a_reference_image_is_left_out(
    recalibrate: Recalibrate, photos: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from dataclasses import replace

    from edge_identify.edge_runtime.io.durable_writes import sha256_of_file

    images = ReferenceTable.images
    same = sha256_of_file(tmp_path / "1.png")
    monkeypatch.setattr(
        ReferenceTable, "images", lambda table: [replace(images(table)[0], sha256=same), *images(table)[1:]]
    )

    assert recalibrate(photos) == 1
    assert "1.png: is a reference image of 'red'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (
            lambda rows: [rows[0], rows[1], rows[2]],
            "3 real photos are too few to calibrate with, at least 10 are needed",
        ),
        (
            lambda rows: [row for row in rows if row.endswith(",crimson")],
            "all photos of things in the pack show 'crimson'",
        ),
        (lambda rows: rows[-2:], "no photo shows a reference of the pack (every id is empty)"),
        (lambda rows: [*rows, "0.png,rde"], "1 id is not in the pack: 'rde' (nearest: red)"),
        (lambda _: ["nowhere.png,red"], "no usable photo"),
        (lambda _: [], "holds no queries"),
    ],
)
def test_a_table_that_tells_nothing_is_refused_and_nothing_is_written(
    recalibrate: Recalibrate,
    photos: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    choose: Callable[[list[str]], list[str]],
    said: str,
) -> None:
    assert recalibrate(choose(photos)) != 0

    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_false_accept_rate_needs_as_many_strangers_as_can_tell(
    recalibrate: Recalibrate, photos: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert recalibrate(photos, "--false-accept-rate", "0.02") != 0
    assert "2 photos of things that are not in the pack; at least 50" in capsys.readouterr().err

    assert recalibrate(photos, "--false-accept-rate", "0.49", out="loose") != 0  # 3 are needed
    assert not (tmp_path / "loose").exists()


@pytest.mark.parametrize(
    ("certainty", "said"), [({}, "was calibrated by an older version"), (None, "has no calibration")]
)
def test_a_pack_without_the_words_of_certainty_is_to_be_built_again(
    colour_pack: Callable[[], Path],
    recalibrate: Recalibrate,
    photos: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    certainty: dict[str, float] | None,
    said: str,
) -> None:
    shutil.rmtree(tmp_path / "colours")
    folder = colour_pack()
    if certainty is not None:
        add_calibration(folder)

    assert recalibrate(photos, pack=folder) != 0

    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_without_photos_the_old_calibration_is_back(
    recalibrate: Recalibrate, photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for at in range(8):
        Image.new("RGB", (16, 16), (60 + 9 * at, 70 + 9 * at, 70 + 9 * at)).save(tmp_path / f"other{at}.png")
    table = [*photos, *(f"other{at}.png," for at in range(8))]
    assert recalibrate(table, "--false-accept-rate", "0.2") == 0
    assert "of the photos of other things, 20 % allowed" in capsys.readouterr().out
    assert "real photos of references and 10 of strangers" in (tmp_path / "new/PACK.md").read_text()

    assert main(["recalibrate", str(tmp_path / "new"), "--without-photos", "--out", str(tmp_path / "undone")]) == 0

    before, after = (read_calibrations(tmp_path / name / CALIBRATION_FILE) for name in ("colours", "undone"))
    assert after == before
    assert "simulated photos only" in capsys.readouterr().out
    assert str(open_pack(tmp_path / "undone").manifest.version).endswith(".2")


def test_there_must_be_photos_to_undo_and_no_rate_to_hold(
    colour_pack: Callable[[], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undo = [
        "recalibrate",
        str(add_calibration(colour_pack(), certainty=CERTAINTY)),
        "--without-photos",
        "--out",
        str(tmp_path / "undone"),
    ]

    assert main(undo) == 8
    assert "there is nothing to undo" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*undo, "--false-accept-rate", "0.1"])
    assert not (tmp_path / "undone").exists()
