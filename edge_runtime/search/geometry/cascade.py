"""When the points of a photo are compared: always, never, or if similarity alone does not identify it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.decisions.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.pack.manifest import Manifest
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.prepared_photos import Photo
    from edge_identify.edge_runtime.photos.regions import Region
    from edge_identify.edge_runtime.search.geometry.shared_methods import PointMethods
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier
    from edge_identify.edge_runtime.search.taught_search import TaughtPictures

#: Number of most similar references to compare. 20 take twice as long and rank .002 of 368 photos of packages and .006
#: of 149 of mosaics better.
CANDIDATES = 10


class GeometryMode(StrEnum):
    """When points are compared."""

    AUTO = "auto"  # if similarity alone does not identify the photo, and the pack was calibrated for points
    ALWAYS = "always"
    NEVER = "never"


def may_compare(mode: GeometryMode, manifest: Manifest, calibration: Calibration | None) -> bool:
    """Return whether answers of a pack are ever compared in a mode.

    Args:
        mode: The mode.
        manifest: The pack's manifest.
        calibration: The calibration of the pack's answers; None for an uncalibrated encoder.
    """
    if mode is GeometryMode.AUTO:
        return manifest.local_features is not None and calibration is not None and calibration.points is not None
    return mode is GeometryMode.ALWAYS


def needs_comparison(mode: GeometryMode, answers: Sequence[Identification]) -> bool:
    """Return whether the answers of all packs to one photo, or to several photos of one thing, are compared.

    In `auto` they are not if one of them identifies the photo: it is the most certain one.

    Args:
        mode: The mode.
        answers: One of each pack, by similarity.
    """
    if mode is GeometryMode.AUTO:
        return all(answer.decision is not Decision.IDENTIFIED for answer in answers)
    return mode is GeometryMode.ALWAYS


def match_count(top_k: int, *, compares: bool) -> int:
    """Return how many matches to search for: points re-rank more than are shown.

    Args:
        top_k: How many matches are shown.
        compares: Whether the answer may be compared; see `may_compare`.
    """
    return max(top_k, CANDIDATES) if compares else top_k


class GeometryCascade:
    """Compares the photos of one pack where the mode asks for it. Use it as a context manager, or call `close`.

    The net and the thumbnails are loaded when the first photo needs them. It is not thread-safe.
    """

    def __init__(
        self,
        pack: Pack,
        calibration: Calibration | None,
        mode: GeometryMode = GeometryMode.AUTO,
        *,
        region: Region | None = None,
        methods: PointMethods | None = None,
        taught: TaughtPictures | None = None,
    ) -> None:
        """Remember what to compare with.

        Args:
            pack: An open pack.
            calibration: The calibration of the pack's answers; None for an uncalibrated encoder.
            mode: When to compare.
            region: The region of each photo to compare; None for all of it.
            methods: The nets that packs share; None shares none.
            taught: What a person taught beside the pack.
        """
        self._pack, self._calibration, self._mode, self._region = pack, calibration, mode, region
        self._methods, self._taught = methods, taught
        self._may_compare = may_compare(mode, pack.manifest, calibration)
        self._verifier: GeometryVerifier | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was loaded."""
        if self._verifier is not None:
            self._verifier.close()
            self._verifier = None

    @property
    def compared_px(self) -> int | None:
        """The longer side at which photos are compared; None if no answer is ever compared."""
        if not self._may_compare:
            return None
        features = self._pack.manifest.local_features
        return self.verifier().photo_side_px if features is None else features.photo.side_px

    def match_count(self, top_k: int) -> int:
        """Return how many matches an answer needs before `verified`."""
        return match_count(top_k, compares=self._may_compare)

    def verified(self, photos: Sequence[Photo], answer: Identification, *, top_k: int) -> Identification:
        """Return the answer to a photo, or to several photos of one thing, compared point by point if it is needed.

        Args:
            photos: The photos.
            answer: The answer, with `match_count` matches where the pack has as many.
            top_k: How many matches to keep.

        Raises:
            PhotoError: The photo cannot be used.
            PackDamagedError: A file of the pack differs from the manifest, or cannot be used.
            SetupError: The pack has nothing to compare with; or it has no local-feature net, and OpenCV is missing.
        """
        if not (self._may_compare and needs_comparison(self._mode, [answer])):
            return replace(answer, matches=answer.matches[:top_k])
        return self.verifier().verify_together([comparable(photo) for photo in photos], answer, top_k=top_k)

    def verifier(self) -> GeometryVerifier:
        """Return the loaded verifier.

        Raises:
            PackDamagedError, SetupError: As `verified`.
        """
        if self._verifier is None:
            from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier

            self._verifier = GeometryVerifier(
                self._pack, self._calibration, region=self._region, methods=self._methods, taught=self._taught
            )
        return self._verifier


def comparable(photo: Photo) -> Path | bytes | Image:
    """Return a photo as `GeometryVerifier` takes it.

    Raises:
        PhotoError: It was given as pixels, and has too many.
    """
    if isinstance(photo, Path):
        return photo
    return photo.content if isinstance(photo.content, bytes) else photo.decode(enough_px=None).image
