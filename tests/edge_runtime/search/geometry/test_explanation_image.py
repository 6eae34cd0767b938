"""The explanation shows both images whole, the agreeing points, and the outline."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from drawn_views import label, photo_of
from edge_identify.edge_runtime.search.geometry.explanation_image import CAPTION_PX, LEAST_SIDE_PX, MARGIN_PX, explain
from edge_identify.edge_runtime.search.geometry.point_agreement import find_agreement
from edge_identify.edge_runtime.search.geometry.sift_points import find_points
from edge_identify.edge_runtime.search.geometry.verifier import Comparison

CORNERS = np.array([(150, 100), (450, 120), (440, 350), (140, 330)], float)
GREEN = np.array([0, 200, 83])


def comparison(reference: Image.Image | None = None, *, agrees: bool = True) -> Comparison:
    photo, shown = photo_of(label(0), CORNERS), reference or label(0)
    agreement = find_agreement(find_points(photo), find_points(shown)) if agrees else None
    assert (agreement is not None) == agrees
    return Comparison(photo=photo, reference=shown, agreement=agreement)


def drawn(of: Comparison) -> Image.Image:
    image = Image.open(io.BytesIO(explain(of)))
    assert image.format == "PNG"
    image.load()
    return image


def green(image: Image.Image) -> np.ndarray:
    return np.asarray(np.all(np.abs(np.asarray(image).astype(int) - GREEN) < 3, axis=-1))


def test_the_image_is_as_large_as_it_says() -> None:
    image = drawn(comparison())  # the label of 240 x 180 is enlarged

    assert image.size == (640 + LEAST_SIDE_PX + 3 * MARGIN_PX, 480 + 2 * MARGIN_PX + CAPTION_PX)


def test_the_outline_runs_where_the_reference_lies_in_the_photo() -> None:
    is_green = green(drawn(comparison()))

    for (x, y), (next_x, next_y) in zip(CORNERS, np.roll(CORNERS, -1, axis=0), strict=True):
        for share in (0.25, 0.5, 0.75):
            across = round(x + share * (next_x - x)) + MARGIN_PX
            down = round(y + share * (next_y - y)) + MARGIN_PX
            assert is_green[down - 8 : down + 9, across - 8 : across + 9].any()
    assert not is_green[:, MARGIN_PX + 640 :].any(), "the outline is of the photo, and ends at its edge"


def test_lines_join_the_points_that_agree() -> None:
    with_lines, without = (np.asarray(drawn(comparison(agrees=agrees))) for agrees in (True, False))
    between = slice(MARGIN_PX + 640 + 2, MARGIN_PX + 640 + MARGIN_PX - 2)  # paper that only lines cross

    assert (without[MARGIN_PX : MARGIN_PX + 480, between] == 255).all()
    crossed = (with_lines[MARGIN_PX : MARGIN_PX + 480, between] != 255).any(axis=(1, 2))
    assert 10 <= crossed.sum() < 300


def test_without_agreement_or_thumbnail_both_places_are_shown_and_the_caption_says_so() -> None:
    nothing = drawn(comparison(agrees=False))
    missing = drawn(Comparison(photo=label(1), reference=None, agreement=None))

    assert not green(nothing).any()
    assert missing.size == (240 + LEAST_SIDE_PX + 3 * MARGIN_PX, LEAST_SIDE_PX + 2 * MARGIN_PX + CAPTION_PX)
    for image in (nothing, missing):
        caption = np.asarray(image)[-CAPTION_PX:]
        assert (caption < 100).any()


def test_a_reference_that_reaches_beyond_the_photo_is_cut_at_its_edge() -> None:
    corners = np.array([(0, 0), (240, 0), (240, 180), (0, 180)], float) * 3 + (100, 100)
    photo = photo_of(label(0), corners)
    agreement = find_agreement(find_points(photo), find_points(label(0)))
    assert agreement is not None

    image = drawn(Comparison(photo=photo, reference=label(0), agreement=agreement))

    assert not green(image)[:, MARGIN_PX + 640 :].any()
    assert green(image).any()


def test_the_same_comparison_gives_the_same_bytes() -> None:
    assert explain(comparison()) == explain(comparison())
