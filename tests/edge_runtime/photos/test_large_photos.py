"""Photos of many megapixels: JPEGs are decoded smaller, within limits of memory; other formats are refused."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import images
from edge_identify.edge_runtime.photos.exif_position import photo_position
from edge_identify.edge_runtime.photos.images import decode_image, decode_photo, read_image_file
from edge_identify.edge_runtime.photos.jpeg_structure import jpeg_scans, lacks_end_marker
from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input
from edge_identify.edge_runtime.photos.regions import parse_region

PHONE_PX = (16_320, 12_240)  # what sensors of 200 megapixels save
_GPS_IFD = 0x8825


def jpeg(size: tuple[int, int], **options: Any) -> bytes:
    """A grey JPEG, darker on its left half."""
    image = Image.new("L", size, 200)
    image.paste(50, (0, 0, size[0] // 2, size[1]))
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def phone_photo() -> bytes:
    exif = Image.Exif()
    exif[_GPS_IFD] = {1: "N", 2: (48.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)}
    return jpeg(PHONE_PX, exif=exif)


def test_a_photo_of_200_megapixels_is_decoded_at_an_eighth(phone_photo: bytes) -> None:
    photo = decode_photo(phone_photo, name="phone.jpg", enough_px=512)

    assert (photo.full_size, photo.reduced_by, photo.image.size) == (PHONE_PX, 8, (2040, 1530))
    left, right = photo.image.getpixel((100, 700)), photo.image.getpixel((1900, 700))
    assert (left, right) == ((50, 50, 50), (200, 200, 200))


def test_as_a_reference_it_is_decoded_as_large_as_the_limit_allows(phone_photo: bytes) -> None:
    assert decode_image(phone_photo, name="phone.jpg").size == (8160, 6120)


def test_its_position_is_read(phone_photo: bytes) -> None:
    position = photo_position(io.BytesIO(phone_photo))

    assert position is not None
    assert (position.latitude, position.longitude) == (48.0, 2.0)


def test_a_region_of_it_is_decoded_within_the_limit(phone_photo: bytes) -> None:
    part = decode_photo(phone_photo, name="phone.jpg", enough_px=5000, region=parse_region("8000,0,200,100"))

    assert (part.full_size, part.reduced_by) == ((200, 100), 2)
    assert part.image.getpixel((5, 5)) == (50, 50, 50)
    assert part.image.getpixel((95, 5)) == (200, 200, 200)


def test_a_catalogue_keeps_its_full_size(phone_photo: bytes, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/phone.jpg").write_bytes(phone_photo)
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        assert catalogue.add(parse_source(f"images:{tmp_path / 'p'}")).added == 1
        [facts] = catalogue.image_facts()

    assert (facts.width_px, facts.height_px, facts.image.type) == (*PHONE_PX, "JPEG")


def test_a_panorama_is_decoded() -> None:
    photo = decode_photo(jpeg((23_000, 4_500)), name="panorama.jpg", enough_px=512)

    assert (photo.full_size, photo.image.size) == ((23_000, 4_500), (2875, 563))


def test_a_jpeg_beyond_its_own_limit_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_JPEG_PIXELS", 2_000_000)

    with pytest.raises(PhotoError, match=r"x\.jpg: 2000 x 1001 pixels, more than the limit of 2 megapixels of a JPEG"):
        decode_photo(jpeg((2000, 1001)), name="x.jpg", enough_px=10)


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP", "GIF", "BMP"])
def test_another_format_beyond_the_limit_is_told_to_become_a_jpeg(
    format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 1_000_000)
    file = io.BytesIO()
    Image.new("L", (1000, 1001)).save(file, format_name)

    with pytest.raises(PhotoError, match=r"1000 x 1001 pixels, more than the 1-megapixel limit; .* save it as JPEG"):
        decode_photo(file.getvalue(), name="x", enough_px=10)


@pytest.mark.parametrize(
    ("options", "coefficient_bytes"),
    [
        ({}, 0),
        ({"progressive": True}, 2 * 128 * 96),
    ],
)
def test_the_coefficients_of_a_progressive_jpeg_are_counted(options: dict[str, Any], coefficient_bytes: int) -> None:
    assert jpeg_scans(jpeg((128, 96), **options)).coefficient_bytes == coefficient_bytes


def test_subsampled_colours_have_fewer_coefficients() -> None:
    counts = []
    for subsampling in (0, 2):  # 4:4:4 and 4:2:0
        file = io.BytesIO()
        Image.new("RGB", (160, 96)).save(file, "JPEG", progressive=True, subsampling=subsampling)
        counts.append(jpeg_scans(file.getvalue()).coefficient_bytes)

    assert counts == [2 * 3 * 160 * 96, 2 * 3 * 160 * 96 // 2]


def test_a_baseline_jpeg_with_one_scan_for_each_colour_is_counted_too() -> None:
    file = io.BytesIO()
    Image.new("RGB", (160, 96)).save(file, "JPEG", subsampling=0)
    data = file.getvalue()
    at = data.index(b"\xff\xda")
    apart = data[:at] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + data[at + 14 :]

    assert jpeg_scans(data).coefficient_bytes == 0
    assert jpeg_scans(apart).coefficient_bytes == 2 * 3 * 160 * 96


def test_a_progressive_jpeg_that_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 100_000)
    monkeypatch.setattr(images, "_MAX_COEFFICIENT_BYTES", 600_000)
    small, large = jpeg((500, 500), progressive=True), jpeg((1000, 1000), progressive=True)

    assert decode_photo(small, name="x", enough_px=10).full_size == (500, 500)
    with pytest.raises(PhotoError, match=r"x\.jpg: 1000 x 1000 pixels in a progressive JPEG, .* baseline"):
        decode_photo(large, name="x.jpg", enough_px=10)


def test_thousands_of_scans_are_refused() -> None:
    whole = jpeg((160, 160), progressive=True)
    last = whole.rindex(b"\xff\xda")
    bomb = whole[:last] + whole[last:-2] * 5000 + whole[-2:]

    assert decode_image(whole, name="x").size == (160, 160)
    with pytest.raises(PhotoError, match=r"bomb\.jpg: has \d+ scans, more than the limit"):
        decode_image(bomb, name="bomb.jpg")


def test_scans_of_many_pixels_are_refused_though_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = jpeg((160, 160), progressive=True)
    last = whole.rindex(b"\xff\xda")
    bomb = whole[:last] + whole[last:-2] * 30 + whole[-2:]

    assert decode_image(bomb, name="x").size == (160, 160)
    monkeypatch.setattr(images, "_MAX_SCANNED_PIXELS", 160 * 160 * 20)
    assert decode_image(whole, name="x").size == (160, 160)
    with pytest.raises(PhotoError, match=r"bomb\.jpg: has 35 scans of 160 x 160 pixels, which take long"):
        decode_image(bomb, name="bomb.jpg")


def test_a_phone_s_largest_photo_in_a_usual_progressive_jpeg_is_within_the_limit() -> None:
    assert 200_000_000 * 12 < images._MAX_SCANNED_PIXELS < images._MAX_SCANS * 100_000_000


def test_a_progressive_jpeg_in_a_tiff_is_refused() -> None:
    image = Image.effect_noise((64, 64), 90)
    file = io.BytesIO()
    image.save(file, "TIFF", compression="jpeg")
    whole = file.getvalue()
    assert decode_image(whole, name="x").size == (64, 64)

    inner = io.BytesIO()
    image.save(inner, "JPEG", progressive=True)
    with pytest.raises(PhotoError, match="holds a progressive JPEG"):
        decode_image(whole + inner.getvalue(), name="x.tif")


def test_a_film_behind_the_photo_has_no_scans() -> None:
    whole = jpeg((160, 160), progressive=True)
    film = random.Random(0).randbytes(20_000_000)
    assert film.count(b"\xff\xda") > 200

    assert jpeg_scans(whole + film).count == jpeg_scans(whole).count == 6
    assert decode_image(whole + film, name="x").size == (160, 160)
    assert not lacks_end_marker(whole + film)
    assert lacks_end_marker(whole[:-2])


def test_scans_behind_what_looks_like_an_end_are_counted() -> None:
    whole = jpeg((160, 160), progressive=True)
    last = whole.rindex(b"\xff\xda")
    comment = b"\xff\xfe\x00\x06\xff\xd9\xff\xd9"

    assert jpeg_scans(whole[:last] + (comment + whole[last:-2]) * 50 + whole[-2:]).count == 5 + 50


def test_broken_markers_are_no_error_of_the_count() -> None:
    whole, dice = jpeg((64, 64), progressive=True), random.Random(0)
    for cut in range(len(whole)):
        assert jpeg_scans(whole[:cut]).coefficient_bytes in (0, 2 * 64 * 64)
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 9)):
            damaged[dice.randrange(2, len(damaged))] = dice.randrange(256)
        jpeg_scans(bytes(damaged))
        lacks_end_marker(bytes(damaged[:-2]))


_READ_WITH_LITTLE_ROOM = """
import resource, sys
import numpy, PIL.Image
from pathlib import Path
from edge_identify.edge_runtime.photos.images import read_image_file
from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 64 * 2**20, now + 64 * 2**20))
read_image_file(Path(sys.argv[1]))
with open(sys.argv[1], "rb") as file:
    open_photo_input(file)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's account of a process's memory")
def test_reading_a_small_photo_asks_for_little_memory(tmp_path: Path) -> None:
    photo = tmp_path / "small.jpg"
    photo.write_bytes(jpeg((64, 64)))

    subprocess.run([sys.executable, "-c", _READ_WITH_LITTLE_ROOM, str(photo)], check=True)


def test_a_file_that_grows_while_it_is_read_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = tmp_path / "growing.jpg"
    photo.write_bytes(b"x" * 100)
    as_it_was = photo.stat()
    photo.write_bytes(b"x" * 300)
    monkeypatch.setattr(Path, "stat", lambda *_args, **_names: as_it_was)

    assert len(read_image_file(photo)) == 300


def test_an_open_file_is_read_to_its_end_and_no_further_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    content = open_photo_input(io.BytesIO(b"x" * 3_000_000)).content
    assert isinstance(content, bytes)
    assert len(content) == 3_000_000

    monkeypatch.setattr("edge_identify.edge_runtime.photos.photo_inputs.MAX_FILE_BYTES", 2_000_000)
    with pytest.raises(PhotoError, match="more than the 1 MiB limit"):
        open_photo_input(io.BytesIO(b"x" * 3_000_000))
