"""Compares two images pixel by pixel: copies of one image, or images of two similar things.

Trap: a mean over all pixels cannot tell them apart, and neither can an encoder. Two mosaics that differ in one tile
differ much in one place. A copy that was compressed, resized or tinted differs little, everywhere. So the worst place
decides. Before the comparison, changes that a copy may have are removed: the crop (see `image_alignment`), brightness,
contrast and tint of the whole image. `benchmarks/duplicates.py` measures it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.exploring.image_alignment import WHOLE, Overlap, find_overlap, find_place

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.float32]

LOOK_PX = 256  # longer side of the small image that is kept for comparisons
COMPARED_PX = 112  # longer side at which an overlap is compared
#: The same for a second, closer comparison of images that seem to be copies. Two signs may differ only in a digit,
#: which is not visible at `COMPARED_PX`. Measured with a 5 and a 7 in letters of 1/18 of the image's height, 18 pairs
#: of 1200 x 900 pixels, original and compressed: 40 to 108 (5 to 9 at `COMPARED_PX`). Of 48 copies, changed as in the
#: benchmark, two are above 28.
CLOSER_LOOK_PX, CLOSER_COMPARED_PX = 640, 448  # an overlap is at least 0.7 of an image's side
_LEAST_COMPARED_PX = 24  # with fewer pixels, one place is the whole image
_SAME_SHAPE = 0.05  # largest difference of the logarithms of two aspect ratios: two pixels in forty
_MOST_GAIN = 2.0  # largest change of contrast in a channel; an image that was changed more is not a copy
NOTHING_ALIKE = 255.0
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601, as JPEG has it


def look_of(image: Image, *, side_px: int = LOOK_PX) -> Image:
    """Shrink an upright RGB image in place to at most `side_px` pixels a side; return it."""
    image.thumbnail((side_px, side_px), reducing_gap=3.0)
    return image


def worst_difference(one: Image, other: Image, *, enough: float, compared_px: int = COMPARED_PX) -> float:
    """Return the difference of two images at their worst place, 0 to 255, after alignment and colour correction.

    A place is 3 x 3 pixels of the compared size.

    Args:
        one: As `look_of` returns it.
        other: As `look_of` returns it.
        enough: The search for a better alignment stops at this difference.
        compared_px: Longer side at which the images are compared, if both are that large.

    Returns:
        The difference; `NOTHING_ALIKE` if the images do not overlap.
    """
    place = find_place(one, other)
    if place is None:
        return NOTHING_ALIKE
    least = NOTHING_ALIKE
    if abs(np.log(one.width * other.height / one.height / other.width)) < _SAME_SHAPE:
        least = _difference(one, other, WHOLE, compared_px)
    if least <= enough:
        return least
    overlap = find_overlap(one, other, place, finest_px=compared_px)
    return least if overlap is None else min(least, _difference(one, other, overlap, compared_px))


def _difference(one: Image, other: Image, overlap: Overlap, compared_px: int) -> float:
    size = _compared_size(one, other, overlap, compared_px)
    if max(size) < _LEAST_COMPARED_PX:
        return NOTHING_ALIKE
    first, second = _part(one, overlap.one, size), _part(other, overlap.other, size)
    ways = (_worst_place(first, _tinted_as(first, second)), _worst_place(second, _tinted_as(second, first)))
    return max(ways)


def _compared_size(one: Image, other: Image, overlap: Overlap, compared_px: int) -> tuple[int, int]:
    """Return width and height at which an overlap is compared: at most the resolution of the coarser image."""
    width, height = _pixels_of(one, overlap.one)
    other_width, other_height = _pixels_of(other, overlap.other)
    shrunk = min(1.0, other_width / width, other_height / height, compared_px / max(width, height))
    return max(1, round(width * shrunk)), max(1, round(height * shrunk))


def _pixels_of(image: Image, box: tuple[float, float, float, float]) -> tuple[float, float]:
    return (box[2] - box[0]) * image.width, (box[3] - box[1]) * image.height


def _part(image: Image, box: tuple[float, float, float, float], size: tuple[int, int]) -> Pixels:
    from PIL.Image import Resampling

    left, top, right, bottom = box
    pixels = (left * image.width, top * image.height, right * image.width, bottom * image.height)
    return np.asarray(image.resize(size, Resampling.BICUBIC, box=pixels), dtype=np.float32)


def _tinted_as(wanted: Pixels, given: Pixels) -> Pixels:
    """Return `given` with gain and offset per channel fitted to `wanted` by least squares."""
    tinted = given
    for _ in range(2):  # the second fit leaves out the 10 % that differ most; they would bias it
        apart = _largest(np.abs(tinted - wanted))
        kept = apart <= np.quantile(apart, 0.9)
        channels = [_fitted(wanted[..., at][kept], given[..., at][kept]) for at in range(3)]
        tinted = np.stack([gain * given[..., at] + shift for at, (gain, shift) in enumerate(channels)], axis=2)
    return np.clip(tinted, 0, 255)


def _fitted(wanted: Pixels, given: Pixels) -> tuple[float, float]:
    variance = float(given.var())
    gain = 1.0 if variance < 1 else float(((given - given.mean()) * (wanted - wanted.mean())).mean()) / variance
    gain = min(max(gain, 1 / _MOST_GAIN), _MOST_GAIN)
    return gain, float(wanted.mean()) - gain * float(given.mean())


def _worst_place(one: Pixels, other: Pixels) -> float:
    """Return the largest mean difference of 3 x 3 pixels; each pixel may match a neighbour of its counterpart."""
    apart = _unlikeness(_luma_and_chroma(one), _luma_and_chroma(other))
    return float(_mean_of(apart, 3).max())


def _luma_and_chroma(pixels: Pixels) -> Pixels:
    """Return luma and two smoothed chroma channels; JPEG stores chroma at half the size."""
    luma = pixels @ _LUMA
    chroma = [_mean_of(np.pad(pixels[..., at] - luma, 2, mode="edge"), 5) for at in (0, 2)]
    return np.stack([luma, *chroma], axis=2)


def _unlikeness(one: Pixels, other: Pixels) -> Pixels:
    height, width = one.shape[:2]
    padded = np.pad(other, ((1, 1), (1, 1), (0, 0)), mode="edge")
    shifted = (padded[down : down + height, across : across + width] for down in range(3) for across in range(3))
    apart: Pixels = np.minimum.reduce([_largest(np.abs(one - each)) for each in shifted])
    return apart


def _mean_of(values: Pixels, side: int) -> Pixels:
    """Return the mean of each `side` x `side` square inside the image."""
    sums = np.pad(values.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    of_squares = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    means: Pixels = (of_squares / side**2).astype(np.float32)
    return means


def _largest(channels: Pixels) -> Pixels:
    """Return the largest of three channels at each pixel; numpy's `max` is slow along an axis of length 3."""
    found: Pixels = np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2])
    return found
