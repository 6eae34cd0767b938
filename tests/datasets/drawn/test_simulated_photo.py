"""Simulated smartphone photos."""

import numpy as np
import PIL.Image
import pytest

from edge_identify.datasets.drawn.simulated_photo import View, place_in_view, simulate_photo

GREEN, MAGENTA = (0, 200, 0), (255, 0, 255)


def _quarters(size: tuple[int, int] = (60, 80)) -> PIL.Image.Image:
    """Return an image of four colours, which shows a rotation or reflection."""
    image = PIL.Image.new("RGB", size, "red")
    half = (size[0] // 2, size[1] // 2)
    for colour, corner in (("lime", (half[0], 0)), ("blue", (0, half[1])), ("yellow", half)):
        image.paste(colour, (*corner, corner[0] + half[0], corner[1] + half[1]))
    return image


def test_the_same_seed_gives_the_same_photo_and_another_seed_another() -> None:
    rngs = [np.random.default_rng(seed) for seed in (7, 7, 8)]
    one, same, other = (simulate_photo(_quarters(), rng, long_side_px=200).tobytes() for rng in rngs)
    assert one == same
    assert one != other


def test_the_image_is_left_as_it_was() -> None:
    image = _quarters()
    simulate_photo(image, np.random.default_rng(0), long_side_px=120)
    assert image.tobytes() == _quarters().tobytes()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (40, 30), (900, 1400)])
@pytest.mark.parametrize("difficulty", [0.0, 1.0, 2.0])
def test_any_size_becomes_a_photo_of_four_to_three(size: tuple[int, int], difficulty: float) -> None:
    photo = simulate_photo(
        PIL.Image.new("RGB", size, GREEN), np.random.default_rng(3), difficulty=difficulty, long_side_px=160
    )
    assert photo.mode == "RGB"
    assert photo.size == ((160, 120) if size[0] > size[1] else (120, 160))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK"])
def test_any_mode_becomes_a_photo(mode: str) -> None:
    photo = simulate_photo(_quarters().convert(mode), np.random.default_rng(0), long_side_px=120)
    assert photo.mode == "RGB"


def test_a_steady_hand_in_good_light_shows_the_image_upright_and_in_its_colours() -> None:
    background = PIL.Image.new("RGB", (10, 10), "black")
    rng = np.random.default_rng(0)
    photo = simulate_photo(_quarters(), rng, difficulty=0, background=background, long_side_px=160)
    seen = [photo.getpixel(place) for place in ((30, 40), (90, 40), (30, 120), (90, 120))]
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    assert np.abs(np.array(seen) - colours).max() < 25


@pytest.mark.parametrize("seed", range(12))
def test_the_thing_fills_most_of_an_ordinary_photo_and_leaves_some_margin(seed: int) -> None:
    thing, background = PIL.Image.new("RGB", (60, 80), GREEN), PIL.Image.new("RGB", (30, 30), MAGENTA)
    photo = simulate_photo(thing, np.random.default_rng(seed), background=background, long_side_px=160)
    red, green, _ = (np.asarray(channel, dtype=int) for channel in photo.split())
    assert 0.4 < (green > red).mean() < 0.995


def test_the_background_is_seen_through_transparent_parts() -> None:
    cutout = PIL.Image.new("RGBA", (60, 80), (0, 0, 0, 0))
    cutout.paste((*GREEN, 255), (20, 30, 40, 50))
    background = PIL.Image.new("RGB", (30, 30), MAGENTA)
    photo = simulate_photo(cutout, np.random.default_rng(0), difficulty=0, background=background, long_side_px=160)
    assert np.abs(np.array(photo.getpixel((60, 80))) - GREEN).max() < 25
    assert np.abs(np.array(photo.getpixel((15, 20))) - MAGENTA).max() < 25


def test_a_fine_pattern_does_not_turn_into_stripes() -> None:
    # A large image seen small must be averaged: one pixel black, one white, is grey from afar.
    checks = (np.indices((1200, 900)).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo = simulate_photo(PIL.Image.fromarray(checks), np.random.default_rng(0), difficulty=0, long_side_px=160)
    middle = np.asarray(photo.convert("L"), dtype=int)[40:120, 30:90]
    assert np.abs(middle - 127).max() < 20


def test_a_view_alone_gives_the_geometry_and_leaves_the_pixels_as_they_are() -> None:
    behind = PIL.Image.new("RGB", (200, 200), MAGENTA)
    seen = place_in_view(_quarters((80, 80)), behind, View(fill=0.5, shift_px=(20, -10)))
    colours = {tuple(pixel) for pixel in np.asarray(seen.crop((72, 42, 168, 138))).reshape(-1, 3).tolist()}

    assert {(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)} <= colours
    assert [seen.getpixel(place) for place in ((66, 90), (174, 90), (120, 36), (120, 144))] == [MAGENTA] * 4
    assert seen.getpixel((80, 50)) == (255, 0, 0)


def test_rolling_by_a_quarter_turns_the_corners_and_yaw_brings_one_side_nearer() -> None:
    behind = PIL.Image.new("RGB", (200, 200), MAGENTA)
    rolled = place_in_view(_quarters((80, 80)), behind, View(roll=np.pi / 2, fill=0.8))
    turned = np.asarray(
        place_in_view(PIL.Image.new("RGB", (80, 80), GREEN), behind, View(yaw=0.6, fill=0.8)), dtype=int
    )
    heights = (turned[..., 1] > turned[..., 0]).sum(axis=0)
    left, right = heights[heights > 0][[2, -3]]

    corners = [rolled.getpixel(place) for place in ((50, 50), (150, 50), (150, 150), (50, 150))]
    assert corners == [(0, 0, 255), (255, 0, 0), (0, 255, 0), (255, 255, 0)]  # clockwise
    assert abs(left - right) > 20
