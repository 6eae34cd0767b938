"""Tiles laid in grout."""

import numpy as np
from numpy.typing import NDArray

from edge_identify.datasets.drawn.demo.tiles import lay_tiles

GLAZES = {1: (200, 30, 30), 2: (30, 30, 200)}
CELLS = np.array([[0, 0, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0]], dtype=np.uint8)


def _laid(seed: int = 0, tile_px: int = 20) -> NDArray[np.int_]:
    rng = np.random.default_rng(seed)
    return np.asarray(lay_tiles(CELLS, GLAZES, grout=120, rng=rng, tile_px=tile_px), dtype=int)


def test_tiles_have_their_glazes() -> None:
    laid = _laid()
    assert laid.shape == (60, 80, 4)
    assert np.abs(laid[30, 30, :3] - GLAZES[1]).max() < 45
    assert np.abs(laid[30, 50, :3] - GLAZES[2]).max() < 45


def test_grout_lies_between_tiles() -> None:
    field = np.ones((8, 8), dtype=np.uint8)
    laid = np.asarray(lay_tiles(field, GLAZES, grout=120, rng=np.random.default_rng(0), tile_px=20), dtype=int)
    is_grey = np.ptp(laid[..., :3], axis=2) < 40
    assert 0.04 < is_grey.mean() < 0.3
    assert np.abs(laid[is_grey][:, :3] - 120).mean() < 25


def test_only_tiles_and_their_shadow_cover_the_wall() -> None:
    alpha = _laid()[..., 3]
    assert (alpha[24:36, 24:56] == 255).all()
    assert alpha[0, 0] == alpha[5, 40] == 0
    assert 0 < alpha[43, 42] < 255  # the shadow falls below


def test_the_same_dice_lay_the_same_tiles_at_every_size() -> None:
    small, large = _laid(tile_px=16), _laid(tile_px=32)
    assert np.abs(small[24, 24, :3] - large[48, 48, :3]).max() < 20
    assert not np.array_equal(_laid(seed=1), _laid(seed=2))
