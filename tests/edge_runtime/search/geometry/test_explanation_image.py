"""The explanation shows both images whole and equally high, their titles, the agreeing points, and the outline."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from drawn_views import label, photo_of
from edge_identify.edge_runtime.search.geometry.explanation_image import (
    HEIGHT_PX,
    LINE_PX,
    MARGIN_PX,
    MOST_WIDTH_PX,
    explain,
)
from edge_identify.edge_runtime.search.geometry.point_agreement import find_agreement
from edge_identify.edge_runtime.search.geometry.sift_points import find_points
from edge_identify.edge_runtime.search.geometry.verifier import Comparison

CORNERS = np.array([(150, 100), (450, 120), (440, 350), (140, 330)], float)
GREEN = np.array([0, 200, 83])
SHOWN_PX = HEIGHT_PX * 4 // 3  # width of a 4 : 3 image: that of the photo and of the label
TOP = MARGIN_PX + LINE_PX


def comparison(*, agrees: bool = True) -> Comparison:
    photo, shown = photo_of(label(0), CORNERS), label(0)
    agreement = find_agreement(find_points(photo), find_points(shown)) if agrees else None
    assert (agreement is not None) == agrees
    return Comparison(photo=photo, reference=shown, reference_size=shown.size, agreement=agreement)


def drawn(of: Comparison, name: str = "Seated cat, bronze", decision: str = "identified, sure (98%)") -> Image.Image:
    image = Image.open(io.BytesIO(explain(of, name=name, decision=decision)))
    assert image.format == "PNG"
    image.load()
    return image


def green(image: Image.Image) -> np.ndarray:
    return np.asarray(np.all(np.abs(np.asarray(image).astype(int) - GREEN) < 3, axis=-1))


def test_photo_and_reference_are_equally_high_whatever_their_sizes() -> None:
    image = drawn(comparison())  # 640 x 480 and 240 x 180

    assert image.size == (2 * SHOWN_PX + 3 * MARGIN_PX, HEIGHT_PX + 2 * MARGIN_PX + 2 * LINE_PX)


def test_a_wide_image_is_fitted_to_the_width() -> None:
    wide = Image.new("RGB", (3000, 100), "navy")

    image = drawn(Comparison(photo=wide, reference=wide, reference_size=wide.size, agreement=None))

    assert image.width == 2 * MOST_WIDTH_PX + 3 * MARGIN_PX


def test_the_outline_runs_where_the_reference_lies_in_the_photo() -> None:
    is_green, scale = green(drawn(comparison())), HEIGHT_PX / 480

    for (x, y), (next_x, next_y) in zip(CORNERS, np.roll(CORNERS, -1, axis=0), strict=True):
        for share in (0.25, 0.5, 0.75):
            across = round((x + share * (next_x - x)) * scale) + MARGIN_PX
            down = round((y + share * (next_y - y)) * scale) + TOP
            assert is_green[down - 8 : down + 9, across - 8 : across + 9].any()
    assert not is_green[:, MARGIN_PX + SHOWN_PX :].any(), "the outline is of the photo, and ends at its edge"


def test_lines_join_the_points_that_agree() -> None:
    with_lines, without = (np.asarray(drawn(comparison(agrees=agrees))) for agrees in (True, False))
    between = slice(MARGIN_PX + SHOWN_PX + 2, 2 * MARGIN_PX + SHOWN_PX - 2)  # paper that only lines cross

    assert (without[TOP : TOP + HEIGHT_PX, between] == 255).all()
    crossed = (with_lines[TOP : TOP + HEIGHT_PX, between] != 255).any(axis=(1, 2))
    assert 10 <= crossed.sum() < 300


def ink(image: Image.Image, rows: slice, columns: slice) -> int:
    return int((np.asarray(image)[rows, columns] < 100).all(axis=-1).sum())


def test_titles_and_decision_are_written_in_full_with_their_spaces() -> None:
    over_photo, over_reference = slice(0, SHOWN_PX), slice(SHOWN_PX + 2 * MARGIN_PX, None)
    titles, below = slice(0, TOP - 2), slice(TOP + HEIGHT_PX + 1, None)
    spaced, joined = drawn(comparison(), name="a a a a a a"), drawn(comparison(), name="aaaaaa")

    for image in (spaced, joined):
        assert ink(image, titles, over_photo) > 20
        assert ink(image, titles, over_reference) > 50
        assert ink(image, below, slice(None)) > 200

    def last_ink(image: Image.Image) -> int:
        dark = (np.asarray(image)[titles, over_reference] < 100).all(axis=-1).any(axis=0)
        return int(np.flatnonzero(dark).max())

    assert last_ink(spaced) > last_ink(joined) + 15


def test_a_long_name_is_cut_and_a_decision_changes_the_picture() -> None:
    long = drawn(comparison(), name="cat " * 200)

    assert long.size == drawn(comparison()).size
    assert ink(long, slice(0, TOP - 2), slice(-MARGIN_PX, None)) == 0
    assert explain(comparison(), name="a", decision="unknown") != explain(comparison(), name="a", decision="ambiguous")


def test_without_agreement_or_thumbnail_both_places_are_shown() -> None:
    nothing = drawn(comparison(agrees=False))
    missing = drawn(Comparison(photo=label(1), reference=None, reference_size=(384, 288), agreement=None))

    assert not green(nothing).any()
    assert missing.size == nothing.size
    assert np.asarray(missing)[TOP + 5, -MARGIN_PX - 5].tolist() == [0xDD] * 3


def test_points_are_drawn_where_the_pack_has_descriptors_and_no_picture() -> None:
    found = comparison()

    image = drawn(
        Comparison(photo=found.photo, reference=None, reference_size=found.reference_size, agreement=found.agreement)
    )

    reference = np.asarray(image)[TOP : TOP + HEIGHT_PX, SHOWN_PX + 2 * MARGIN_PX : -MARGIN_PX]
    assert (reference != 0xDD).any(axis=-1).sum() > 500


def test_a_reference_that_reaches_beyond_the_photo_is_cut_at_its_edge() -> None:
    corners = np.array([(0, 0), (240, 0), (240, 180), (0, 180)], float) * 3 + (100, 100)
    photo = photo_of(label(0), corners)
    agreement = find_agreement(find_points(photo), find_points(label(0)))
    assert agreement is not None

    of = Comparison(photo=photo, reference=label(0), reference_size=label(0).size, agreement=agreement)
    image = drawn(of)

    assert not green(image)[:, MARGIN_PX + SHOWN_PX :].any()
    assert green(image).any()


def test_the_same_comparison_gives_the_same_bytes() -> None:
    first, second = (explain(comparison(), name="a", decision="b") for _ in range(2))

    assert first == second
