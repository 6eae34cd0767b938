"""The choice of calibration photos, and that it is deterministic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_identify.convert.calibrating import calibration_photos
from edge_identify.convert.calibrating.calibration_photos import CalibrationPhotos, choose_photos
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

RECIPE = Preprocessing(size_px=16, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)
Draw = Callable[..., list[CatalogueImage]]


@pytest.fixture(autouse=True)
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS", 3)


def pixels_of(photos: CalibrationPhotos) -> NDArray[np.uint8]:
    return np.stack([np.asarray(each.draw(), np.uint8) for each in photos.inputs])


def test_a_few_references_are_photographed_several_times_and_drawn_things_beside_them(draw_images: Draw) -> None:
    photos = choose_photos(draw_images(3, each=2), RECIPE)
    pixels = pixels_of(photos)

    assert Counter(photos.reference_ids) == {"reference-0": 8, "reference-1": 8, "reference-2": 8, None: 3}
    assert pixels.shape == (27, 1, 16, 16, 3)
    assert len({photo.tobytes() for photo in pixels}) == 27
    assert len({each.key for each in photos.inputs}) == 27
    assert min(photos.difficulties) >= 0.5
    assert max(photos.difficulties) <= 2
    assert np.ptp(photos.difficulties) > 1


def test_of_many_references_some_are_photographed_once(draw_images: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_photos, "MOST_PHOTOS", 4)

    images = draw_images(9)
    photos = choose_photos(images, RECIPE)
    with_one_more = choose_photos(draw_images(10), RECIPE)

    assert len(set(photos.reference_ids[:4])) == 4
    assert photos.reference_ids[4:] == (None, None, None)
    assert len(set(photos.reference_ids) & set(with_one_more.reference_ids)) >= 4  # three of four, and None


def test_the_same_catalogue_gives_the_same_photos(draw_images: Draw) -> None:
    images = draw_images(2)

    once, again = choose_photos(images, RECIPE), choose_photos(images[::-1], RECIPE)

    assert np.array_equal(pixels_of(once), pixels_of(again))
    assert [each.key for each in once.inputs] == [each.key for each in again.inputs]
    assert once.difficulties == again.difficulties


def test_an_image_that_has_vanished_is_named(draw_images: Draw) -> None:
    images = draw_images(2)
    images[0].path.unlink()

    with pytest.raises(PhotoError, match=r"0\.png"):
        pixels_of(choose_photos(images, RECIPE))
