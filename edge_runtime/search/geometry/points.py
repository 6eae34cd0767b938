"""The keypoints of one image, with their descriptors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The keypoints of one image.

    Attributes:
        size: Width and height of the image in pixels.
        positions: float32 [n, 2], (x, y) in the image's own pixels; pixel centres are whole numbers.
        descriptors: float32 [n, dim], unit vectors; dim is 128 for SIFT, 64 for the local-feature net.
    """

    size: tuple[int, int]
    positions: NDArray[np.float32]
    descriptors: NDArray[np.float32]
