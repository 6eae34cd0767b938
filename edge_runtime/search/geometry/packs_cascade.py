"""The comparison of photos with the references of one pack or several: which packs can, and when they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.errors import PackError, SetupError
from edge_identify.edge_runtime.search.geometry.cascade import GeometryCascade, GeometryMode, needs_comparison
from edge_identify.edge_runtime.search.geometry.shared_methods import PointMethods

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.photos.prepared_photos import Photo
    from edge_identify.edge_runtime.photos.regions import Region
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier
    from edge_identify.edge_runtime.search.identifier import Identifier
    from edge_identify.edge_runtime.search.packs_identifier import Compare, Report


class PacksCascade:
    """Compares the photos of one pack or several where a mode asks for it.

    Use it as a context manager, or call `close`. Nets and thumbnails are loaded when the first photo needs them. It is
    not thread-safe.
    """

    def __init__(
        self,
        identifiers: Iterable[Identifier],
        mode: GeometryMode,
        *,
        region: Region | None = None,
        draws: bool = False,
        report: Callable[[SetupError], None] = lambda _: None,
    ) -> None:
        """Remember what to compare with. In `always`, everything is loaded at once.

        Args:
            identifiers: One of each pack, at least one.
            mode: When to compare.
            region: The region of each photo to compare; None for all of it.
            draws: Whether a comparison will be drawn: then everything is loaded at once in each mode.
            report: Takes what is missing for each pack that cannot be compared with. It answers without.

        Raises:
            SetupError: Everything is loaded, and no pack has anything to compare with; or no pack has a local-feature
                net, and OpenCV is missing.
            PackDamagedError: Everything is loaded of the only pack, and a file differs from its manifest.
        """
        self._mode = mode
        self._cascades: dict[str, GeometryCascade] = {}
        problems: list[SetupError] = []
        methods = PointMethods()
        identifiers = tuple(identifiers)
        with ExitStack() as stack:
            for one in identifiers:
                cascade = GeometryCascade(
                    one.pack, one.calibration, mode, region=region, methods=methods, taught=one.taught
                )
                stack.enter_context(cascade)
                try:
                    if draws or mode is GeometryMode.ALWAYS:
                        cascade.verifier()
                except SetupError as error:
                    problems.append(error)
                    continue
                except PackError:
                    if len(identifiers) == 1:
                        raise  # of several, `verified` leaves it out
                self._cascades[one.pack_name] = cascade
            if not self._cascades:
                raise problems[0]
            self._opened = stack.pop_all()
        for problem in problems:
            report(problem)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was loaded."""
        self._opened.close()

    @property
    def compared_px(self) -> int | None:
        """The longer side at which photos are compared, at most; None if no answer is ever compared."""
        sides = [cascade.compared_px for cascade in self._cascades.values()]
        return max((side for side in sides if side is not None), default=None)

    def match_count(self, top_k: int) -> int:
        """Return how many matches to search for in each pack, to answer with `top_k`."""
        return max(cascade.match_count(top_k) for cascade in self._cascades.values())

    def comparison(self, top_k: int) -> Compare:
        """Return `verified` for answers of `top_k` matches."""
        return partial(self.verified, top_k=top_k)

    def verified(
        self,
        photos: Sequence[Photo],
        answers: Sequence[Identification],
        leave_out: Report | None = None,
        *,
        top_k: int,
    ) -> list[Identification]:
        """Return the answers of one pack or several, compared point by point if it is needed.

        Args:
            photos: The photo, or the photos of one thing.
            answers: One of each pack, with `match_count` matches where the pack has as many.
            leave_out: Takes each pack that fails; its answer is left out. None: the error is raised.
            top_k: How many matches to keep.

        Raises:
            PhotoError, PackDamagedError, SetupError: As `GeometryCascade.verified`.
        """
        able = self._cascades if needs_comparison(self._mode, answers) else {}
        found = []
        for answer in answers:
            if answer.pack_name not in able:
                found.append(replace(answer, matches=answer.matches[:top_k]))
                continue
            try:
                found.append(able[answer.pack_name].verified(photos, answer, top_k=top_k))
            except PackError as error:
                if leave_out is None:
                    raise
                leave_out(answer.pack_name, error)
        return found

    def verifier_of(self, pack_name: str) -> GeometryVerifier | None:
        """Return the loaded verifier of a pack; None if it cannot be compared with.

        Raises:
            PackDamagedError, SetupError: As `GeometryCascade.verifier`.
        """
        cascade = self._cascades.get(pack_name)
        return None if cascade is None else cascade.verifier()
