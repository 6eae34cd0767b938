"""A thing cut out of the plain backdrop of its reference image.

A shop's catalogue shows a carton on white; in a photo the carton stands on a shelf. A simulated photo that carries the
white along is far too easy, and a threshold found with such photos refuses every real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_SIDE_PX = 384  # of the image that is cut: as much as a simulated photo shows of it
_TOLERANCE = 20  # of 255, in each channel: JPEG's noise and a soft shadow
_BORDER_SHARE = 0.85  # of the border in one colour; the thing itself may touch an edge
_LEAST_CUT, _MOST_CUT = 0.02, 0.97  # less is a frame, more is an image of nothing


def cut_out(image: Image) -> Image:
    """Return an image, RGB, with its plain backdrop made transparent, or as it is where it has none.

    Args:
        image: RGB.

    Returns:
        RGBA of at most 384 pixels a side, or `picture` itself.
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
    """Return which pixels have the border's usual colour; bool [height, width]."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    like: NDArray[np.bool_] = np.abs(pixels - np.median(border, axis=0)).max(axis=2) <= _TOLERANCE
    return like


def _reached_from_border(candidates: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the candidates that hang together with the border's; None where the border is not of one colour."""
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
    """Spread what is reached over each unbroken run of candidates in its row."""
    # Each pixel that is no candidate begins a new run, and so does each row.
    begins = ~candidates
    begins[:, 0] = True
    runs = np.cumsum(begins.ravel()) - 1
    has_reached = np.bincount(runs, weights=reached.ravel()) > 0
    spread: NDArray[np.bool_] = has_reached[runs].reshape(candidates.shape) & candidates
    return spread
