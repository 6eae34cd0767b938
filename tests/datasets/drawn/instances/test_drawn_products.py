"""Drawn products: solid, cut out, repeatable, with siblings that differ, and print that stays in its box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from typefaces import write_typeface

from edge_identify.datasets.drawn.instances import typefaces
from edge_identify.datasets.drawn.instances.drawn_products import DrawnProduct, draw_product
from edge_identify.datasets.drawn.instances.product_lines import ProductLine, choose_line
from edge_identify.datasets.drawn.instances.product_print import Print
from edge_identify.datasets.drawn.instances.solid_packages import Pose, draw_body
from edge_identify.datasets.drawn.instances.typefaces import find_typefaces, print_fitting

SIDE_PX = 48
GREEN, RED = (0, 255, 0), (255, 0, 0)
BOX = ProductLine(
    is_round=False,
    size=(0.5, 0.4, 1.0),
    neck=(0.5, 0.2),
    has_coloured_top=True,
    ground=(200, 200, 200),
    accent=(0, 0, 255),
    logo="arko",
    logo_face=None,
    face=None,
    layout_seed=1,
)


def _line(seed: int, lines: int) -> list[list[DrawnProduct]]:
    rng = np.random.default_rng(seed)
    images = [np.full((40, 60, 3), 90, dtype=np.uint8)]
    chosen = [choose_line(rng, ()) for _ in range(lines)]
    return [[draw_product(rng, line, side_px=SIDE_PX, images=images) for _ in range(2)] for line in chosen]


def _seen(pose: Pose) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    front, side = (PIL.Image.new("RGB", (40, 80), ink) for ink in (RED, GREEN))
    return np.asarray(draw_body(Print(front=front, side=side, own=(0, 0, 255)), BOX, pose, SIDE_PX))


def _middle_of(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], channel: int) -> float:
    """Return the mean column of the pixels in which a channel is the only bright one."""
    bright = (pixels[..., channel] > 120) & (pixels[..., :3].sum(2) < 300) & (pixels[..., 3] > 250)
    return float(np.nonzero(bright)[1].mean()) if bright.any() else float("nan")


def test_products_stand_on_white_are_cut_out_and_are_held_another_way() -> None:
    for product in (product for line in _line(0, 4) for product in line):
        for pixels in (product.shown, product.held):
            assert pixels.shape == (SIDE_PX, SIDE_PX, 4)
            outside = pixels[pixels[..., 3] == 0]
            assert len(outside) > 0.02 * SIDE_PX**2
            assert (outside[:, :3] == 255).all()
        assert not np.array_equal(product.shown, product.held)


def test_the_same_seed_draws_the_same_and_siblings_differ() -> None:
    first, again = _line(1, 2), _line(1, 2)
    for one, two in zip(first, again, strict=True):
        assert all(np.array_equal(a.shown, b.shown) for a, b in zip(one, two, strict=True))
        assert not np.array_equal(one[0].shown, one[1].shown)


def test_a_box_shows_the_side_that_it_is_turned_to_and_the_top_when_tipped() -> None:
    right, left = _seen(Pose(yaw=0.5, pitch=0.0)), _seen(Pose(yaw=-0.5, pitch=0.0))
    assert _middle_of(right, 1) > _middle_of(right, 0)
    assert _middle_of(left, 1) < _middle_of(left, 0)
    assert np.isnan(_middle_of(right, 2))
    assert not np.isnan(_middle_of(_seen(Pose(yaw=0.5, pitch=0.5)), 2))


def test_print_stays_in_its_box(tmp_path: Path) -> None:
    write_typeface(tmp_path / "b" / "two.TTF")
    write_typeface(tmp_path / "one.otf")
    (tmp_path / "no.txt").write_text("")
    faces = find_typefaces(tmp_path)
    assert [Path(face).name for face in faces] == ["two.TTF", "one.otf"]
    for face in (None, faces[0]):
        sheet = PIL.Image.new("RGB", (100, 50), "white")
        print_fitting(sheet, face, "velmar", (0.2, 0.4, 0.6, 0.8), (0, 0, 0))
        rows, columns = np.nonzero((np.asarray(sheet) < 128).any(2))
        assert 20 <= columns.min() <= columns.max() < 60
        assert 20 <= rows.min() <= rows.max() < 40


def test_typefaces_without_latin_letters_and_damaged_files_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write_typeface(tmp_path / "whole.ttf")
    (tmp_path / "damaged.ttf").write_bytes(whole.read_bytes()[:100])
    assert find_typefaces(tmp_path) == (str(whole),)
    monkeypatch.setattr(typefaces, "_SOME_LETTERS", "กขคง")  # Pillow's typeface has a box for each of them
    assert find_typefaces(tmp_path) == ()
