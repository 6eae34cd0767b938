"""Effects between a scene and a phone's file."""

import io
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest

from edge_identify.datasets.drawn.photo_effects import blur, compress, light, occlude, sensor_noise
from edge_identify.datasets.drawn.textures import draw_surface

Effect = Callable[[PIL.Image.Image, np.random.Generator, float], PIL.Image.Image]


def _scene() -> PIL.Image.Image:
    scene = draw_surface(np.random.default_rng(1), (120, 90))
    scene.paste("white", (30, 20, 60, 70))
    return scene


def _difference(one: PIL.Image.Image, other: PIL.Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def compressed(image: PIL.Image.Image, rng: np.random.Generator, difficulty: float) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(compress(image, rng, difficulty)))


@pytest.mark.parametrize("effect", [light, blur, sensor_noise, compressed])
def test_an_effect_keeps_the_size_and_the_original_and_grows_with_difficulty(effect: Effect) -> None:
    scene, untouched = _scene(), _scene()
    by_difficulty = []
    for difficulty in (0.0, 1.0, 3.0):
        changed = [effect(scene, np.random.default_rng(seed), difficulty) for seed in range(8)]
        assert all((image.size, image.mode) == (scene.size, "RGB") for image in changed)
        by_difficulty.append(np.mean([_difference(image, scene) for image in changed]))
    assert by_difficulty[0] < by_difficulty[1] < by_difficulty[2]
    assert by_difficulty[0] < 3  # grey levels: JPEG at its best still rounds
    assert _difference(scene, untouched) == 0


def test_nothing_stands_in_front_without_a_chance() -> None:
    scene = _scene()
    assert occlude(scene, np.random.default_rng(0), chance=0) is scene


def test_what_stands_in_front_covers_something_but_never_most() -> None:
    scene = PIL.Image.new("RGB", (160, 120), (255, 0, 255))
    for seed in range(60):
        covered = occlude(scene, np.random.default_rng(seed), chance=1)
        changed = (np.abs(np.asarray(covered, dtype=int) - np.asarray(scene)).max(axis=2) > 60).mean()
        assert changed < 0.25
    assert covered.size == scene.size
