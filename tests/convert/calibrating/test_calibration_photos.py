"""The choice of calibration photos, and that it is deterministic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.caching.build_cache import BuildCache, temporary_cache
from edge_identify.convert.calibrating import calibration_photos
from edge_identify.convert.calibrating.calibration_photos import CalibrationPhoto, choose_photos, have_plain_backdrops
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.datasets.drawn import simulated_photo
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

RECIPE = Preprocessing(size_px=16, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)
Draw = Callable[..., list[CatalogueImage]]


@pytest.fixture(autouse=True)
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS", 3)
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS_FOR_POINTS", 2)
    monkeypatch.setattr(calibration_photos, "MOST_PHOTOS_FOR_POINTS", 5)
    monkeypatch.setattr(simulated_photo, "_LEAST_LONG_SIDE_PX", 64)  # larger ones take longer and show no more


@pytest.fixture
def cache() -> Iterator[BuildCache]:
    with temporary_cache() as cache:
        yield cache


def pixels_of(photos: Sequence[CalibrationPhoto]) -> list[bytes]:
    return [photo.as_input(RECIPE).draw().tobytes() for photo in photos]


def product(image: CatalogueImage) -> CatalogueImage:
    """Put a plain backdrop around an image."""
    with Image.open(image.path) as opened:
        shown = opened.convert("RGB")
    page = Image.new("RGB", (120, 120), "white")
    page.paste(shown, (30, 30))
    page.save(image.path)
    return CatalogueImage(
        index_id=image.index_id, reference_id=image.reference_id, sha256=sha256_of_file(image.path), path=image.path
    )


def test_a_few_references_are_photographed_several_times_and_drawn_things_beside_them(
    draw_images: Draw, cache: BuildCache
) -> None:
    photos = choose_photos(draw_images(3, each=2), RECIPE, cache)
    difficulties = [photo.difficulty for photo in photos]

    assert Counter(photo.reference_id for photo in photos) == {
        "reference-0": 8, "reference-1": 8, "reference-2": 8, None: 3,
    }  # fmt: skip
    assert photos[0].as_input(RECIPE).draw().shape == (1, 16, 16, 3)
    assert len(set(pixels_of(photos))) == 27
    assert len({photo.key for photo in photos}) == 27
    assert min(difficulties) >= 0.5
    assert max(difficulties) <= 2
    assert np.ptp(difficulties) > 1
    assert all(photo.is_realistic for photo in photos)


def test_a_photo_that_is_used_twice_is_simulated_once(
    draw_images: Draw, cache: BuildCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = choose_photos(draw_images(3), RECIPE, cache)[0]
    first = photo.draw().tobytes()
    monkeypatch.setattr(calibration_photos, "simulate_jpeg", None)

    assert photo.draw().tobytes() == first


def test_points_are_compared_of_some_photos_of_either_kind(draw_images: Draw, cache: BuildCache) -> None:
    photos = choose_photos(draw_images(3), RECIPE, cache)

    compared = Counter(photo.reference_id is not None for photo in photos if photo.has_points)

    assert compared == {True: 5, False: 2}


def test_of_many_references_some_are_photographed_once(
    draw_images: Draw, cache: BuildCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_photos, "MOST_PHOTOS", 4)

    shown = [photo.reference_id for photo in choose_photos(draw_images(9), RECIPE, cache)]
    with_one_more = [photo.reference_id for photo in choose_photos(draw_images(10), RECIPE, cache)]

    assert len(set(shown[:4])) == 4
    assert shown[4:] == [None, None, None]
    assert len(set(shown) & set(with_one_more)) >= 4  # three of four, and None


def test_the_same_catalogue_gives_the_same_photos(draw_images: Draw, cache: BuildCache) -> None:
    images = draw_images(2)

    once, again = choose_photos(images, RECIPE, cache), choose_photos(images[::-1], RECIPE, cache)

    assert pixels_of(once) == pixels_of(again)
    for field in ("key", "reference_id", "difficulty", "is_realistic", "has_points"):
        assert [getattr(photo, field) for photo in once] == [getattr(photo, field) for photo in again]


def test_photos_of_products_are_harder_and_only_the_harder_ones_are_realistic(
    draw_images: Draw, cache: BuildCache
) -> None:
    flat, *others = draw_images(3)
    photos = choose_photos([flat, *(product(image) for image in others)], RECIPE, cache)

    of_products = [photo for photo in photos if photo.reference_id in {"reference-1", "reference-2"}]
    of_flat_art = [photo for photo in photos if photo.reference_id == "reference-0"]

    assert max(photo.difficulty for photo in of_flat_art) < 2 < max(photo.difficulty for photo in of_products)
    assert all(photo.is_realistic for photo in of_flat_art)
    assert {photo.is_realistic for photo in of_products} == {True, False}
    easiest = min(photo.difficulty for photo in of_products if photo.is_realistic)
    assert all(photo.difficulty < easiest for photo in of_products if not photo.is_realistic)


def test_which_images_have_a_plain_backdrop_is_kept(draw_images: Draw, cache: BuildCache) -> None:
    flat, other = draw_images(2)
    shown = [flat, product(other)]

    assert have_plain_backdrops(shown, cache) == {shown[1].sha256}

    for image in shown:
        image.path.unlink()
    assert have_plain_backdrops(shown, cache) == {shown[1].sha256}


def test_an_image_that_has_vanished_is_named(draw_images: Draw, cache: BuildCache) -> None:
    images = draw_images(2)
    images[0].path.unlink()

    with pytest.raises(PhotoError, match=r"0\.png"):
        choose_photos(images, RECIPE, cache)


def test_an_image_that_vanishes_before_its_photo_is_drawn_is_named(draw_images: Draw, cache: BuildCache) -> None:
    images = draw_images(2)
    photos = choose_photos(images, RECIPE, cache)
    images[0].path.unlink()

    with pytest.raises(PhotoError, match=r"0\.png"):
        pixels_of(photos)
