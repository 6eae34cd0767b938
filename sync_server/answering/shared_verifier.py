"""One geometry verifier that the requests of a pack share, one after the other.

The verifier keeps points and uses all cores, so one request at a time compares. It is made at the first comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier, can_compare
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.pack.pack_reader import Pack


class NoThumbnailsError(Exception):
    """The pack has no thumbnails to compare a photo with."""


class NoOpenCVError(Exception):
    """OpenCV (extra `geometry`) is missing on this server, and the pack has no local-feature net."""


class SharedVerifier:
    """Compares photos with the reference images of a pack, for one thread at a time. Call `close`."""

    def __init__(self, pack: Pack, calibration: Calibration | None, *, patience_s: float) -> None:
        """Load nothing yet.

        Args:
            pack: The open pack.
            calibration: Calibration of the image encoder in use, or None.
            patience_s: How long a request waits for its turn.
        """
        self._pack = pack
        self._calibration = calibration
        # A limit of its own: requests that wait for a comparison must not block other requests.
        self._turns = ConcurrencyLimit(1, patience_s=patience_s)
        self._verifier: GeometryVerifier | None = None

    def check_can_compare(self) -> None:
        """Check that the pack holds what photos are compared with.

        Raises:
            NoThumbnailsError: It has neither thumbnails nor descriptors.
        """
        if not can_compare(self._pack.manifest):
            raise NoThumbnailsError(
                f"pack {self._pack.manifest.name} has no thumbnails and no descriptors; "
                "`verify_geometry` compares the photo with these"
            )

    def slot(self) -> AbstractContextManager[None]:
        """Return the only slot for a comparison.

        Trap: never wait for it while holding a slot for computing. Requests that need no comparison would wait too.

        Raises:
            BusyError: On entering: the slot did not become free in time.
        """
        return self._turns.slot()

    def verify_together(self, photos: Sequence[bytes], found: Identification, *, top_k: int) -> Identification:
        """Return the answer after a comparison, as `GeometryVerifier.verify_together`. Call it only within `slot`.

        Raises:
            NoThumbnailsError: As `check_can_compare`.
            NoOpenCVError: OpenCV is missing.
            PhotoError: A photo cannot be decoded.
        """
        return self._loaded().verify_together(photos, found, top_k=top_k)

    def close(self) -> None:
        """Close the verifier. No thread may be using it."""
        if self._verifier is not None:
            self._verifier.close()

    def _loaded(self) -> GeometryVerifier:
        self.check_can_compare()
        try:
            if self._verifier is None:
                self._verifier = GeometryVerifier(self._pack, self._calibration)
            return self._verifier
        except SetupError as error:
            raise NoOpenCVError(str(error)) from error
