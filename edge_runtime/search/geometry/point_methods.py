"""Two ways to find and compare points: the pack's local-feature net, and SIFT for packs without one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from edge_identify.edge_runtime.search.geometry.point_agreement import (
    Agreement,
    find_agreement,
    find_net_agreement,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet
    from edge_identify.edge_runtime.search.geometry.points import Points

_KEPT_PHOTOS = 16  # whose points are kept for the next pack, 150 kB each: photos of one thing are compared at once


class PointMethod(Protocol):
    """Finds points of photos and of reference images, and compares them. Threads may share it."""

    @property
    def photo_side_px(self) -> int:
        """Longer side at which a photo is compared; a larger photo is reduced first."""

    def photo_points(self, photo: Image) -> Points:
        """Return the points of an upright RGB photo."""

    def reference_points(self, image: Image) -> Points:
        """Return the points of a reference image, upright RGB."""

    def agreement(self, photo: Points, reference: Points) -> Agreement | None:
        """Return the agreeing points; None if they are fewer than `LEAST_POINTS`."""


class SiftMethod:
    """SIFT by OpenCV."""

    def __init__(self) -> None:
        """Load OpenCV.

        Raises:
            SetupError: OpenCV is not installed.
        """
        from edge_identify.edge_runtime.search.geometry.opencv import load_opencv
        from edge_identify.edge_runtime.search.geometry.sift_points import MOST_SIDE_PX, find_points

        load_opencv()
        self._side_px, self._find_points = MOST_SIDE_PX, find_points

    @property
    def photo_side_px(self) -> int:
        """See `PointMethod`."""
        return self._side_px

    def photo_points(self, photo: Image) -> Points:
        """See `PointMethod`."""
        return self._find_points(photo)

    def reference_points(self, image: Image) -> Points:
        """See `PointMethod`."""
        return self._find_points(image)

    def agreement(self, photo: Points, reference: Points) -> Agreement | None:
        """See `PointMethod`."""
        return find_agreement(photo, reference)


class NetMethod:
    """The local-feature net of a pack."""

    def __init__(self, net: LocalFeatureNet) -> None:
        """Use a loaded net."""
        self._net = net
        self._known: dict[tuple[tuple[int, int], bytes], Points] = {}

    @property
    def photo_side_px(self) -> int:
        """See `PointMethod`."""
        return self._net.spec.photo.side_px

    def photo_points(self, photo: Image) -> Points:
        """See `PointMethod`. The points of the last photos are kept; the caller changes none."""
        key = photo.size, hashlib.sha256(photo.tobytes()).digest()
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._net.find_points(photo, self._net.spec.photo)
            for oldest in list(self._known)[:-_KEPT_PHOTOS]:
                self._known.pop(oldest, None)
        return found

    def reference_points(self, image: Image) -> Points:
        """See `PointMethod`."""
        return self._net.find_points(image, self._net.spec.reference)

    def agreement(self, photo: Points, reference: Points) -> Agreement | None:
        """See `PointMethod`."""
        return find_net_agreement(photo, reference, least_similarity=self._net.spec.least_similarity)
