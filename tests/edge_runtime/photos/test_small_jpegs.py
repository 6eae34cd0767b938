"""Small JPEGs of photos are upright and without metadata."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.regions import parse_region
from edge_identify.edge_runtime.photos.small_jpegs import THUMBNAIL_SIDE_PX, photo_thumbnail

SECRET = b"SECRET-PLACE"


def talkative_photo(path: Path) -> Path:
    """Write a photo stored sideways, red at its upright top, with its position in five kinds of metadata."""
    image = Image.new("RGB", (1200, 800), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, 600, 800))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right: the left side is the upright top
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[0x001D] = SECRET.decode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(path, "JPEG", exif=exif, comment=SECRET, icc_profile=profile, xmp=b"<x>" + SECRET + b"</x>")
    assert path.read_bytes().count(SECRET) == 4
    return path


def test_a_thumbnail_is_upright_small_and_says_nothing_else(tmp_path: Path) -> None:
    data = photo_thumbnail(talkative_photo(tmp_path / "photo.jpg"))

    with Image.open(io.BytesIO(data)) as thumbnail:
        assert thumbnail.size == (THUMBNAIL_SIDE_PX * 2 // 3, THUMBNAIL_SIDE_PX)
        top, bottom = thumbnail.getpixel((100, 20)), thumbnail.getpixel((100, 300))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top[0] > 200 > 50 > top[2]
        assert bottom[2] > 200 > 50 > bottom[0]
        assert not thumbnail.getexif()
        assert set(thumbnail.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert SECRET not in data
    assert b"Exif" not in data
    assert b"ICC_PROFILE" not in data


@pytest.mark.parametrize(("size", "small"), [((5, 3), (5, 3)), ((1, 4000), (1, 320)), ((640, 640), (320, 320))])
def test_a_small_photo_is_not_made_larger_nor_a_thin_one_nothing(
    tmp_path: Path, size: tuple[int, int], small: tuple[int, int]
) -> None:
    Image.new("RGB", size).save(tmp_path / "photo.png")

    with Image.open(io.BytesIO(photo_thumbnail(tmp_path / "photo.png"))) as thumbnail:
        assert thumbnail.size == small


def test_of_a_part_that_is_looked_at_only_that_part_is_shown(tmp_path: Path) -> None:
    path = talkative_photo(tmp_path / "photo.jpg")

    with Image.open(io.BytesIO(photo_thumbnail(path, parse_region("0,0.6,1.0,0.4")))) as thumbnail:
        assert thumbnail.size == (320, 192)  # of 800 x 480
        assert {blue > 200 > 50 > red for red, _, blue in np.asarray(thumbnail).reshape(-1, 3)} == {True}


def test_a_photo_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such file"):
        photo_thumbnail(tmp_path / "none.jpg")
