"""Keypoints from the maps of the local-feature net: the peaks of heat, and their descriptors.

A peak is the largest value of 5 x 5 pixels, and above a least heat. Its score is heat times reliability; the highest
scores are kept. The descriptor is sampled from the map between its cells.

Source: G. Potje et al., "XFeat: Accelerated Features for Lightweight Image Matching", CVPR 2024.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_PEAK_RADIUS_PX = 2
_CUBIC = -0.75  # the coefficient of cubic convolution in torch and OpenCV, with which the net was published


def find_peaks(
    heat: NDArray[np.float32], reliability: NDArray[np.float32], *, least_heat: float, most: int
) -> NDArray[np.intp]:
    """Return the positions (x, y) of the highest scores, best first, intp [n, 2]; n is at most `most`.

    Args:
        heat: float32 [height, width], the probability that a pixel is a keypoint.
        reliability: float32 [height / cell, width / cell], 0 to 1.
        least_heat: The heat that a keypoint exceeds.
        most: Number of keypoints to keep.
    """
    is_peak = (heat > least_heat) & (heat == _largest_around(heat))
    down, across = np.nonzero(is_peak)
    positions = np.stack([across, down], axis=1)
    cells = _in_cells(positions, heat.shape, reliability.shape)
    scores = heat[down, across] * _sample(reliability[None], cells, _linear_weights)[:, 0]
    return positions[np.argsort(-scores, kind="stable")[:most]]


def descriptors_at(
    positions: NDArray[np.intp], maps: NDArray[np.float32], heat_shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the descriptors at positions, float32 [n, dim], unit vectors.

    Args:
        positions: intp [n, 2], (x, y) in pixels of the heat map.
        maps: float32 [dim, height / cell, width / cell].
        heat_shape: Height and width of the heat map.
    """
    found = _sample(maps, _in_cells(positions, heat_shape, maps.shape[1:]), _cubic_weights)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (found / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit


def _largest_around(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest value of the square around each pixel."""
    for axis in (0, 1):
        margin = [(0, 0), (0, 0)]
        margin[axis] = (_PEAK_RADIUS_PX, _PEAK_RADIUS_PX)
        padded = np.pad(heat, margin, constant_values=-np.inf)
        length = heat.shape[axis]
        largest = heat
        for shift in range(2 * _PEAK_RADIUS_PX + 1):
            part = padded[shift : shift + length] if axis == 0 else padded[:, shift : shift + length]
            largest = np.maximum(largest, part)
        heat = largest
    return heat


def _in_cells(
    positions: NDArray[np.intp], heat_shape: tuple[int, ...], map_shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return positions in the coordinates of a map whose cells' centres are whole numbers, float64 [n, 2]."""
    scale = np.array([map_shape[1] / heat_shape[1], map_shape[0] / heat_shape[0]])
    in_cells: NDArray[np.float64] = (positions + 0.5) * scale - 0.5
    return in_cells


def _sample(
    maps: NDArray[np.float32],
    at: NDArray[np.float64],
    weights_of: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float32]:
    """Return separable interpolation of maps [dim, height, width] at places [n, 2], float32 [n, dim].

    Cells beyond the edge are those of the edge.
    """
    height, width = maps.shape[1:]
    first = np.floor(at).astype(np.intp)
    weights = weights_of(at - first)  # [n, 2, taps]
    taps = np.arange(weights.shape[2]) - (weights.shape[2] // 2 - 1)
    columns = np.clip(first[:, 0, None] + taps, 0, width - 1)
    rows = np.clip(first[:, 1, None] + taps, 0, height - 1)
    cells = maps.transpose(1, 2, 0)[rows[:, :, None], columns[:, None, :]]  # [n, taps, taps, dim]
    together = (weights[:, 1, :, None] * weights[:, 0, None, :]).astype(np.float32)
    count = len(at)
    found: NDArray[np.float32] = np.matmul(
        together.reshape(count, 1, taps.size**2), cells.reshape(count, taps.size**2, len(maps))
    )[:, 0]
    return found


def _linear_weights(beyond: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1 - beyond, beyond], axis=-1)


def _cubic_weights(beyond: NDArray[np.float64]) -> NDArray[np.float64]:
    near, far = np.stack([beyond, 1 - beyond], axis=-1), np.stack([1 + beyond, 2 - beyond], axis=-1)
    inner = ((_CUBIC + 2) * near - (_CUBIC + 3)) * near * near + 1
    outer = ((_CUBIC * far - 5 * _CUBIC) * far + 8 * _CUBIC) * far - 4 * _CUBIC
    return np.stack([outer[..., 0], inner[..., 0], inner[..., 1], outer[..., 1]], axis=-1)
