"""HEIC and AVIF photos are decoded upright, or the error says how to install the decoder."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, features

from edge_identify.convert.doctor.personal_data import personal_data
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import images
from edge_identify.edge_runtime.photos.exif_position import photo_position
from edge_identify.edge_runtime.photos.heif_files import heif_format

KINDS = ["HEIF", "AVIF"]
_HEAD_OF_A_PHONE = b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1MiHEmiafMiHBheic"
_GPS_IFD, _ORIENTATION, _MAKER = 0x8825, 0x0112, 0x010F


def encoded(kind: str, *, orientation: int = 1, place: tuple[float, float] | None = None) -> bytes:
    """An image that is red on the left and blue on the right, 64 x 32 before it is turned."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    image = Image.new("RGB", (64, 32), (200, 0, 0))
    image.paste((0, 0, 200), (32, 0, 64, 32))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    if place is not None:
        exif[_GPS_IFD] = {1: "N", 2: (place[0], 0.0, 0.0), 3: "E", 4: (place[1], 0.0, 0.0)}
    file = io.BytesIO()
    image.save(file, kind, quality=90, exif=exif.tobytes())
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("orientation", "size", "red"), [(1, (64, 32), (5, 16)), (3, (64, 32), (58, 16)), (6, (32, 64), (16, 5))]
)
def test_it_is_decoded_upright_as_rgb(kind: str, orientation: int, size: tuple[int, int], red: tuple[int, int]) -> None:
    image = images.decode_image(encoded(kind, orientation=orientation), name="x")
    assert (image.mode, image.size) == ("RGB", size)
    pixel = image.getpixel(red)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 150
    assert pixel[2] < 60


@pytest.mark.parametrize("kind", KINDS)
def test_damage_of_any_kind_is_an_error_of_the_photo(kind: str) -> None:
    whole, dice = encoded(kind), random.Random(0)
    for cut in range(12, len(whole) - 1, len(whole) // 40):
        with pytest.raises(PhotoError):
            images.decode_image(whole[:cut], name="x")
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 12)):
            damaged[dice.randrange(4, len(damaged))] = dice.randrange(256)
        try:
            assert images.decode_image(bytes(damaged), name="x").mode == "RGB"
        except PhotoError:
            continue


@pytest.mark.parametrize("kind", KINDS)
def test_its_position_and_what_it_tells_of_a_person_are_read(kind: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo"
    photo.write_bytes(encoded(kind, place=(48.0, 2.0)))
    for given in (photo, io.BytesIO(photo.read_bytes())):
        position = photo_position(given)
        assert position is not None
        assert (position.latitude, position.longitude) == (48.0, 2.0)
    assert personal_data(photo.read_bytes()) != ()


def test_without_the_plugin_the_photo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    photo = tmp_path / "IMG_0001.HEIC"
    photo.write_bytes(_HEAD_OF_A_PHONE + bytes(100))
    assert main([str(photo), "--pack", str(colour_pack())]) == 5
    said = capsys.readouterr().err
    assert "IMG_0001.HEIC: is HEIC, as iPhones take it" in said
    assert "pip install 'edge-identify[heic]'" in said
    assert photo_position(photo) is None
    assert personal_data(photo.read_bytes()) == ()
    monkeypatch.setattr(features, "check", lambda _what: False)
    with pytest.raises(PhotoError, match="pip install --upgrade pillow"):
        images.decode_image(_HEAD_OF_A_PHONE.replace(b"heic", b"avif"), name="x")


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_them_becomes_references_and_one_is_identified(
    kind: str, tmp_path: Path, colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    suffix = {"HEIF": "HEIC", "AVIF": "avif"}[kind]
    (tmp_path / "p").mkdir()
    photo = tmp_path / f"p/IMG_1.{suffix}"
    photo.write_bytes(encoded(kind))
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        assert catalogue.add(parse_source(f"images:{tmp_path / 'p'}")).added == 1
        [facts] = catalogue.image_facts()
    assert (facts.image.reference_id, facts.image.type, facts.width_px) == ("IMG_1", kind, 64)
    assert main([str(tmp_path / "p"), "--pack", str(colour_pack()), "--json"]) == 0
    [answer] = json.loads(capsys.readouterr().out)["answers"]
    assert answer["matches"]


def test_the_plugin_is_not_imported_for_other_files(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    (tmp_path / "a.jpg").write_bytes(_jpeg())
    code = (
        "import sys; from pathlib import Path; from edge_identify.edge_runtime.photos import images\n"
        "images.open_image(Path(sys.argv[1])); print('pillow_heif' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.jpg")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    "start", [b"", b"ftyp", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42", b"\xff\xff\xff\xffftypqt  " + bytes(9)]
)
def test_films_and_scraps_are_neither(start: bytes) -> None:
    assert heif_format(start, name="x") is None
