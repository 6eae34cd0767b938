"""Plain backdrops are removed; other images stay unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_identify.convert.calibrating.backdrop_removal import cut_out


def carton(backdrop: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    image = Image.new("RGB", (300, 200), backdrop)
    draw = ImageDraw.Draw(image)
    draw.rectangle((100, 40, 199, 199), fill=(200, 30, 30))  # stands on the lower edge
    draw.rectangle((130, 80, 160, 110), fill=backdrop)  # a label in the backdrop's colour
    return image


@pytest.mark.parametrize("backdrop", [(255, 255, 255), (12, 90, 160)])
def test_the_backdrop_goes_and_the_same_colour_inside_the_thing_stays(backdrop: tuple[int, int, int]) -> None:
    seen = np.asarray(cut_out(carton(backdrop)))

    inside = np.zeros((200, 300), dtype=bool)
    inside[40:200, 100:200] = True
    assert np.array_equal(seen[..., 3] == 255, inside)
    assert tuple(seen[90, 140, :3]) == backdrop


def test_a_winding_backdrop_is_followed_around_corners() -> None:
    image = Image.new("RGB", (60, 60), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.line([(10, 10), (50, 10), (50, 50), (10, 50), (10, 20), (40, 20), (40, 40), (20, 40)], fill=(0, 0, 0), width=3)

    seen = np.asarray(cut_out(image))

    assert seen[15, 30, 3] == 0  # open to the outside only through the gap at the upper left
    assert seen[30, 30, 3] == 0  # the innermost room of the spiral


def test_noise_as_a_camera_s_or_jpeg_s_does_not_keep_the_backdrop() -> None:
    noise = np.random.default_rng(0).normal(0, 4, (200, 300, 3))
    image = Image.fromarray(np.clip(np.asarray(carton()) + noise, 0, 255).astype(np.uint8))

    share = (np.asarray(cut_out(image))[..., 3] == 0).mean()

    assert share == pytest.approx(1 - 0.5 * 160 / 300 * 100 / 100, abs=0.01)


@pytest.mark.parametrize("kind", ["no backdrop", "nothing on it", "a hairline frame"])
def test_other_images_are_left_as_they_are(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (200, 200, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    if kind == "nothing on it":
        image = Image.new("RGB", (200, 200), (250, 250, 250))
    if kind == "a hairline frame":
        ImageDraw.Draw(image).rectangle((0, 0, 199, 199), outline=(255, 255, 255))

    assert cut_out(image) is image


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (2, 2), (3000, 2)])
def test_the_smallest_images_are_no_fault(size: tuple[int, int]) -> None:
    assert cut_out(Image.new("RGB", size, (9, 9, 9))).size == size
