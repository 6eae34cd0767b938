"""Personal data in the metadata of files that the tests write."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from edge_identify.convert.doctor.personal_data import POSITION, personal_data

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description exif:GPSLatitude="48,51.0N"/></x:xmpmeta>'


def image(image_format: str = "JPEG", exif: Image.Exif | None = None, **options: Any) -> bytes:
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
        assert personal_data(image(image_format, exif)) == (POSITION,), image_format


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
    assert personal_data(image(exif=exif)) == told


def test_a_position_in_xmp_alone_is_found() -> None:
    assert personal_data(image(xmp=XMP)) == (POSITION,)
    assert personal_data(image("WEBP", xmp=XMP)) == (POSITION,)


def packet(properties: str) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {properties}</rdf:Description></x:xmpmeta>'.encode()


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ("><dc:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></dc:creator>", ("author",)),
        ('aux:SerialNumber="123">', ("camera's serial number",)),
        (
            'exifEX:BodySerialNumber="1" exifEX:LensSerialNumber="2">',
            ("camera's serial number", "lens's serial number"),
        ),
        ('aux:OwnerName="Ada">', ("owner's name",)),
        ('xmp:CreatorTool="GIMP" xmp:CreateDate="2026">', ()),
    ],
)
def test_names_and_numbers_in_xmp_alone_are_found(properties: str, told: tuple[str, ...]) -> None:
    for image_format in ("JPEG", "WEBP"):
        assert personal_data(image(image_format, xmp=packet(properties))) == told


def test_xmp_in_a_tiff_and_in_a_png_is_found() -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet('aux:SerialNumber="1">').decode())
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x02BC] = packet('aux:SerialNumber="1">')

    assert personal_data(image("PNG", pnginfo=text)) == ("camera's serial number",)
    assert personal_data(image("TIFF", tiffinfo=tags)) == ("camera's serial number",)


def with_texts_last(png: bytes) -> bytes:
    """Move the text chunks of a PNG behind its pixels, as some programs write them."""
    at = png.index(b"tEXt") - 4
    after = at + 12 + int.from_bytes(png[at : at + 4], "big")
    end = png.index(b"IEND") - 4
    return png[:at] + png[after:end] + png[at:after] + png[end:]


def test_the_author_in_the_texts_of_a_png_is_found_before_and_behind_the_pixels() -> None:
    text = PngInfo()
    text.add_text("Author", "Ada")
    plain, with_exif = image("PNG", pnginfo=text), image("PNG", with_tags({0x013B: "Ada"}), pnginfo=text)

    assert personal_data(plain) == personal_data(with_texts_last(plain)) == ("author",)
    assert personal_data(with_exif) == ("author", "artist")
    assert set(personal_data(with_texts_last(with_exif))) == {"author", "artist"}


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        (b"by Ada, at home", ("a comment",)),
        (b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90", ()),
        (b" \0", ()),
    ],
)
def test_a_comment_is_found_but_for_what_programs_leave_behind(comment: bytes, told: tuple[str, ...]) -> None:
    assert personal_data(image("JPEG", comment=comment)) == told
    assert personal_data(image("GIF", comment=comment)) == told


def test_a_position_in_both_is_told_once() -> None:
    assert personal_data(image(exif=with_tags(gps={2: (48.0, 51.0, 0.0)}), xmp=XMP)) == (POSITION,)


def test_an_image_that_tells_nothing_gives_nothing() -> None:
    assert personal_data(image()) == ()
    # The maker of the camera, an empty name, a version of the GPS tags without a position.
    assert personal_data(image(exif=with_tags({0x010F: "Maker", 0x013B: " "}, gps={0: b"\2\3\0\0"}))) == ()


def test_broken_metadata_and_no_image_give_nothing() -> None:
    whole = image(exif=with_tags(gps={2: (48.0, 51.0, 0.0)}))
    for length in range(0, len(whole), 7):
        personal_data(whole[:length])

    assert personal_data(b"no picture") == ()
