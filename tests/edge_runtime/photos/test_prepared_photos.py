"""A photo prepared in a thread equals one prepared directly, and its errors are raised by `result`."""

from __future__ import annotations

import io
import threading
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import prepared_photos
from edge_identify.edge_runtime.photos.images import decode_photo
from edge_identify.edge_runtime.photos.prepared_photos import PhotoInPreparation, prepare_photo
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo

RECIPE = Preprocessing(size_px=32, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(drawn_photo(size_px=(640, 480)))
    return path


def test_a_photo_prepared_in_a_thread_has_the_same_pixels(photo: Path) -> None:
    with PhotoInPreparation(partial(prepare_photo, photo, RECIPE)) as preparing:
        pixels = preparing.result().pixels

    assert pixels.shape == (1, 32, 32, 3)
    assert np.array_equal(pixels, prepare_photo(photo, RECIPE).pixels)


def test_a_photo_that_cannot_be_used_says_so_when_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not a photo")

    with (
        PhotoInPreparation(partial(prepare_photo, tmp_path / "note.jpg", RECIPE)) as preparing,
        pytest.raises(PhotoError, match=r"note\.jpg: is not an image"),
    ):
        preparing.result()


def test_a_fault_in_the_thread_is_raised_and_not_printed(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> object:
        raise RuntimeError("a fault of this program")

    monkeypatch.setattr(prepared_photos, "open_photo", fails)

    with (
        PhotoInPreparation(partial(prepare_photo, photo, RECIPE)) as preparing,
        pytest.raises(RuntimeError, match="a fault of this program"),
    ):
        preparing.result()


def test_nothing_is_left_running_when_the_encoder_cannot_be_loaded(photo: Path) -> None:
    filters = list(warnings.filters)

    with pytest.raises(OSError, match="no encoder"), PhotoInPreparation(partial(prepare_photo, photo, RECIPE)):
        raise OSError("no encoder")

    assert "photo" not in {thread.name for thread in threading.enumerate()}
    assert list(warnings.filters) == filters


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("enough_px", [None, 64])
def test_a_jpeg_decoded_in_one_go_has_the_pixels_of_one_decoded_piece_by_piece(
    progressive: bool, enough_px: int | None
) -> None:
    buffer = io.BytesIO()
    drawn = Image.open(io.BytesIO(drawn_photo(size_px=(1600, 1200))))
    drawn.save(buffer, format="JPEG", quality=95, progressive=progressive)
    assert len(buffer.getvalue()) > 2 * 65_536, "the decoder would take it in one piece anyway"

    in_pieces = Image.open(io.BytesIO(buffer.getvalue()))
    if enough_px is not None:
        in_pieces.draft(None, (enough_px, enough_px))
    in_one = decode_photo(buffer.getvalue(), name="drawn", enough_px=enough_px).image

    assert np.array_equal(np.asarray(in_one), np.asarray(in_pieces))


def test_a_jpeg_cut_short_is_refused_although_it_is_decoded_in_one_go() -> None:
    with pytest.raises(PhotoError, match="is damaged or truncated"):
        decode_photo(drawn_photo(size_px=(1600, 1200))[:150_000], name="cut", enough_px=None)
