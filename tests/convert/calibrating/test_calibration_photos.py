"""The choice of calibration photos, and that it is deterministic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from edge_identify.convert.calibrating import calibration_photos
from edge_identify.convert.calibrating.calibration_photos import take_photos
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

RECIPE = Preprocessing(size_px=16, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)
Draw = Callable[..., list[CatalogueImage]]


@pytest.fixture(autouse=True)
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS", 3)


def test_a_few_references_are_photographed_several_times_and_drawn_things_beside_them(draw_images: Draw) -> None:
    photos = take_photos(draw_images(3, each=2), RECIPE)

    assert Counter(photos.reference_ids) == {"reference-0": 8, "reference-1": 8, "reference-2": 8, None: 3}
    assert photos.pixels.shape == (27, 1, 16, 16, 3)
    assert photos.pixels.dtype == np.uint8
    assert len({pixels.tobytes() for pixels in photos.pixels}) == 27
    assert min(photos.difficulties) >= 0.5
    assert max(photos.difficulties) <= 2
    assert np.ptp(photos.difficulties) > 1


def test_of_many_references_some_are_photographed_once(draw_images: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_photos, "MOST_PHOTOS", 4)

    photos = take_photos(draw_images(9), RECIPE)

    assert photos.reference_ids == ("reference-0", "reference-3", "reference-5", "reference-8", None, None, None)


def test_the_same_catalogue_gives_the_same_photos(draw_images: Draw) -> None:
    images = draw_images(2)

    once, again = take_photos(images, RECIPE), take_photos(images[::-1], RECIPE)

    assert np.array_equal(once.pixels, again.pixels)
    assert once.difficulties == again.difficulties


def test_an_image_that_has_vanished_is_named(draw_images: Draw) -> None:
    images = draw_images(2)
    images[0].path.unlink()

    with pytest.raises(PhotoError, match=r"0\.png"):
        take_photos(images, RECIPE)
