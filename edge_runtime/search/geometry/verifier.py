"""Geometric verification: a photo is compared point by point with the reference images of its best matches.

The points are those of the pack's local-feature net. Older packs have none; then they are SIFT's (extra `geometry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.descriptors_file import open_descriptors
from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails
from edge_identify.edge_runtime.photos.images import decode_photo, open_photo
from edge_identify.edge_runtime.search.geometry.cascade import CANDIDATES
from edge_identify.edge_runtime.search.geometry.kept_points import KeptPoints
from edge_identify.edge_runtime.search.geometry.point_agreement import Agreement
from edge_identify.edge_runtime.search.geometry.point_counting import (
    DescribedPoints,
    PointCounter,
    ReferencePoints,
    ThumbnailPoints,
)
from edge_identify.edge_runtime.search.geometry.reranking import rerank
from edge_identify.edge_runtime.search.geometry.shared_methods import PointMethods
from edge_identify.edge_runtime.search.taught_search import TaughtPoints

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.answers.identification import Identification, Match
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.pack.manifest import Manifest
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
    from edge_identify.edge_runtime.photos.regions import Region
    from edge_identify.edge_runtime.search.geometry.point_methods import PointMethod
    from edge_identify.edge_runtime.search.taught_search import TaughtPictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A photo and a reference with their agreeing points.

    Attributes:
        photo: The compared photo or region: upright RGB, longer side at most the method's `photo_side_px`.
        reference: The reference's thumbnail; None if the pack has none for that image.
        reference_size: Width and height of the image whose points were compared; a thumbnail may have another size.
        agreement: The agreeing points; None if there are too few.
    """

    photo: Image
    reference: Image | None
    reference_size: tuple[int, int]
    agreement: Agreement | None


