"""When the points of a photo are compared: always, never, or if similarity alone does not identify it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.decisions.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image

    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.pack.manifest import Manifest
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.regions import Region
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier


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
    ) -> None:
        """Remember what to compare with.

        Args:
            pack: An open pack.
            calibration: The calibration of the pack's answers; None for an uncalibrated encoder.
            mode: When to compare.
            region: The region of each photo to compare; None for all of it.
        """
        self._pack, self._calibration, self._mode, self._region = pack, calibration, mode, region
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

    def match_count(self, top_k: int) -> int:
        """Return how many matches an answer needs before `verified`: points re-rank more than are shown."""
        if not self._may_compare:
            return top_k
        from edge_identify.edge_runtime.search.geometry.verifier import CANDIDATES

        return max(top_k, CANDIDATES)

    def verified(self, photos: Sequence[Path | bytes | Image], answer: Identification, *, top_k: int) -> Identification:
        """Return the answer to a photo, or to several photos of one thing, compared point by point if it is needed.

        Args:
            photos: For each photo its file, the bytes of one, or upright RGB.
            answer: The answer, with `match_count` matches where the pack has as many.
            top_k: How many matches to keep.

        Raises:
            PhotoError: The photo cannot be used.
            PackDamagedError: A file of the pack differs from the manifest, or cannot be used.
            SetupError: The pack has nothing to compare with; or it has no local-feature net, and OpenCV is missing.
        """
        if not self._is_needed(answer):
            return replace(answer, matches=answer.matches[:top_k])
        return self.verifier().verify_together(photos, answer, top_k=top_k)

    def verifier(self) -> GeometryVerifier:
        """Return the loaded verifier.

        Raises:
            PackDamagedError, SetupError: As `verified`.
        """
        if self._verifier is None:
            from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier

            self._verifier = GeometryVerifier(self._pack, self._calibration, region=self._region)
        return self._verifier

    def _is_needed(self, answer: Identification) -> bool:
        if not self._may_compare:
            return False
        return self._mode is GeometryMode.ALWAYS or answer.decision is not Decision.IDENTIFIED
