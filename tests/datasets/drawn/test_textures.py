"""Random surfaces."""

import numpy as np
import pytest

from edge_identify.datasets.drawn.textures import as_image, draw_surface, grain, smooth_noise


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 48)])
def test_noise_and_surfaces_have_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    width, height = size
    rng = np.random.default_rng(0)
    assert smooth_noise(rng, size, cells=4, channels=2).shape == (height, width, 2)
    assert grain(rng, size, strength=3).shape == (height, width, 1)
    assert draw_surface(rng, size).size == size


def test_smooth_noise_varies_slowly() -> None:
    noise = smooth_noise(np.random.default_rng(0), (200, 200), cells=4)[..., 0]
    assert noise.dtype == np.float32
    assert np.abs(np.diff(noise, axis=0)).max() < 0.15 * (noise.max() - noise.min())


def test_values_outside_the_range_are_clipped_and_others_rounded() -> None:
    pixels = np.array([[[-5, 0.4, 0.6], [254.6, 255, 300]]], dtype=np.float32)
    assert np.asarray(as_image(pixels)).tolist() == [[[0, 0, 1], [255, 255, 255]]]
