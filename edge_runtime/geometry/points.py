"""Points of a picture that can be found again in another picture of the same thing: SIFT, as root descriptors.

A newcomer would enlarge both pictures to have more points. References are thumbnails, and a photo's finest detail
matches nothing there: of 150 photos of packages (300 pixels, references of 198), .72 were right with both as they are,
.67 with both twice as large, which took five times as long. Only very small pictures are doubled.

Source: D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 60 (2), 2004; the square root:
R. Arandjelović and A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.geometry.library import load_opencv

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

MOST_SIDE_PX = 640  # a larger picture is made smaller first
LEAST_SIDE_PX = 150  # of the longer side; a smaller picture is doubled, as often as it takes
MOST_POINTS = 500  # the strongest; twice as many take four times as long to match
_CONTRAST = 0.02  # half of OpenCV's default, for thumbnails of plain things


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points of one picture.

    Attributes:
        size: Width and height of the picture.
        positions: float32 [n, 2], across and down, in the picture's own pixels.
        descriptors: float32 [n, 128], unit vectors.
    """

    size: tuple[int, int]
    positions: NDArray[np.float32]
    descriptors: NDArray[np.float32]


def find_points(picture: Image) -> Points:
    """Return the points of an upright RGB picture of any size; a blank one has none.

    Raises:
        SetupError: OpenCV is not installed.
    """
    import numpy as np

    opencv = load_opencv()
    grey, scale = _grey(picture)
    # One for each call: OpenCV does not promise that threads may share a detector.
    detector = opencv.SIFT_create(nfeatures=MOST_POINTS, contrastThreshold=_CONTRAST)
    keypoints, found = detector.detectAndCompute(grey, None)
    if not keypoints:
        nothing = np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
        return Points(size=picture.size, positions=nothing[0], descriptors=nothing[1])
    # OpenCV may return a few more than asked for, where points are equally strong.
    positions = np.array([keypoint.pt for keypoint in keypoints[:MOST_POINTS]], dtype=np.float32)
    # A pixel's centre lies at a half: enlarging moves it.
    positions = ((positions + 0.5) / np.array(scale) - 0.5).astype(np.float32)
    histograms = found[:MOST_POINTS].astype(np.float32)
    descriptors = np.sqrt(histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9))
    return Points(size=picture.size, positions=positions, descriptors=descriptors)


def _grey(picture: Image) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Return a picture's brightness, uint8 [height, width], and how much it was enlarged each way."""
    import numpy as np
    from PIL.Image import Resampling

    longer = max(picture.size)
    factor = min(1.0, MOST_SIDE_PX / longer)
    while longer * factor < LEAST_SIDE_PX:
        factor *= 2
    width, height = (max(1, round(side * factor)) for side in picture.size)
    scale = width / picture.width, height / picture.height
    if scale != (1, 1):
        picture = picture.resize((width, height), Resampling.LANCZOS if factor < 1 else Resampling.BICUBIC)
    return np.asarray(picture.convert("L"), dtype=np.uint8), scale