class GeometryVerifier:
    """Compares photos with the reference images of one pack. Use it as a context manager, or call `close`.

    It is not thread-safe: cached points have no lock. Its own worker threads share no OpenCV object.
    """

    def __init__(
        self,
        pack: Pack,
        calibration: Calibration | None,
        *,
        region: Region | None = None,
        methods: PointMethods | None = None,
        taught: TaughtPictures | None = None,
    ) -> None:
        """Open what the pack holds of its reference images, and start the worker threads.

        Args:
            pack: An open pack.
            calibration: The calibration of the pack's answers; None for an uncalibrated encoder.
            region: The region of each photo to compare; None for all of it.
            methods: The nets that packs share; None shares none.
            taught: What a person taught beside the pack; compared by its kept pictures.

        Raises:
            SetupError: The pack has nothing to compare with; or it has no local-feature net, and OpenCV is missing.
            PackDamagedError: A file differs from the manifest.
        """
        self._method = (methods or PointMethods()).of(pack)
        self._calibration, self._region, self._taught = calibration, region, taught
        with ExitStack() as stack:
            thumbnails = open_thumbnails(pack)
            self._thumbnails = None if thumbnails is None else stack.enter_context(thumbnails)
            self._references: ReferencePoints = _reference_points(pack, self._thumbnails, self._method, stack)
            if taught is not None:
                self._references = TaughtPoints(self._references, taught, self._method)
            self._counter = stack.enter_context(PointCounter(self._method, self._references))
            self._opened = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def photo_side_px(self) -> int:
        """Longer side at which a photo is compared."""
        return self._method.photo_side_px

    def close(self) -> None:
        """Stop the worker threads and close the files."""
        self._opened.close()

    def verify(self, photo: Path | bytes | Image, found: Identification, *, top_k: int) -> Identification:
        """Return the answer to a photo with its agreeing points, and its candidates in the order that these suggest.

        Args:
            photo: The photo's file, the bytes of one, or upright RGB.
            found: The answer, with at least `CANDIDATES` matches where the pack has as many.
            top_k: How many matches to keep.

        Raises:
            PhotoError: The photo cannot be used.
            PackDamagedError: A reference image cannot be used.
        """
        return self.verify_together([photo], found, top_k=top_k)

    def verify_together(
        self, photos: Sequence[Path | bytes | Image], found: Identification, *, top_k: int
    ) -> Identification:
        """Return the answer to several photos of one thing; otherwise as `verify`.

        A reference counts with the photo that has the most points in common with it: it may show one side of the thing.
        """
        started = perf_counter()
        compared = [match.index_id for match in found.matches[:CANDIDATES]]
        counts = [max(each) for each in zip(*(self.count_points(photo, compared) for photo in photos), strict=True)]
        uncompared = len(found.matches) - len(counts)
        answer = rerank(found, [*counts, *[0] * uncompared], self._calibration, top_k=top_k)
        spent = replace(answer.times, decide=answer.times.decide + perf_counter() - started)
        return replace(answer, times=spent)

    def count_points(self, photo: Path | bytes | Image, index_ids: Sequence[int | None]) -> list[int]:
        """Return how many points of a photo agree with each reference image; 0 if too few do.

        Args:
            photo: The photo's file, the bytes of one, or upright RGB.
            index_ids: Ids of the images' vectors, `Match.index_id`.

        Raises:
            PhotoError: The photo cannot be used.
            PackDamagedError: A reference image cannot be used.
        """
        return self._counter.count_points(self._image(photo), index_ids)

    def compare(self, photo: Path | bytes | Image, match: Match) -> Comparison:
        """Compare a photo with the reference image of one match; see `verify` for `photo`.

        Raises:
            PhotoError: The photo cannot be used.
            PackDamagedError: The reference image cannot be used.
        """
        image = self._image(photo)
        points = None if match.index_id is None else self._references.points(match.index_id)
        agreement = None if points is None else self._method.agreement(self._method.photo_points(image), points)
        reference = self._thumbnail(match)
        known_size = image.size if reference is None else reference.size
        return Comparison(
            photo=image,
            reference=reference,
            reference_size=known_size if points is None else points.size,
            agreement=agreement,
        )

    def _image(self, photo: Path | bytes | Image) -> Image:
        most_px = self._method.photo_side_px
        if not isinstance(photo, (Path, bytes)):
            image = photo.copy()
        elif isinstance(photo, bytes):
            image = decode_photo(photo, name="the photo", enough_px=most_px, region=self._region).image
        else:
            image = open_photo(photo, enough_px=most_px, region=self._region).image
        image.thumbnail((most_px, most_px))
        return image

    def _thumbnail(self, match: Match) -> Image | None:
        if match.is_own and self._taught is not None and match.index_id is not None:
            return self._taught.image(match.index_id)
        return None if self._thumbnails is None or match.index_id is None else self._thumbnails.image(match.index_id)


def can_compare(manifest: Manifest) -> bool:
    """Return whether a pack holds what photos are compared with."""
    return manifest.thumbnails is not None or manifest.local_features is not None


def _reference_points(
    pack: Pack, thumbnails: ThumbnailTable | None, method: PointMethod, stack: ExitStack
) -> ReferencePoints:
    """Return the points of a pack's reference images; the stack keeps new ones on the disk when it ends."""
    descriptors = open_descriptors(pack)
    if descriptors is not None:
        return DescribedPoints(descriptors)
    if thumbnails is None:
        raise SetupError(
            f"pack {pack.manifest.name} {pack.manifest.version} has no thumbnails and no descriptors, which geometric "
            "verification needs; its maker can add them with `edge-build pack --local-features thumbnails`"
        )
    described = ThumbnailPoints(thumbnails, method)
    spec = pack.manifest.local_features
    if spec is None or pack.points_folder is None:
        return described
    net_sha256 = pack.manifest.files[spec.onnx_variant.model].sha256
    kept = KeptPoints(described, thumbnails, spec, net_sha256, pack.points_folder)
    stack.callback(kept.keep)
    return kept
