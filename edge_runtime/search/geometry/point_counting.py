"""Counts the points of a photo that agree with those of reference images, several references at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, Self

from edge_identify.edge_runtime.search.geometry.points import Points

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.pack.descriptors_file import DescriptorTable
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
    from edge_identify.edge_runtime.search.geometry.point_methods import PointMethod

_MOST_WORKERS = 4
_KEPT_POINTS = 128  # references whose points are cached: 33 MB at most; finding them takes most of the time


class ReferencePoints(Protocol):
    """The points of reference images. Threads may share it."""

    def points(self, index_id: int) -> Points | None:
        """Return the points of the image whose vector is `index_id`; None if there is none."""


class PointCounter:
    """Counts agreeing points. Use it as a context manager, or call `close`.

    It is not thread-safe: cached points have no lock. A builder needs no pack for it: any `ReferencePoints` will do.
    """

    def __init__(self, method: PointMethod, references: ReferencePoints) -> None:
        """Start the worker threads.

        Args:
            method: Finds the photo's points, and compares.
            references: The reference images' points.
        """
        self._method, self._references = method, references
        self._known: dict[int, Points | None] = {}
        # Native code releases Python's lock, and one small image does not keep two cores busy.
        self._workers = ThreadPoolExecutor(max_workers=min(_MOST_WORKERS, os.cpu_count() or 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the worker threads."""
        self._workers.shutdown()

    def count_points(self, photo: Image, index_ids: Sequence[int | None]) -> list[int]:
        """Return how many points of a photo agree with each reference image; 0 if too few do.

        Args:
            photo: Upright RGB.
            index_ids: Ids of the images' vectors; None for an image without one.

        Raises:
            PackDamagedError: The net, or a reference image, cannot be used.
        """
        found = self._workers.submit(self._method.photo_points, photo)
        references = list(self._workers.map(self._points, index_ids))
        of_photo = found.result()
        counts = list(self._workers.map(lambda reference: self._count(of_photo, reference), references))
        self._forget_oldest()
        return counts

    def _points(self, index_id: int | None) -> Points | None:
        if index_id is None:
            return None
        if index_id not in self._known:
            self._known[index_id] = self._references.points(index_id)
        return self._known[index_id]

    def _count(self, photo: Points, reference: Points | None) -> int:
        agreement = None if reference is None else self._method.agreement(photo, reference)
        return 0 if agreement is None else agreement.count

    def _forget_oldest(self) -> None:
        for index_id in list(self._known)[:-_KEPT_POINTS]:
            del self._known[index_id]


class ThumbnailPoints:
    """The points of a pack's thumbnails, found when they are needed."""

    def __init__(self, thumbnails: ThumbnailTable, method: PointMethod) -> None:
        """Use open thumbnails.

        Args:
            thumbnails: The thumbnails.
            method: Finds their points.
        """
        self._thumbnails, self._method = thumbnails, method

    def points(self, index_id: int) -> Points | None:
        """Return the points of a thumbnail; None if the pack has none for that image.

        Raises:
            PackDamagedError: The thumbnail cannot be used.
        """
        image = self._thumbnails.image(index_id)
        return None if image is None else self._method.reference_points(image)

    def stored(self, index_id: int) -> bytes | None:
        """Return the bytes of a thumbnail, which its points depend on; None if there is none."""
        return self._thumbnails.webp(index_id)


class DescribedPoints:
    """The points that a pack stores instead of pictures."""

    def __init__(self, descriptors: DescriptorTable) -> None:
        """Use open descriptors."""
        self._descriptors = descriptors

    def points(self, index_id: int) -> Points | None:
        """Return the stored points of an image; None if the pack has none of it.

        Raises:
            PackDamagedError: The stored points cannot be used.
        """
        found = self._descriptors.points(index_id)
        if found is None:
            return None
        return Points(size=found.size, positions=found.positions, descriptors=found.descriptors)

    def stored(self, index_id: int) -> bytes | None:
        """Return the bytes of an image's points; None if there are none."""
        found = self._descriptors.points(index_id)
        if found is None:
            return None
        size = b"%d %d " % found.size
        return size + found.positions.tobytes() + found.descriptors.tobytes()
