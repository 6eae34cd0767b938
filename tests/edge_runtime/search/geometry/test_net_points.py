"""Peaks of heat become points, and maps are sampled between their cells."""

from __future__ import annotations

import numpy as np
import pytest

from edge_identify.edge_runtime.search.geometry.net_points import descriptors_at, find_peaks


def heat_with(peaks: dict[tuple[int, int], float]) -> np.ndarray:
    heat = np.zeros((64, 96), np.float32)
    for (x, y), value in peaks.items():
        heat[y, x] = value
    return heat


EVEN = np.full((8, 12), 0.5, np.float32)


def test_the_highest_peaks_are_kept_best_first() -> None:
    heat = heat_with({(0, 0): 0.2, (95, 63): 0.4, (40, 20): 0.3, (50, 50): 0.1})

    assert find_peaks(heat, EVEN, least_heat=0.05, most=3).tolist() == [[95, 63], [40, 20], [0, 0]]


def test_the_smaller_of_two_near_peaks_and_a_faint_one_are_left_out() -> None:
    heat = heat_with({(40, 20): 0.3, (42, 22): 0.2, (43, 20): 0.2, (70, 20): 0.05})

    found = find_peaks(heat, EVEN, least_heat=0.05, most=9).tolist()

    assert found == [[40, 20], [43, 20]], "(43, 20) is three pixels away, and so a peak of its own"


def test_reliability_decides_between_equal_peaks() -> None:
    reliability = EVEN.copy()
    reliability[6, 9] = 0.9

    heat = heat_with({(10, 10): 0.3, (76, 52): 0.3})

    assert find_peaks(heat, reliability, least_heat=0.05, most=1).tolist() == [[76, 52]]


def test_no_heat_gives_no_points() -> None:
    found = find_peaks(heat_with({}), EVEN, least_heat=0.05, most=9)

    assert found.shape == (0, 2)
    assert descriptors_at(found, np.ones((4, 8, 12), np.float32), (64, 96)).shape == (0, 4)


def test_a_descriptor_at_the_centre_of_a_cell_is_that_of_the_cell() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 8, 12)).astype(np.float32)
    large = maps.repeat(3, axis=1)[:, :8]  # of three pixels a cell, the middle one is its centre

    found = descriptors_at(np.array([[3 * 4 + 1, 3 * 2 + 1]]), large, (24, 36))

    assert found[0] == pytest.approx(large[:, 2, 4] / np.linalg.norm(large[:, 2, 4]), abs=1e-6)


def test_sampling_between_cells_is_cubic_convolution() -> None:
    """Compared with torch's bicubic sampling, away from the edges."""
    torch = pytest.importorskip("torch")
    maps = np.random.default_rng(1).normal(size=(6, 8, 12)).astype(np.float32)
    positions = np.array([[20, 18], [33, 40], [71, 29], [48, 24]])

    cells = (positions + 0.5) / 8 - 0.5
    grid = torch.from_numpy(((cells + 0.5) / np.array([12, 8]) * 2 - 1).astype(np.float32))[None, None]
    sampled = torch.nn.functional.grid_sample(torch.from_numpy(maps)[None], grid, "bicubic", align_corners=False)
    expected = torch.nn.functional.normalize(sampled[0, :, 0], dim=0).T.numpy()

    assert np.abs(descriptors_at(positions, maps, (64, 96)) - expected).max() < 1e-5
