"""Geometric verification: a photo is compared point by point with the thumbnails of its best matches."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails
from edge_identify.edge_runtime.photos.images import decode_photo, open_photo
from edge_identify.edge_runtime.search.geometry.opencv import load_opencv
from edge_identify.edge_runtime.search.geometry.point_agreement import Agreement, find_agreement
from edge_identify.edge_runtime.search.geometry.reranking import rerank
from edge_identify.edge_runtime.search.geometry.sift_points import MOST_SIDE_PX, Points, find_points

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.answers.identification import Identification, Match
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.regions import Region

#: Number of most similar references to compare, the same as in a decision. Recall@20 is .91 for photos of packages and
#: .93 for those of mosaics of another day.
CANDIDATES = 20
_MOST_WORKERS = 4
_KEPT_POINTS = 128  # references whose points are cached: 33 MB at most; finding them takes most of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A photo and a reference with their agreeing points.

    Attributes:
        photo: The compared photo or region: upright RGB, longer side at most `MOST_SIDE_PX`.
        reference: The reference's thumbnail; None if the pack has none for that image.
        agreement: The agreeing points; None if there are too few.
    """

    photo: Image
    reference: Image | None
    agreement: Agreement | None


class GeometryVerifier:
    """Compares photos with the thumbnails of one pack. Use it as a context manager, or call `close`.

    It is not thread-safe: cached points have no lock. Its own worker threads share no OpenCV object.
    """

    def __init__(self, pack: Pack, calibration: Calibration | None, *, region: Region | None = None) -> None:
        """Open the pack's thumbnails and start the worker threads.

        Args:
            pack: An open pack.
            calibration: The calibration of the pack's answers; None for an uncalibrated encoder.
            region: The region of each photo to compare; None for all of it.

        Raises:
            SetupError: OpenCV is not installed, or the pack has no thumbnails.
            PackDamagedError: The thumbnails differ from the manifest.
        """
        load_opencv()
        thumbnails = open_thumbnails(pack)
        if thumbnails is None:
            raise SetupError(
                f"pack {pack.manifest.name} {pack.manifest.version} has no thumbnails, which geometric "
                "verification needs; its maker can add them with `edge-build pack --thumbnails 256`"
            )
        self._thumbnails, self._calibration, self._region = thumbnails, calibration, region
        self._known_points: dict[int, Points] = {}
        # OpenCV releases Python's lock, and one small image does not keep two cores busy.
        self._workers = ThreadPoolExecutor(max_workers=min(_MOST_WORKERS, os.cpu_count() or 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the thumbnails and stop the worker threads."""
        self._workers.shutdown()
        self._thumbnails.close()

    def verify(self, photo: Path | bytes | Image, found: Identification, *, top_k: int) -> Identification:
        """Return the answer to a photo with its agreeing points, and its candidates in the order that these suggest.

        Args:
            photo: The photo's file, the bytes of one, or upright RGB.
            found: The answer, with at least `CANDIDATES` matches where the pack has as many.
            top_k: How many matches to keep.

        Raises:
            PhotoError: The photo cannot be used.
            PackDamagedError: A thumbnail cannot be used.
        """
        started = perf_counter()
        compared = found.matches[:CANDIDATES]
        thumbnails = [
            self._unknown_thumbnail(match) for match in compared
        ]  # decoded in this thread: SQLite answers one thread at a time
        in_photo = self._workers.submit(find_points, self._image(photo))
        in_thumbnails = self._workers.map(self._points, compared, thumbnails)
        of_photo = in_photo.result()
        counts = list(self._workers.map(partial(_count_agreeing, of_photo), in_thumbnails))
        self._forget_oldest()
        uncompared = len(found.matches) - len(counts)
        answer = rerank(found, [*counts, *[0] * uncompared], self._calibration, top_k=top_k)
        spent = replace(answer.times, decide=answer.times.decide + perf_counter() - started)
        return replace(answer, times=spent)

    def _forget_oldest(self) -> None:
        for index_id in list(self._known_points)[:-_KEPT_POINTS]:
            del self._known_points[index_id]

    def compare(self, photo: Path, match: Match) -> Comparison:
        """Compare a photo with the thumbnail of one match.

        Raises:
            PhotoError: The photo cannot be used.
            PackDamagedError: The thumbnail cannot be used.
        """
        image, reference = self._image(photo), self._thumbnail(match)
        agreement = None if reference is None else find_agreement(find_points(image), find_points(reference))
        return Comparison(photo=image, reference=reference, agreement=agreement)

    def _image(self, photo: Path | bytes | Image) -> Image:
        if not isinstance(photo, (Path, bytes)):
            image = photo.copy()
        elif isinstance(photo, bytes):
            image = decode_photo(photo, name="the photo", enough_px=MOST_SIDE_PX, region=self._region).image
        else:
            image = open_photo(photo, enough_px=MOST_SIDE_PX, region=self._region).image
        image.thumbnail((MOST_SIDE_PX, MOST_SIDE_PX))
        return image

    def _unknown_thumbnail(self, match: Match) -> Image | None:
        """Return the thumbnail of a match; None if its points are cached or there is no thumbnail."""
        return None if match.index_id in self._known_points else self._thumbnail(match)

    def _points(self, match: Match, thumbnail: Image | None) -> Points | None:
        """Return the points of a match and cache them."""
        if match.index_id is None:
            return None
        if thumbnail is None:
            return self._known_points.get(match.index_id)
        points = self._known_points[match.index_id] = find_points(thumbnail)
        return points

    def _thumbnail(self, match: Match) -> Image | None:
        return None if match.index_id is None else self._thumbnails.image(match.index_id)


def _count_agreeing(in_photo: Points, in_reference: Points | None) -> int:
    agreement = None if in_reference is None else find_agreement(in_photo, in_reference)
    return 0 if agreement is None else agreement.count
