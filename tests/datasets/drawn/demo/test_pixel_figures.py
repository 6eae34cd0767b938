"""Pixel figures."""

import numpy as np
import pytest

from edge_identify.datasets.drawn.demo.pixel_figures import BODY, EMPTY, EYE, draw_figure


@pytest.mark.parametrize("seed", range(40))
def test_a_figure_is_symmetric_solid_and_of_a_size_that_tiles_can_show(seed: int) -> None:
    cells = draw_figure(np.random.default_rng(seed)).cells
    assert cells.dtype == np.uint8
    assert np.array_equal(cells, cells[:, ::-1])
    assert 4 <= cells.shape[0] <= 13
    assert 3 <= cells.shape[1] <= 14
    assert set(np.unique(cells)) <= set(range(EMPTY, EYE + 1))
    assert (cells != EMPTY).mean() > 0.25
    for rim in (cells[0], cells[-1], cells[:, 0], cells[:, -1]):
        assert rim.any()  # nothing empty around it


def test_figures_have_bodies_and_differ_from_one_another() -> None:
    figures = [draw_figure(np.random.default_rng(seed)).cells for seed in range(200)]
    assert all((cells == BODY).any() for cells in figures)
    assert len({(cells.shape, cells.tobytes()) for cells in figures}) == len(figures)
