"""Images in a report are small and hold pixels only."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from edge_identify.convert.reporting.report_images import SIDE_PX, ReportImages


def test_an_image_is_made_small_and_loses_its_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker of phones"
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (1200, 900), (10, 200, 10)).save(tmp_path / "a.jpg", exif=exif, comment=b"at home")

    uri = ReportImages({}).photo(tmp_path / "a.jpg")

    assert uri is not None
    assert uri.startswith("data:image/jpeg;base64,")
    data = base64.b64decode(uri.partition(",")[2])
    image = Image.open(io.BytesIO(data))
    assert image.size == (SIDE_PX, SIDE_PX * 3 // 4)
    assert not image.getexif()
    assert b"phones" not in data
    assert b"home" not in data


def test_a_thumbnail_stands_in_for_a_file_that_cannot_be_had(tmp_path: Path) -> None:
    thumbnail = Image.new("RGB", (20, 10), (250, 10, 10))
    Image.new("RGB", (40, 40), (10, 10, 250)).save(tmp_path / "a.png")
    files = {"a": tmp_path / "a.png", "b": tmp_path / "gone.png"}

    images = ReportImages(files, {"a": thumbnail, "b": thumbnail, "c": thumbnail})

    sizes = {}
    for each in ("a", "b", "c"):
        uri = images.reference(each)
        assert uri is not None
        sizes[each] = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).size
    assert sizes == {"a": (40, 40), "b": (20, 10), "c": (20, 10)}


def test_images_that_cannot_be_had_are_none(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    images = ReportImages({"a": tmp_path / "broken.jpg", "b": tmp_path / "gone.jpg"})

    assert [images.reference(each) for each in ("a", "b", "c")] == [None] * 3
    assert images.has_references
