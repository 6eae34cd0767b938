"""Aligns two images of which one is a resized or cropped copy of the other.

Two steps: template matching at thumbnail size over several scales and all places, then subpixel refinement of shift and
scale (Lucas and Kanade, "An iterative image registration technique with an application to stereo vision", IJCAI 1981).
Both steps ignore brightness and contrast. Rotated and mirrored images are not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Grey = NDArray[np.float32]
    Box = tuple[float, float, float, float]  # left, top, right, bottom, in shares of the image's sides

_COARSE_PX = 28  # longer side of the images in template matching
_FINER_PX = (56, 112)  # longer sides of the images in the refinement, coarse to fine
FINEST_PX = _FINER_PX[-1]
_SHARES = tuple(np.linspace(1, 0.7, 9).tolist())  # scales: share of the larger image's side that the crop shows
_ROUNDS = 8  # iterations of the refinement at each size
_LARGEST_STEP, _SMALL_STEP = 0.05, 0.0005  # in shares of a side
_LEAST_CORRELATION = 0.75  # of the best place at thumbnail size; crops have .82 and more, other things .7 and less
_LEAST_OVERLAP = 0.4  # of either image's area: 0.7 of both sides, with a margin for the refinement
_FLAT = 1e-3  # variance (of brightness 0 to 255) below which an image is treated as uniform


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """The part that both of two images show.

    Attributes:
        one: Its box in the first image.
        other: Its box in the second image.
    """

    one: Box
    other: Box


WHOLE = Overlap(one=(0, 0, 1, 1), other=(0, 0, 1, 1))  # of images with the same frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Approximate place of one image inside another.

    Attributes:
        box: Its box in the larger image.
        is_in_other: True if the first image lies in the second one, False if the second lies in the first.
    """

    box: Box
    is_in_other: bool


def find_place(one: Image, other: Image) -> Place | None:
    """Return the approximate place of one of two upright RGB images in the other; None if neither is found."""
    small_one, small_other = _grey(one, _COARSE_PX), _grey(other, _COARSE_PX)
    in_one, in_other = _search(small_one, small_other), _search(small_other, small_one)
    if max(in_one[0], in_other[0]) < _LEAST_CORRELATION:
        return None
    is_in_other = in_other[0] > in_one[0]
    return Place(box=(in_other if is_in_other else in_one)[1], is_in_other=is_in_other)


def find_overlap(one: Image, other: Image, place: Place, *, finest_px: int = FINEST_PX) -> Overlap | None:
    """Return the overlap of two images near a place, with subpixel accuracy; None if it is too small.

    Args:
        one: Upright RGB image.
        other: Upright RGB image.
        place: From `find_place`.
        finest_px: Longer side, in pixels, of the images in the last refinement; at least `FINEST_PX`.
    """
    if not place.is_in_other:
        return _refined(one, other, place.box, finest_px)
    swapped = _refined(other, one, place.box, finest_px)
    return None if swapped is None else Overlap(one=swapped.other, other=swapped.one)


def _grey(image: Image, longer_px: int) -> Grey:
    from PIL.Image import Resampling

    scale = longer_px / max(image.size)
    width, height = (max(8, round(side * scale)) for side in image.size)
    return np.asarray(image.convert("L").resize((width, height), Resampling.BOX), dtype=np.float32)


def _search(large: Grey, small: Grey) -> tuple[float, Box]:
    """Return the best correlation of `small` with a part of `large`, and the box of that part."""
    best: tuple[float, Box] = (-1.0, (0.0, 0.0, 1.0, 1.0))
    for template in _templates(large, small):
        height, width = template.shape
        scores = _correlations(large, template)
        top, left = np.unravel_index(int(np.argmax(scores)), scores.shape)
        score = float(scores[top, left])
        if score > best[0]:
            rows, columns = large.shape
            best = score, (left / columns, top / rows, (left + width) / columns, (top + height) / rows)
    return best


