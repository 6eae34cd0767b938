"""Removes the plain backdrop of a reference image.

A product image shows a carton on white; a real photo shows it on a shelf. A simulated photo with the white backdrop is
too easy: a threshold fitted to such photos refuses every real photo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_SIDE_PX = 384  # longest side of the result: simulated photos show no more detail
_TOLERANCE = 20  # of 255 in each channel; covers JPEG noise and soft shadows
_BORDER_SHARE = 0.85  # least share of border pixels in the backdrop's colour; the object may touch an edge
_LEAST_CUT, _MOST_CUT = 0.02, 0.97  # backdrop share: below, it is only a frame; above, no object is left


def cut_out(image: Image) -> Image:
    """Return an image with its plain backdrop made transparent; unchanged if it has no plain backdrop.

    The backdrop is the region that is connected with the border and has the border's median colour.

    Args:
        image: RGB.

    Returns:
        RGBA of at most 384 x 384 pixels, or `image` itself.
    """
    import PIL.Image

    small = image.copy()
    small.thumbnail((_SIDE_PX, _SIDE_PX))
    pixels = np.asarray(small, dtype=np.int16)
    backdrop = _reached_from_border(_like_the_border(pixels))
    if backdrop is None or not _LEAST_CUT <= backdrop.mean() <= _MOST_CUT:
        return image
    alpha = np.where(backdrop, 0, 255).astype(np.uint8)
    return PIL.Image.fromarray(np.dstack([pixels.astype(np.uint8), alpha]))


def _like_the_border(pixels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return which pixels have the border's median colour, within `_TOLERANCE`; bool [height, width]."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    like: NDArray[np.bool_] = np.abs(pixels - np.median(border, axis=0)).max(axis=2) <= _TOLERANCE
    return like


def _reached_from_border(candidates: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the candidates that are connected with the border; None if the border is not of one colour."""
    rim = np.zeros_like(candidates)
    rim[[0, -1]] = rim[:, [0, -1]] = True
    if candidates[rim].mean() < _BORDER_SHARE:
        return None
    reached, before = rim & candidates, -1
    while reached.sum() != before:
        before = int(reached.sum())
        reached = _along_rows(reached, candidates)
        reached = _along_rows(reached.T, candidates.T).T
    return reached


def _along_rows(reached: NDArray[np.bool_], candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark each run of candidates in a row that holds a reached pixel."""
    # Each pixel that is not a candidate begins a new run, and so does each row.
    begins = ~candidates
    begins[:, 0] = True
    runs = np.cumsum(begins.ravel()) - 1
    has_reached = np.bincount(runs, weights=reached.ravel()) > 0
    spread: NDArray[np.bool_] = has_reached[runs].reshape(candidates.shape) & candidates
    return spread
