"""The photos for a pack's self-test."""

import io

import numpy as np
import PIL.Image

from edge_identify.datasets.drawn.demo import draw_conformance_photos
from edge_identify.edge_runtime.photos.images import decode_image


def test_three_small_photos_cover_what_clients_get_wrong() -> None:
    (plain, plain_data), (turned, turned_data), (transparent, transparent_data) = draw_conformance_photos()
    assert (plain, turned, transparent) == ("plain.jpg", "turned.jpg", "transparent.png")
    assert PIL.Image.open(io.BytesIO(plain_data)).getexif()[0x0112] == 1
    stored = PIL.Image.open(io.BytesIO(turned_data))
    assert stored.getexif()[0x0112] == 6
    assert decode_image(turned_data, name=turned).size == stored.size[::-1] != stored.size
    alpha = np.asarray(PIL.Image.open(io.BytesIO(transparent_data)).getchannel("A"))
    assert (alpha == 0).any()
    assert (alpha == 255).any()
    assert ((alpha > 0) & (alpha < 255)).any()


def test_they_are_small() -> None:
    for name, data in draw_conformance_photos(seed=1):
        assert len(data) < 12_000
        assert max(decode_image(data, name=name).size) <= 160


def test_dropping_the_transparency_would_show() -> None:
    name, data = draw_conformance_photos()[2]
    laid_over_white = np.asarray(decode_image(data, name=name))
    dropped = np.asarray(PIL.Image.open(io.BytesIO(data)))[..., :3]
    assert laid_over_white[0, 0].tolist() == [255, 255, 255]
    assert dropped[0, 0].tolist() == [255, 0, 255]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert draw_conformance_photos(5) == draw_conformance_photos(5)
    assert draw_conformance_photos(5) != draw_conformance_photos(6)
