"""A JPEG may be decoded at a reduced size, with nearly the same encoder's pixels."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import decode_image, decode_photo, open_photo
from edge_identify.edge_runtime.photos.preprocessing import (
    Interpolation,
    Preprocessing,
    ResizeMode,
    enough_px,
    preprocess,
    preprocess_photo,
)
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo

SIZE_PX = 32


def recipe(mode: ResizeMode = ResizeMode.SHORTEST_SIDE) -> Preprocessing:
    return Preprocessing(size_px=SIZE_PX, resize_mode=mode, interpolation=Interpolation.BICUBIC)


def patches(size_px: tuple[int, int], orientation: int) -> bytes:
    """A JPEG of soft patches about as large as two pixels of the result."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    grid = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grid).resize(size_px, Image.Resampling.BICUBIC).save(buffer, format="JPEG", quality=95, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize(
    ("size_px", "reduced_by"), [((1021, 769), 8), ((769, 1021), 8), ((513, 900), 8), ((400, 301), 4), ((140, 131), 2)]
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_pixels_are_nearly_those_of_the_full_decoding(
    size_px: tuple[int, int], reduced_by: int, mode: ResizeMode, orientation: int
) -> None:
    data = patches(size_px, orientation)
    exact = preprocess(decode_image(data, name="x"), recipe(mode)).astype(np.int16)

    photo = decode_photo(data, name="x", enough_px=enough_px(recipe()))
    found = preprocess_photo(photo, recipe(mode)).astype(np.int16)

    assert photo.reduced_by == reduced_by
    assert photo.full_size == (size_px if orientation < 5 else size_px[::-1])
    assert np.abs(found - exact).mean() < 2.0  # moved by one pixel of the result it is above 10


@pytest.mark.parametrize("enough", [10, 64, 65, 100, 500])
def test_no_side_falls_below_what_is_enough(enough: int) -> None:
    data = drawn_photo(size_px=(1000, 520), seed=1)

    photo = decode_photo(data, name="x", enough_px=enough)

    assert min(photo.image.size) >= enough
    assert photo.full_size == (1000, 520)


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_other_formats_are_decoded_in_full(format_name: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), (9, 9, 9)).save(buffer, format=format_name)

    photo = decode_photo(buffer.getvalue(), name="x", enough_px=8)

    assert (photo.image.size, photo.reduced_by) == ((300, 200), 1)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_printers_jpegs_are_decoded_smaller_too(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 160), (200, 30, 40)).convert(mode).save(buffer, format="JPEG")
    exact = decode_image(buffer.getvalue(), name="x").getpixel((5, 5))

    photo = decode_photo(buffer.getvalue(), name="x", enough_px=20)

    assert (photo.image.mode, photo.image.size) == ("RGB", (40, 20))
    assert photo.image.getpixel((5, 5)) == pytest.approx(exact, abs=2)


def test_a_photo_that_is_small_already_has_exactly_the_pixels_of_a_reference() -> None:
    data = drawn_photo(size_px=(100, 90), seed=2)

    photo = decode_photo(data, name="x", enough_px=enough_px(recipe()))

    assert photo.reduced_by == 1
    assert (preprocess_photo(photo, recipe()) == preprocess(decode_image(data, name="x"), recipe())).all()


def test_a_photo_cut_short_is_refused_though_it_is_decoded_smaller(tmp_path: Path) -> None:
    data = drawn_photo(size_px=(800, 600))
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])

    with pytest.raises(PhotoError, match=r"cut\.jpg: is damaged or truncated"):
        open_photo(tmp_path / "cut.jpg", enough_px=64)


def test_the_drawn_photo_is_the_same_every_time_and_differs_by_seed() -> None:
    assert drawn_photo(size_px=(64, 48)) == drawn_photo(size_px=(64, 48))
    assert drawn_photo(size_px=(64, 48)) != drawn_photo(size_px=(64, 48), seed=1)
