"""Findings of a clean catalogue (none), of one with a fault of each kind (all), and of packs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.convert.caching.build_cache import BuildCache, cache_folder
from edge_identify.convert.cli.main import main
from edge_identify.convert.doctor import similarity_checks
from edge_identify.convert.doctor.examination import examine_catalogue, examine_pack
from edge_identify.convert.doctor.findings import DoctorFinding, Examination
from edge_identify.convert.doctor.similarity_checks import drawn_images
from edge_identify.convert.progress import no_progress
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source

TODAY = date(2026, 11, 21)
_HEADER = "path,id,label,namespace,licence,lat,lng,expires\n"


@pytest.fixture(autouse=True)
def few_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure with few photos, because drawing them takes long."""
    monkeypatch.setattr(similarity_checks, "MEASURED_PHOTOS", 12)


@pytest.fixture
def drawn(tmp_path: Path) -> list[Path]:
    """Six images of dissimilar things."""
    paths = [tmp_path / f"thing-{at}.jpg" for at in range(6)]
    for path, image in zip(paths, drawn_images()[::2], strict=False):
        image.save(path, quality=92)
    return paths


def catalogue_of(tmp_path: Path, rows: list[str]) -> Path:
    (tmp_path / "list.csv").write_text(_HEADER + "".join(f"{row}\n" for row in rows))
    path = tmp_path / "my.catalogue"
    with Catalogue.open(path) as catalogue:
        catalogue.add(parse_source(f"image-list:{tmp_path / 'list.csv'}"))
    return path


def examined(catalogue: Path) -> Examination:
    return examine_catalogue(catalogue, today=TODAY, progress=no_progress, cache=BuildCache(cache_folder(catalogue)))


def by_kind(examination: Examination) -> dict[str, DoctorFinding]:
    return {finding.kind: finding for finding in examination.findings}


def test_a_clean_catalogue_gives_no_finding(tmp_path: Path, drawn: list[Path]) -> None:
    catalogue = catalogue_of(tmp_path, [f"{path},{path.stem},,art,CC0-1.0,48.85,2.35," for path in drawn])

    examination = examined(catalogue)

    assert examination.findings == ()
    assert not examination.is_serious
    assert (examination.reference_count, examination.picture_count) == (6, 6)
    assert examination.near_duplicate_similarity is not None
    assert 0.8 < examination.near_duplicate_similarity < 1
    assert any("calibration" in line for line in examination.not_checked)


def test_each_planted_fault_is_found(tmp_path: Path, drawn: list[Path]) -> None:
    first = drawn[0]
    shutil.copy(first, tmp_path / "copy.jpg")
    with Image.open(drawn[1]) as image:
        image.crop((2, 2, image.width - 2, image.height - 2)).save(tmp_path / "twin.jpg", quality=70)
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 0.0)
    with Image.open(drawn[2]) as image:
        image.save(drawn[2], exif=exif)
    Image.new("RGB", (200, 200), (10, 90, 10)).save(tmp_path / "plain.png")
    Image.open(drawn[4]).resize((40, 40)).save(drawn[4])
    rows = [f"{path},{path.stem},art,,CC0-1.0,48.85,2.35," for path in drawn[2:5]]
    rows += [
        f"{first},first,art,,CC0-1.0,,,",
        f"{tmp_path / 'copy.jpg'},copied,art,,CC0-1.0,,,",
        f"{drawn[1]},one,toy,,CC0-1.0,,,",
        f"{tmp_path / 'twin.jpg'},twin,art,,,0,0,2020-01-01",
        f"{tmp_path / 'plain.png'},plain,toy,,CC0-1.0,,,",
        f"{drawn[5]},vanished,toy,,CC0-1.0,,,",
    ]
    catalogue = catalogue_of(tmp_path, rows)
    drawn[5].unlink()

    examination = examined(catalogue)

    found = by_kind(examination)
    ids = {kind: {name for case in finding.cases for name in case.ids} for kind, finding in found.items()}
    assert ids["same-picture"] == {"copied", "first"}
    assert ids["near-duplicate"] == {"one", "twin"}
    assert {"one", "twin"} <= ids["other-label"]
    assert ids["personal-data"] == {"thing-2"}
    assert ids["uniform-picture"] == {"plain"}
    assert ids["small-picture"] == {"thing-4"}
    assert ids["unusable-picture"] == {"vanished"}
    assert ids["no-licence"] == ids["doubtful-coordinates"] == ids["expired"] == {"twin"}
    assert [finding.severity for finding in examination.findings] == sorted(
        (finding.severity for finding in examination.findings), key=["serious", "warning", "note"].index
    )
    assert examination.is_serious


def test_a_catalogue_with_nothing_usable_says_what_was_not_compared(tmp_path: Path, drawn: list[Path]) -> None:
    catalogue = catalogue_of(tmp_path, [f"{path},{path.stem},,art,CC0-1.0,,," for path in drawn[:1]])

    examination = examined(catalogue)

    assert examination.near_duplicate_similarity is None
    assert any("fewer than two images" in line for line in examination.not_checked)
    assert any("maker notes, IPTC records" in line for line in examination.not_checked)


def test_a_pack_gives_what_it_holds(colour_pack: Callable[[], Path]) -> None:
    folder = add_calibration(colour_pack())

    examination = examine_pack(folder, today=TODAY)

    found = by_kind(examination)
    # All images have one hash in the drawn pack, and mean colours make red and crimson hardly differ.
    assert found["same-picture"].cases[0].ids == ("blue", "crimson", "green", "red")
    assert len(found["no-licence"].cases) == 4
    assert "uncalibrated" not in found
    assert any("image files" in line for line in examination.not_checked)


def test_the_command_ends_with_9_where_something_is_serious_and_with_0_where_nothing_is(
    colour_pack: Callable[[], Path], tmp_path: Path, drawn: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--pack", str(colour_pack())]) == 9
    out = capsys.readouterr().out
    assert "serious, 1: images that belong to several references" in out
    assert "  do: keep the image" in out
    assert out.splitlines()[-1].startswith("pack of 4 references, 5 images: 1 serious")

    rows = [f"{path},{path.stem},,art,,48.85,2.35," for path in drawn]
    assert main(["doctor", "--catalogue", str(catalogue_of(tmp_path, rows)), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["serious"], document["warnings"], document["notes"]) == (0, 1, 0)
    (finding,) = document["findings"]
    assert (finding["kind"], finding["severity"], len(finding["cases"])) == ("no-licence", "warning", 6)
    assert finding["cases"][0] == {"ids": ["thing-0"], "detail": ""}


def test_a_flipped_byte_is_serious_and_nothing_behind_it_is_trusted(
    colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = colour_pack()
    data = bytearray((folder / "references.sqlite").read_bytes())
    data[-1] ^= 1
    (folder / "references.sqlite").write_bytes(data)

    assert main(["doctor", "--pack", str(folder), "--json"]) == 9

    document = json.loads(capsys.readouterr().out)
    assert [finding["kind"] for finding in document["findings"]] == ["damaged"]


def test_what_is_not_there_or_no_catalogue_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("dear")

    assert main(["doctor", "--catalogue", str(tmp_path / "none")]) == 8
    assert "no such catalogue" in capsys.readouterr().err
    assert main(["doctor", "--catalogue", str(tmp_path / "letter.txt")]) == 8
    assert main(["doctor", "--catalogue", str(tmp_path)]) == 8
    assert main(["doctor", "--pack", str(tmp_path)]) == 6
