"""What metadata tells, in files that were written with it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from edge_identify.convert.doctor.personal_data import POSITION, personal_data

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description exif:GPSLatitude="48,51.0N"/></x:xmpmeta>'


def picture(image_format: str = "JPEG", exif: Image.Exif | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 99, 9)).save(file, image_format, **options, **({"exif": exif} if exif else {}))
    return file.getvalue()


def with_tags(main: dict[int, Any] | None = None, **directories: dict[int, Any]) -> Image.Exif:
    exif = Image.Exif()
    exif.update(main or {})
    for name, tags in directories.items():
        exif[{"gps": 0x8825, "camera": 0x8769}[name]] = tags
    return exif


def test_a_position_in_exif_is_found_in_each_format_that_phones_write() -> None:
    exif = with_tags(gps={1: "N", 2: (48.0, 51.0, 0.0), 3: "E", 4: (2.0, 21.0, 0.0)})

    for image_format in ("JPEG", "PNG", "WEBP"):
        assert personal_data(picture(image_format, exif)) == (POSITION,), image_format


@pytest.mark.parametrize(
    ("exif", "told"),
    [
        (with_tags({0x013B: "Ada"}), ("artist",)),
        (with_tags({0x9C9D: "Ada\0".encode("utf-16-le")}), ("author",)),
        (with_tags(camera={0xA430: "Ada"}), ("owner's name",)),
        (with_tags(camera={0xA431: "123", 0xA435: "456"}), ("camera's serial number", "lens's serial number")),
    ],
)
def test_names_and_numbers_of_people_and_their_things_are_found(exif: Image.Exif, told: tuple[str, ...]) -> None:
    assert personal_data(picture(exif=exif)) == told


def test_a_position_in_xmp_alone_is_found() -> None:
    assert personal_data(picture(xmp=XMP)) == (POSITION,)
    assert personal_data(picture("WEBP", xmp=XMP)) == (POSITION,)


def test_a_position_in_both_is_told_once() -> None:
    assert personal_data(picture(exif=with_tags(gps={2: (48.0, 51.0, 0.0)}), xmp=XMP)) == (POSITION,)


def test_a_picture_that_tells_nothing_gives_nothing() -> None:
    assert personal_data(picture()) == ()
    # The maker of the camera, an empty name, a version of the GPS tags without a position.
    assert personal_data(picture(exif=with_tags({0x010F: "Maker", 0x013B: " "}, gps={0: b"\2\3\0\0"}))) == ()


def test_broken_metadata_and_no_picture_give_nothing() -> None:
    whole = picture(exif=with_tags(gps={2: (48.0, 51.0, 0.0)}))
    for length in range(0, len(whole), 7):
        personal_data(whole[:length])

    assert personal_data(b"no picture") == ()
