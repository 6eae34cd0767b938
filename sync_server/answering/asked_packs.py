"""The packs that a request asks: the one that it names, the default pack, or all packs of the server.

The rules for several packs are those of the device (`search.most_certain`, `search.packs_identifier`): a photo is
embedded once for packs with the same encoder; packs that do not know a filter's value, or cannot answer this kind of
question, are left out; the most certain answer counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackError, PhotoError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.photos.prepared_photos import PhotoForRecipes, prepare_for_recipes
from edge_identify.edge_runtime.search.geometry.verifier import CANDIDATES
from edge_identify.edge_runtime.search.most_certain import best_fitting
from edge_identify.edge_runtime.search.packs_identifier import Compare, PacksIdentifier, those_that_can
from edge_identify.sync_server.answering.engine_pool import NoPackChosenError
from edge_identify.sync_server.answering.engine_problems import engine_problems
from edge_identify.sync_server.answering.shared_verifier import NoThumbnailsError
from edge_identify.sync_server.contract.problem_kinds import INVALID, ProblemError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.photos.prepared_photos import Photo
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import NamedPhoto, PackEngine

_LOG = logging.getLogger(__name__)


@contextmanager
def asked_packs(pool: EnginePool, pack: str | None) -> Iterator[AskedPacks]:
    """Lend the packs that a request asks while the block runs, and turn engine errors into problems.

    Args:
        pool: The open packs.
        pack: Name of the pack; None for the default pack, or else all packs.

    Raises:
        ProblemError: As `engine_problems`.
    """
    with engine_problems(), pool.borrow_asked(pack) as engines:
        yield AskedPacks(engines)


class AskedPacks:
    """The engines that a request asks. Each answer comes with the engine of the pack that gave it."""

    def __init__(self, engines: Sequence[PackEngine]) -> None:
        """Use borrowed engines, at least one."""
        self._engines = {engine.manifest.name: engine for engine in engines}

    def identify(
        self, photo: NamedPhoto, *, top_k: int, filters: Filters = NO_FILTERS, verifies_geometry: bool = False
    ) -> tuple[Identification, PackEngine]:
        """Name what a photo shows; see `PackEngine.identify` for arguments and errors."""
        if len(self._engines) == 1:
            (engine,) = self._engines.values()
            found = engine.identify(
                photo.data,
                name=photo.name,
                top_k=top_k,
                filters=filters,
                position=photo.position,
                verifies_geometry=verifies_geometry,
            )
            return found, engine
        wanted = max(top_k, CANDIDATES) if verifies_geometry else top_k
        with ExitStack() as stack:
            packs = self._lent(stack, filters)
            if verifies_geometry:
                packs.compare_with(self._comparison(stack, top_k))
            stack.enter_context(self._any_engine.computing_slot())
            found = replace(packs.identify_prepared(_prepared(photo, packs), top_k=wanted), question=photo.name)
        return found, self._engines[found.pack_name]

    def identify_together(
        self, photos: Sequence[NamedPhoto], *, top_k: int, filters: Filters = NO_FILTERS
    ) -> tuple[tuple[Identification, PackEngine] | None, dict[int, PhotoError]]:
        """Name what several photos of the same thing show; see `PackEngine.identify_together`."""
        if len(self._engines) == 1:
            (engine,) = self._engines.values()
            found, problems = engine.identify_together(photos, top_k=top_k, filters=filters)
            return None if found is None else (found, engine), problems
        usable: list[PhotoForRecipes] = []
        problems = {}
        with ExitStack() as stack:
            packs = self._lent(stack, filters)
            stack.enter_context(self._any_engine.computing_slot())
            for at, photo in enumerate(photos):
                try:
                    usable.append(_prepared(photo, packs))
                except PhotoError as error:
                    problems[at] = error
            if not usable:
                return None, problems
            answer = packs.identify_together(usable, top_k=top_k)
        first, *others = (photo.name for at, photo in enumerate(photos) if at not in problems)
        answer = replace(answer, question=first, further_photos=tuple(others))
        return (answer, self._engines[answer.pack_name]), problems

    def search(
        self,
        ask: Callable[[PackEngine], Identification],
        *,
        filters: Filters,
        fits: Callable[[PackEngine], bool] = lambda _: True,
        lacking: str = "",
    ) -> tuple[Identification, PackEngine]:
        """Return what the packs find for a text or a vector: the answer whose first match fits best.

        Args:
            ask: Asks one pack.
            filters: The filters that `ask` uses.
            fits: Whether a pack can answer this question at all; not asked of a single pack.
            lacking: The problem if several packs are asked and none fits.

        Raises:
            ProblemError: No pack fits.
            SetupError: No pack knows a filter's value, or no reference passes.
        """
        if len(self._engines) == 1:
            (engine,) = self._engines.values()
            return ask(engine), engine
        able = [(name, engine) for name, engine in self._engines.items() if fits(engine)]
        if not able:
            raise ProblemError(INVALID, f"{lacking}: {', '.join(self._engines)}")
        found = best_fitting(
            those_that_can([(name, partial(ask, engine)) for name, engine in able], filters, _left_out)
        )
        return found, self._engines[found.pack_name]

    def one_space(self) -> PackEngine:
        """Return the engine of the only pack, or of one of several packs with one embedding space.

        Raises:
            NoPackChosenError: The packs have different embedding spaces.
        """
        spaces = {engine.manifest.model.space_id for engine in self._engines.values()}
        if len(spaces) > 1:
            raise NoPackChosenError(
                f"the server's packs have {len(spaces)} embedding spaces; choose one with `pack`: "
                f"{', '.join(self._engines)}"
            )
        return self._any_engine

    @property
    def _any_engine(self) -> PackEngine:
        return next(iter(self._engines.values()))

    def _lent(self, stack: ExitStack, filters: Filters) -> PacksIdentifier:
        makers = [
            (name, lambda engine=engine: stack.enter_context(engine.lend_identifier(filters)))
            for name, engine in self._engines.items()
        ]
        return PacksIdentifier(those_that_can(makers, filters, _left_out), report=_left_out)

    def _comparison(self, stack: ExitStack, top_k: int) -> Compare:
        """Return what compares a photo with each pack's matches, with the turns that this needs.

        Turns are taken in the order of the packs' names, so two requests never wait for each other.
        """
        able = set()
        problem: NoThumbnailsError | None = None
        for name, engine in self._engines.items():
            try:
                stack.enter_context(engine.verifier.slot())
                able.add(name)
            except NoThumbnailsError as error:
                problem = error
        if not able and problem is not None:
            raise problem

        def compare(photos: Sequence[Photo], found: Identification) -> Identification:
            (photo,) = photos
            if found.pack_name not in able:
                return replace(found, matches=found.matches[:top_k])
            assert isinstance(photo, OpenedPhoto), "a request sends bytes"
            assert isinstance(photo.content, bytes), "a request sends bytes"
            return self._engines[found.pack_name].verifier.verify(photo.content, found, top_k=top_k)

        return compare


def _prepared(photo: NamedPhoto, packs: PacksIdentifier) -> PhotoForRecipes:
    opened = OpenedPhoto(name=photo.name, content=photo.data)
    return prepare_for_recipes(opened, packs.recipes, None, lambda _: photo.position)


def _left_out(name: str, error: PackError) -> None:
    _LOG.warning("a pack is left out", extra={"pack": name, "reason": str(error)})
