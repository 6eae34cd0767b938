"""The overlay beside a pack: what is kept, what is refused, and what survives."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feature_nets import plain_photo
from PIL import Image

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PhotoError, SetupError
from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input
from edge_identify.edge_runtime.photos.regions import parse_region
from edge_identify.edge_runtime.taught.kept_picture import KEPT_SIDE_PX, decode_kept_picture, kept_picture
from edge_identify.edge_runtime.taught.overlay import THINGS_NAME, Overlay
from edge_identify.edge_runtime.taught.taught_things import (
    MAX_SPACES,
    TaughtPicture,
    TaughtThing,
    parse_things,
    serialise_things,
)

BLUE = kept_picture(open_photo_input(plain_photo(0, 0, 255)))
GREEN = kept_picture(open_photo_input(plain_photo(0, 255, 0)))
SPACE = "a" * 64


def test_what_is_taught_is_read_again(tmp_path: Path) -> None:
    added = Overlay(tmp_path / "taught").add([BLUE], name=" Blue door ", note="Rue Bleue 3")

    (found,) = Overlay(tmp_path / "taught").things()
    assert replace(found, taught_utc=added.taught_utc) == added
    assert (found.name, found.note) == ("Blue door", "Rue Bleue 3")
    assert Overlay(tmp_path / "taught").picture(found.pictures[0].sha256) == BLUE


def test_a_name_that_is_known_gets_more_pictures(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path)
    first = overlay.add([BLUE], name="Door", note="left")

    second = overlay.add([GREEN, BLUE], name="Door")

    assert (second.id, second.note, len(second.pictures)) == (first.id, "left", 2)
    assert overlay.things() == (second,)


def test_a_forgotten_thing_is_gone_with_its_pictures_but_not_those_of_others(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path)
    overlay.add([BLUE, GREEN], name="Door")
    kept = overlay.add([GREEN], name="Tree")

    overlay.remove("Door")

    assert overlay.things() == (kept,)
    assert [path.stem for path in (tmp_path / "pictures").iterdir()] == [kept.pictures[0].sha256]
    with pytest.raises(SetupError, match="nothing of the name or id 'Door' was taught"):
        overlay.remove("Door")


@pytest.mark.parametrize(
    ("name", "told"), [("  ", "the name is empty"), ("x" * 201, "201 characters"), ("a\x1bb", "control characters")]
)
def test_a_name_that_cannot_be_shown_is_refused(name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=told):
        Overlay(tmp_path).add([BLUE], name=name)


def test_a_changed_picture_is_noticed(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path)
    sha256 = overlay.add([BLUE], name="Door").pictures[0].sha256
    (tmp_path / "pictures" / f"{sha256}.jpg").write_bytes(GREEN)

    with pytest.raises(PackDamagedError, match="has changed"):
        overlay.picture(sha256)


def test_embeddings_of_several_spaces_are_kept_and_the_oldest_go(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path)
    sha256 = overlay.add([BLUE], name="Door").pictures[0].sha256

    for number in range(MAX_SPACES + 1):
        overlay.keep_embeddings({sha256: b"\0\0\0\0"}, space_id=str(number) * 64)

    assert list(overlay.things()[0].pictures[0].embeddings) == [str(number) * 64 for number in range(1, MAX_SPACES + 1)]


def test_the_kept_picture_has_no_exif_and_is_small() -> None:
    photo = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010E] = "secret"
    Image.new("RGB", (3000, 1500)).save(photo, "JPEG", exif=exif)

    image = Image.open(io.BytesIO(kept_picture(open_photo_input(photo.getvalue()))))

    assert image.size == (KEPT_SIDE_PX // 2, KEPT_SIDE_PX)
    assert not image.getexif()


def test_only_the_region_is_kept() -> None:
    data = kept_picture(open_photo_input(plain_photo(0, 0, 255)), parse_region("0,0,0.5,0.25"))

    width, height = decode_kept_picture(data, name="kept").size
    assert (width, height) == (32, 12)


@pytest.mark.parametrize(
    ("data", "told"), [(plain_photo(0, 0, 255), "is no JPEG"), (BLUE[:40], "kept"), (b"\xff\xd8\xff" * 10**6, "bytes")]
)
def test_a_picture_from_a_stranger_is_checked(data: bytes, told: str) -> None:
    with pytest.raises(PhotoError, match=told):
        decode_kept_picture(data, name="kept")


def test_a_picture_with_a_long_side_is_refused_before_it_is_decoded() -> None:
    photo = io.BytesIO()
    Image.new("RGB", (4000, 8)).save(photo, "JPEG")

    with pytest.raises(PhotoError, match="4000"):
        decode_kept_picture(photo.getvalue(), name="kept")


THING = TaughtThing(
    id="own:1f",
    name="Door",
    taught_utc=datetime(2026, 1, 31, tzinfo=UTC),
    pictures=(TaughtPicture(sha256="b" * 64, embeddings={SPACE: b"\0\0\x80?"}),),
)


def test_reading_gives_back_what_was_written() -> None:
    assert parse_things(serialise_things((THING,)), where="test") == (THING,)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": "PA_01"}, "should look like own"),
        ({"id": "own:../x"}, "should look like own"),
        ({"name": ""}, "the name is empty"),
        ({"taught_utc": "yesterday"}, "is no time"),
        ({"pictures": []}, "has no picture"),
        ({"pictures": [{"sha256": "../../x", "embeddings": {}}]}, "SHA-256"),
        ({"pictures": [{"sha256": "b" * 64, "embeddings": {SPACE: "AAA="}}]}, "has 2 bytes"),
        ({"pictures": [{"sha256": "b" * 64, "embeddings": {SPACE: "?"}}]}, "no base64"),
    ],
)
def test_a_malformed_thing_is_refused(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    document = json.loads(serialise_things((THING,)))
    document["things"][0] |= changes
    (tmp_path / THINGS_NAME).write_text(json.dumps(document))

    with pytest.raises(PackFormatError, match=told):
        Overlay(tmp_path).things()


def test_a_file_of_a_newer_schema_is_refused() -> None:
    with pytest.raises(PackFormatError, match="schema 9 is newer"):
        parse_things(b'{"schema": 9, "things": []}', where="test")
