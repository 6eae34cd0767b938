"""SIFT keypoints of an image, with RootSIFT descriptors.

Enlarging both images gives more points, but a worse result. References are thumbnails, and the finest detail of a photo
has no match there: of 150 photos of packages (300 pixels, references of 198), .72 were right at the original sizes and
.67 at twice the size, which took five times as long. So only very small images are enlarged.

Source: D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 60 (2), 2004; the square root:
R. Arandjelović and A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.search.geometry.opencv import load_opencv
from edge_identify.edge_runtime.search.geometry.points import Points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

MOST_SIDE_PX = 640  # a larger image is reduced first
LEAST_SIDE_PX = 150  # least longer side; a smaller image is doubled until it has it
MOST_POINTS = 500  # the strongest points; twice as many take four times as long to match
_CONTRAST = 0.02  # half of OpenCV's default, to find points on thumbnails of plain things


def find_points(image: Image) -> Points:
    """Return the keypoints of an upright RGB image of any size; a blank image has none.

    Raises:
        SetupError: OpenCV is not installed.
    """
    import numpy as np

    opencv = load_opencv()
    grey, scale = _grey(image)
    # One detector for each call: OpenCV does not promise that threads may share one.
    detector = opencv.SIFT_create(nfeatures=MOST_POINTS, contrastThreshold=_CONTRAST)
    keypoints, found = detector.detectAndCompute(grey, None)
    if not keypoints:
        nothing = np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
        return Points(size=image.size, positions=nothing[0], descriptors=nothing[1])
    # OpenCV may return a few more than requested if points are equally strong.
    positions = np.array([keypoint.pt for keypoint in keypoints[:MOST_POINTS]], dtype=np.float32)
    # Scale about the pixel's edge, half a pixel from its centre.
    positions = ((positions + 0.5) / np.array(scale) - 0.5).astype(np.float32)
    histograms = found[:MOST_POINTS].astype(np.float32)
    descriptors = np.sqrt(histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9))
    return Points(size=image.size, positions=positions, descriptors=descriptors)


def _grey(image: Image) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Return an image as greyscale, uint8 [height, width], and its scale across and down."""
    import numpy as np
    from PIL.Image import Resampling

    longer = max(image.size)
    factor = min(1.0, MOST_SIDE_PX / longer)
    while longer * factor < LEAST_SIDE_PX:
        factor *= 2
    width, height = (max(1, round(side * factor)) for side in image.size)
    scale = width / image.width, height / image.height
    if scale != (1, 1):
        image = image.resize((width, height), Resampling.LANCZOS if factor < 1 else Resampling.BICUBIC)
    return np.asarray(image.convert("L"), dtype=np.uint8), scale
