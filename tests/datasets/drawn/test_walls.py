"""Walls that can be drawn repeatedly."""

import numpy as np
import pytest

from edge_identify.datasets.drawn.walls import WallKind, choose_wall, draw_wall


@pytest.mark.parametrize("kind", list(WallKind))
@pytest.mark.parametrize("size", [(1, 1), (90, 40), (40, 90)])
def test_every_kind_is_drawn_in_any_size(kind: WallKind, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = draw_wall(choose_wall(rng, kind), rng, size)
    assert (image.size, image.mode) == (size, "RGB")


@pytest.mark.parametrize("kind", list(WallKind))
def test_another_piece_of_a_wall_has_its_tone_but_not_its_pixels(kind: WallKind) -> None:
    wall = choose_wall(np.random.default_rng(5), kind)
    pieces = [draw_wall(wall, np.random.default_rng(seed), (160, 120)) for seed in (1, 1, 2)]
    one, again, other = (np.asarray(piece, dtype=float) for piece in pieces)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))).max() < 40
    assert one.std() > 4  # it has a texture
