"""Preprocessing gives the same pixels for references and photos, on every Pillow and every platform."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.photos.preprocessing import (
    Interpolation,
    Preprocessing,
    ResizeMode,
    enough_px,
    image_views,
    kept_box,
    preprocess,
)


def recipe(size_px: int = 32, mode: ResizeMode = ResizeMode.SHORTEST_SIDE) -> Preprocessing:
    return Preprocessing(size_px=size_px, resize_mode=mode, interpolation=Interpolation.BICUBIC)


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("width", "height"), [(64, 48), (48, 64), (31, 200), (200, 31), (32, 32), (7, 5), (333, 500), (3, 90)]
)
def test_only_the_kept_part_is_resized_and_the_pixels_are_those_of_resizing_all_and_cropping(
    width: int, height: int
) -> None:
    image, size = noise(width, height), 32
    scaled_width = size if width <= height else size * width // height
    scaled_height = size if height <= width else size * height // width
    whole = image.resize((scaled_width, height), Image.Resampling.BICUBIC)
    whole = whole.resize((scaled_width, scaled_height), Image.Resampling.BICUBIC)
    left, top = (scaled_width - size) // 2, (scaled_height - size) // 2
    expected = np.asarray(whole.crop((left, top, left + size, top + size)), dtype=np.int16)

    found = preprocess(image, recipe()).astype(np.int16)

    assert np.abs(found - expected).max() <= 1  # the box's offsets are 32-bit floats inside Pillow


def test_an_image_of_one_pixel_becomes_a_square_of_its_colour() -> None:
    pixels = preprocess(Image.new("RGB", (1, 1), (10, 200, 30)), recipe())

    assert pixels.shape == (32, 32, 3)
    assert (pixels == (10, 200, 30)).all()


def test_an_image_a_hundred_thousand_times_taller_than_wide_takes_no_memory_to_speak_of() -> None:
    assert preprocess(Image.new("RGB", (1, 100_000), (1, 2, 3)), recipe()).shape == (32, 32, 3)


def test_squash_keeps_the_corners_that_shortest_side_cuts_off() -> None:
    image = Image.new("RGB", (90, 30))
    image.paste((255, 0, 0), (0, 0, 20, 30))

    squashed = preprocess(image, recipe(mode=ResizeMode.SQUASH))
    cut = preprocess(image, recipe())

    assert squashed[16, 0, 0] == 255
    assert cut[16, 0, 0] == 0


@pytest.mark.parametrize(("width", "height"), [(101, 100), (100, 101), (1000, 3)])
def test_the_kept_box_lies_inside_the_image(width: int, height: int) -> None:
    left, top, right, bottom = kept_box((width, height), recipe())

    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_both_filters_exist_and_differ() -> None:
    bilinear = Preprocessing(size_px=32, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BILINEAR)

    assert (preprocess(noise(64, 64), bilinear) != preprocess(noise(64, 64), recipe())).any()


def test_the_views_of_a_photo_are_its_middle_nearer_and_nearer() -> None:
    image = noise(160, 120)
    views = image_views(image, replace(recipe(), photo_views=(1.0, 0.8, 0.5)))

    assert views.shape == (3, 32, 32, 3)
    assert (views[0] == preprocess(image, recipe())).all()
    left, top, right, bottom = kept_box(image.size, recipe())
    for view, hidden in ((views[1], 0.1), (views[2], 0.25)):  # on each side
        across, down = hidden * (right - left), hidden * (bottom - top)
        box = (left + across, top + down, right - across, bottom - down)
        expected = image.resize((32, 32), Image.Resampling.BICUBIC, box=box)
        assert np.abs(view.astype(np.int16) - np.asarray(expected)).max() <= 1


def test_a_nearer_view_of_a_squashed_photo_keeps_its_proportions() -> None:
    image = noise(200, 80)
    (view,) = image_views(image, replace(recipe(mode=ResizeMode.SQUASH), photo_views=(0.5,)))

    expected = image.resize((32, 32), Image.Resampling.BICUBIC, box=(50, 20, 150, 60))
    assert np.abs(view.astype(np.int16) - np.asarray(expected)).max() <= 1


def test_a_photo_keeps_enough_pixels_for_its_nearest_view() -> None:
    assert enough_px(recipe(100)) == 200
    assert enough_px(replace(recipe(100), photo_views=(1.0, 0.85, 0.7))) == 286
