"""`edge-build contributions`: seen first, then accepted or rejected; pictures of strangers are written anew."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feature_nets import plain_photo
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input
from edge_identify.edge_runtime.taught.contribution_file import (
    ContributedPicture,
    ContributedThing,
    Contribution,
    serialise_contribution,
)
from edge_identify.edge_runtime.taught.kept_picture import kept_picture
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

JPEG = kept_picture(open_photo_input(plain_photo(0, 0, 255))) + b"<script>smuggled</script>"
TIME = datetime(2026, 1, 31, tzinfo=UTC)
DOOR = ContributedThing(
    id="own:1f",
    name="Blue <b>door</b>",
    note="left",
    taught_utc=TIME,
    pictures=(ContributedPicture(sha256=sha256_of_bytes(JPEG), jpeg=JPEG),),
)


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    with Catalogue.open(tmp_path / "my.catalogue"):
        return str(tmp_path / "my.catalogue")


@pytest.fixture
def gift(tmp_path: Path) -> Path:
    return write(tmp_path / "gift.json", DOOR)


def write(path: Path, *things: ContributedThing) -> Path:
    contribution = Contribution(
        pack_name="street-art",
        pack_version=PackVersion(1, 0, 0),
        created_utc=TIME,
        by="Ada",
        licence="CC0-1.0",
        things=things,
    )
    path.write_bytes(serialise_contribution(contribution))
    return path


def contributions(verb: str, catalogue: str, *words: object) -> int:
    return main(["contributions", verb, *map(str, words), "--catalogue", catalogue])


def review(catalogue: str, gift: Path) -> str:
    page = gift.with_suffix(".html")
    assert contributions("review", catalogue, gift, "--html", page) == ExitCode.DONE
    return page.read_text()


def test_a_thing_is_reviewed_accepted_and_in_the_catalogue(
    catalogue: str, gift: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = review(catalogue, gift)
    assert "Blue &lt;b&gt;door&lt;/b&gt;" in page
    assert "data:image/jpeg;base64," in page
    assert "by Ada, licence: CC0-1.0" in page
    assert "<script" not in page
    capsys.readouterr()

    assert contributions("accept", catalogue, gift, "own:1f", "--namespace", "Paris", "--json") == ExitCode.DONE

    assert json.loads(capsys.readouterr().out) == {"accepted": 1, "references": ["contributed-1f"], "pictures": 1}
    with Catalogue.open_existing(Path(catalogue)) as opened:
        (reference,), (image,) = opened.references(), opened.images()
    assert (reference.name, reference.namespace, reference.attributes) == (DOOR.name, "Paris", {"note": "left"})
    assert (image.licence, image.provenance) == ("CC0-1.0", "Ada")
    assert b"smuggled" not in image.path.read_bytes()
    with Image.open(image.path) as written:
        assert written.format == "JPEG"


def test_nothing_is_accepted_unseen(catalogue: str, gift: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contributions("accept", catalogue, gift, "own:1f") == ExitCode.SETUP
    assert "nobody has seen this content" in capsys.readouterr().err
    with Catalogue.open_existing(Path(catalogue)) as opened:
        assert opened.references() == []


def test_what_changed_after_the_review_is_unseen(
    catalogue: str, gift: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    review(catalogue, gift)
    write(gift, replace(DOOR, name="Another door"))

    assert contributions("accept", catalogue, gift, "own:1f") == ExitCode.SETUP
    assert "nobody has seen this content" in capsys.readouterr().err


def test_a_rejected_thing_cannot_be_accepted(catalogue: str, gift: Path, capsys: pytest.CaptureFixture[str]) -> None:
    review(catalogue, gift)
    assert contributions("reject", catalogue, gift, "own:1f") == ExitCode.DONE

    assert contributions("accept", catalogue, gift, "own:1f") == ExitCode.SETUP
    assert "was rejected" in capsys.readouterr().err
    assert "rejected: own:1f" in review(catalogue, gift)


def test_pictures_can_be_added_to_a_reference_of_the_catalogue(
    catalogue: str, gift: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    review(catalogue, gift)
    assert contributions("accept", catalogue, gift, "own:1f", "--id", "PA_01", "--name", "Door") == ExitCode.DONE
    second = write(tmp_path / "second.json", replace(DOOR, id="own:2f", name="Door", pictures=(_green(),)))
    page = review(catalogue, second)
    assert "The catalogue has PA_01 of this name" in page

    assert contributions("accept", catalogue, second, "own:2f", "--id", "PA_01") == ExitCode.SETUP
    assert "use --to PA_01" in capsys.readouterr().err
    assert contributions("accept", catalogue, second, "own:2f", "--to", "PA_01") == ExitCode.DONE
    with Catalogue.open_existing(Path(catalogue)) as opened:
        assert [(image.reference_id) for image in opened.images()] == ["PA_01", "PA_01"]


def test_a_picture_that_cannot_be_decoded_is_said_on_the_page_and_not_accepted(
    catalogue: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = JPEG[:40]
    picture = ContributedPicture(sha256=sha256_of_bytes(broken), jpeg=broken)
    gift = write(tmp_path / "gift.json", replace(DOOR, pictures=(picture,)))
    assert "This picture cannot be used" in review(catalogue, gift)

    assert contributions("accept", catalogue, gift, "own:1f") == ExitCode.PHOTO
    assert "own:1f" in capsys.readouterr().err


def test_a_thing_that_the_file_lacks_is_an_error(
    catalogue: str, gift: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert contributions("accept", catalogue, gift, "own:9") == ExitCode.SETUP
    assert "has no thing 'own:9'; it has own:1f" in capsys.readouterr().err


def _green() -> ContributedPicture:
    jpeg = kept_picture(open_photo_input(plain_photo(0, 255, 0)))
    return ContributedPicture(sha256=sha256_of_bytes(jpeg), jpeg=jpeg)
