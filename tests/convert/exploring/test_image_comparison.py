"""Copies differ little at their worst place, similar things differ much; crops are found."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.exploring.duplicates import MOST_DIFFERENCE
from edge_identify.convert.exploring.image_alignment import find_overlap, find_place
from edge_identify.convert.exploring.image_comparison import NOTHING_ALIKE, look_of, worst_difference
from edge_identify.datasets.drawn.instances import draw_near_twins


def twins() -> tuple[Image.Image, Image.Image]:
    """Return two mosaics on one wall that differ in a few tiles."""
    pairs = draw_near_twins(np.random.default_rng(3), 4)
    one, other = max(pairs, key=lambda pair: -np.abs(pair[0].pixels.astype(int) - pair[1].pixels).mean())
    return Image.fromarray(one.pixels[..., :3]), Image.fromarray(other.pixels[..., :3])


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def brighter(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) * np.array([0.9, 0.8, 0.7])).astype(np.uint8))


def difference(one: Image.Image, other: Image.Image) -> float:
    return worst_difference(look_of(one.copy()), look_of(other.copy()), enough=0)


COPIES = {
    "compressed": lambda image: jpeg(image, 60),
    "smaller": lambda image: image.resize((90, 90)),
    "larger": lambda image: image.resize((300, 300)),
    "cropped": lambda image: image.crop((12, 9, 140, 138)),
    "tinted": brighter,
}


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_differs_by_little_wherever_one_looks(change: str) -> None:
    original, twin = twins()
    copy = COPIES[change](original)
    assert difference(original, copy) < MOST_DIFFERENCE
    assert difference(copy, original) < MOST_DIFFERENCE
    assert difference(original, copy) < difference(twin, copy)


def test_one_tile_of_another_colour_is_another_image() -> None:
    original, _ = twins()
    changed = original.copy()
    changed.paste((255, 0, 200), (60, 60, 67, 67))
    assert difference(original, changed) > MOST_DIFFERENCE
    assert difference(original, jpeg(changed, 60)) > MOST_DIFFERENCE


def test_images_that_share_nothing_are_not_compared_any_further() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2, 80, 80, 3), dtype=np.uint8)
    assert difference(Image.fromarray(noise[0]), Image.fromarray(noise[1])) == NOTHING_ALIKE
    blank = Image.new("RGB", (80, 80), "white")
    assert difference(blank, Image.fromarray(noise[0])) == NOTHING_ALIKE


@pytest.mark.parametrize("box", [(0, 0, 144, 144), (14, 0, 144, 144), (5, 13, 131, 129), (0, 20, 144, 134)])
def test_the_part_that_was_kept_is_found_to_a_pixel(box: tuple[int, int, int, int]) -> None:
    coarse = np.random.default_rng(7).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    original = Image.fromarray(coarse).resize((144, 144), Image.Resampling.BICUBIC)
    part = original.crop(box)
    place = find_place(original, part)
    assert place is not None
    overlap = find_overlap(original, part, place)
    assert overlap is not None
    assert np.array(overlap.one) * 144 == pytest.approx(box, abs=1.0)
    turned = find_place(part, original)
    assert turned is not None
    swapped = find_overlap(part, original, turned)
    assert swapped is not None
    assert np.array(swapped.other) * 144 == pytest.approx(box, abs=1.0)
