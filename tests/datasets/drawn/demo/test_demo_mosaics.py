"""Street mosaics and their reference images."""

from dataclasses import replace

import numpy as np
import pytest

from edge_identify.datasets.drawn.demo.demo_mosaics import (
    GLAZES,
    Mosaic,
    choose_mosaic,
    choose_sibling,
    draw_cutout,
    draw_reference,
)
from edge_identify.datasets.drawn.demo.pixel_figures import draw_figure


def _mosaic(seed: int) -> Mosaic:
    rng = np.random.default_rng(seed)
    return choose_mosaic(rng, draw_figure(rng))


@pytest.mark.parametrize("seed", range(8))
def test_a_reference_image_has_the_long_side_that_was_asked_for(seed: int) -> None:
    image = draw_reference(_mosaic(seed), long_side_px=120)
    assert image.mode == "RGB"
    assert max(image.size) == 120
    assert min(image.size) >= 90


def test_a_mosaic_looks_the_same_every_time() -> None:
    mosaic = _mosaic(3)
    other = replace(mosaic, seed=mosaic.seed + 1)
    once, again, others = (draw_reference(one, long_side_px=90).tobytes() for one in (mosaic, mosaic, other))
    assert once == again
    assert once != others


def test_the_body_of_the_figure_is_seen_against_what_is_around_it() -> None:
    for seed in range(30):
        mosaic = _mosaic(seed)
        assert len({mosaic.body, mosaic.second, mosaic.panel}) == 3
        assert mosaic.eye != mosaic.body


def test_a_panel_adds_a_frame_of_tiles() -> None:
    bare = replace(_mosaic(0), panel=None)
    rows, columns = bare.figure.cells.shape
    assert draw_cutout(bare, tile_px=6).size == ((columns + 2) * 6, (rows + 2) * 6)
    framed = draw_cutout(replace(bare, panel="white"), tile_px=6)
    assert framed.size == ((columns + 4) * 6, (rows + 4) * 6)
    corner = np.asarray(framed, dtype=int)[9, 9]
    assert corner[3] == 255
    assert np.abs(corner[:3] - GLAZES["white"]).max() < 60


@pytest.mark.parametrize("seed", range(10))
def test_a_sibling_shares_the_design_and_differs_in_glaze_or_wall(seed: int) -> None:
    mosaic = _mosaic(seed)
    sibling = choose_sibling(np.random.default_rng(seed + 100), mosaic)
    assert sibling.figure is mosaic.figure
    assert sibling.seed != mosaic.seed
    assert (sibling.body, sibling.second, sibling.panel) != (mosaic.body, mosaic.second, mosaic.panel) or (
        sibling.wall.kind is not mosaic.wall.kind
    )
