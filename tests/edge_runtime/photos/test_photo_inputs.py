"""Photos as a program holds them: the pixels and the position are those of the photo's file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input


def encoded(image: Image.Image, form: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, form, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L", "I;16", "1"])
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_a_pillow_image_has_the_pixels_of_its_file(mode: str, orientation: int) -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2**16 if mode == "I;16" else 256, (6, 9), dtype=np.uint16 if mode == "I;16" else np.uint8)
    image = Image.fromarray(values)
    if mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(Image.fromarray(values))
    elif mode != "I;16":
        image = image.convert(mode)
    data = encoded(image, "PNG", orientation)

    with Image.open(io.BytesIO(data)) as opened:
        given = open_photo_input(opened).decode(enough_px=None)
    read = open_photo_input(data).decode(enough_px=None)

    assert (given.image.mode, given.full_size) == ("RGB", read.full_size)
    assert given.image.tobytes() == read.image.tobytes()


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_cut_off_pillow_image_is_an_error_of_the_photo(form: str) -> None:
    data = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), form)

    with Image.open(io.BytesIO(data[: len(data) // 2])) as cut, pytest.raises(PhotoError, match="cut short"):
        open_photo_input(cut).decode(enough_px=None)


def test_an_array_is_read_whatever_its_layout() -> None:
    array = np.random.default_rng(2).integers(0, 256, (5, 7, 3), dtype=np.uint8)

    for view in (array, array[::-1, ::-1], np.asfortranarray(array)):
        assert np.array_equal(np.asarray(open_photo_input(view).decode(enough_px=None).image), view)


def test_an_image_beyond_the_limit_is_refused_before_its_pixels_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_identify.edge_runtime.photos.images.MAX_PIXELS", 2_000_000)
    with pytest.raises(PhotoError, match="2000 x 1001 pixels"):
        open_photo_input(Image.new("RGB", (2000, 1001))).decode(enough_px=None)