def _templates(large: Grey, small: Grey) -> Iterator[Grey]:
    """Yield `small` scaled to the largest size that fits into `large`, and to smaller sizes."""
    import PIL.Image
    from PIL.Image import Resampling

    image = PIL.Image.fromarray(small)
    fitting = min(large.shape[1] / image.width, large.shape[0] / image.height)
    for share in _SHARES:
        width, height = (max(8, round(side * fitting * share)) for side in image.size)
        if width <= large.shape[1] and height <= large.shape[0]:
            yield np.asarray(image.resize((width, height), Resampling.BILINEAR), dtype=np.float32)


def _correlations(large: Grey, template: Grey) -> NDArray[np.float64]:
    """Return the normalised correlation of a template with each place of an image."""
    windows = np.lib.stride_tricks.sliding_window_view(large, template.shape)
    places = windows.reshape(-1, template.size).astype(np.float64)
    centred = template.ravel().astype(np.float64) - template.mean()
    products = places @ centred
    spread = places.var(axis=1) * centred.var()
    scores = np.where(spread > _FLAT, products / template.size / np.sqrt(np.maximum(spread, _FLAT)), -1.0)
    found: NDArray[np.float64] = scores.reshape(windows.shape[:2])
    return found


def _refined(large: Image, small: Image, box: Box, finest_px: int) -> Overlap | None:
    """Return the overlap near a box of the large image, with subpixel accuracy."""
    # Left, width, top, height of the small image's frame in the large one, in shares of the large one's sides.
    frame = np.array([box[0], box[2] - box[0], box[1], box[3] - box[1]])
    for longer_px in dict.fromkeys((*_FINER_PX, finest_px)):
        moved = _moved(_grey(large, longer_px), _grey(small, longer_px), frame)
        if moved is None:
            return None
        frame = moved
    return _overlap(frame)


def _moved(large: Grey, small: Grey, frame: NDArray[np.float64]) -> NDArray[np.float64] | None:
    rows, columns = ((np.arange(side) + 0.5) / side for side in small.shape)
    down, across = np.meshgrid(rows, columns, indexing="ij")
    for _ in range(_ROUNDS):
        found, slope_down, slope_across, inside = _sampled(
            large, frame[2] + frame[3] * down, frame[0] + frame[1] * across
        )
        if inside.sum() < _LEAST_OVERLAP * inside.size:
            return None
        # Least squares for step, gain and offset in: found + slopes . step = gain * wanted + offset.
        wanted = small[inside]
        slopes = [slope_across, slope_across * across, slope_down, slope_down * down]
        design = np.stack([*(each[inside] for each in slopes), -wanted, -np.ones_like(wanted)], axis=1)
        step = np.linalg.lstsq(design.T @ design, -design.T @ found[inside], rcond=None)[0][:4]
        frame = frame + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        if np.abs(step).max() < _SMALL_STEP:
            break
    return frame


def _sampled(
    image: Grey, down: NDArray[np.float64], across: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return brightness, vertical and horizontal gradient at places in shares of a side, and which lie inside."""
    height, width = image.shape
    y, x = down * height - 0.5, across * width - 0.5
    inside = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    top, left = (np.clip(np.floor(at).astype(int), 0, side - 2) for at, side in ((y, height), (x, width)))
    v, u = np.clip(y - top, 0, 1), np.clip(x - left, 0, 1)
    a, b = image[top, left], image[top, left + 1]
    c, d = image[top + 1, left], image[top + 1, left + 1]
    values = (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v
    slope_down = ((c * (1 - u) + d * u) - (a * (1 - u) + b * u)) * height
    slope_across = ((b - a) * (1 - v) + (d - c) * v) * width
    return values, slope_down, slope_across, inside


def _overlap(frame: NDArray[np.float64]) -> Overlap | None:
    left, width, top, height = frame.tolist()
    if width <= 0 or height <= 0:
        return None
    one = (max(0.0, left), max(0.0, top), min(1.0, left + width), min(1.0, top + height))
    other = (
        (one[0] - left) / width,
        (one[1] - top) / height,
        (one[2] - left) / width,
        (one[3] - top) / height,
    )
    large_enough = all((box[2] - box[0]) * (box[3] - box[1]) >= _LEAST_OVERLAP for box in (one, other))
    return Overlap(one=one, other=other) if large_enough else None
