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
from typing import TYPE_CHECKING, TypeVar

from edge_identify.edge_runtime.errors import PackError, PhotoError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.photos.prepared_photos import PhotoForRecipes, prepare_for_recipes
from edge_identify.edge_runtime.photos.preprocessing import enough_px
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode, needs_comparison
from edge_identify.edge_runtime.search.most_certain import PackAnswers, best_fitting
from edge_identify.edge_runtime.search.packs_identifier import PacksIdentifier, those_that_can
from edge_identify.sync_server.answering.engine_pool import NoPackChosenError
from edge_identify.sync_server.answering.engine_problems import engine_problems
from edge_identify.sync_server.answering.shared_verifier import NoOpenCVError, NoThumbnailsError
from edge_identify.sync_server.contract.problem_kinds import INVALID, ProblemError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import NamedPhoto, PackEngine

T = TypeVar("T")

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
        self,
        photo: NamedPhoto,
        *,
        top_k: int,
        filters: Filters = NO_FILTERS,
        geometry: GeometryMode = GeometryMode.AUTO,
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
                geometry=geometry,
            )
            return found, engine
        with ExitStack() as stack:
            packs = self._lent(stack, filters)
            wanted = self._match_count(packs, top_k, geometry)
            (answers,) = packs.ask_each([self._prepared(photo, packs)], top_k=wanted)
        answers = self._compared([photo], answers, top_k, geometry)
        found = replace(answers.most_certain(), question=photo.name)
        return found, self._engines[found.pack_name]

    def identify_together(
        self,
        photos: Sequence[NamedPhoto],
        *,
        top_k: int,
        filters: Filters = NO_FILTERS,
        geometry: GeometryMode = GeometryMode.AUTO,
    ) -> tuple[tuple[Identification, PackEngine] | None, dict[int, PhotoError]]:
        """Name what several photos of the same thing show; see `PackEngine.identify_together`."""
        if len(self._engines) == 1:
            (engine,) = self._engines.values()
            found, problems = engine.identify_together(photos, top_k=top_k, filters=filters, geometry=geometry)
            return None if found is None else (found, engine), problems
        prepared: list[PhotoForRecipes] = []
        problems = {}
        with ExitStack() as stack:
            packs = self._lent(stack, filters)
            wanted = self._match_count(packs, top_k, geometry)
            for at, photo in enumerate(photos):
                try:
                    prepared.append(self._prepared(photo, packs))
                except PhotoError as error:
                    problems[at] = error
            if not prepared:
                return None, problems
            answers = packs.ask_together(prepared, top_k=wanted)
        usable = [photo for at, photo in enumerate(photos) if at not in problems]
        first, *others = (photo.name for photo in usable)
        answer = self._compared(usable, answers, top_k, geometry).most_certain()
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

    def _prepared(self, photo: NamedPhoto, packs: PacksIdentifier) -> PhotoForRecipes:
        opened = OpenedPhoto(name=photo.name, content=photo.data)
        enough = max(enough_px(recipe) for recipe in packs.recipes)
        with self._any_engine.decoding(photo, enough_px=enough):
            return prepare_for_recipes(opened, packs.recipes, None, lambda _: photo.position)

    def _match_count(self, packs: PacksIdentifier, top_k: int, geometry: GeometryMode) -> int:
        """Return how many matches to search for in each of the packs that answer.

        Raises:
            NoThumbnailsError: `geometry` is `always`, and no pack can be compared.
        """
        engines = [self._engines[one.pack_name] for one in packs.identifiers]
        _those_comparable([partial(engine.check_comparable, geometry) for engine in engines])
        return max(engine.match_count(top_k, geometry) for engine in engines)

    def _compared(
        self, photos: Sequence[NamedPhoto], found: PackAnswers, top_k: int, geometry: GeometryMode
    ) -> PackAnswers:
        """Return the packs' answers, compared if none identifies the photo, one pack after the other.

        A pack that must be compared and cannot answers without, if another one can.
        """
        if not needs_comparison(geometry, found.answers):
            return replace(found, answers=tuple(_shortened(answer, top_k) for answer in found.answers))
        contents = [photo.data for photo in photos]

        def compare(answer: Identification) -> Identification:
            engine = self._engines[answer.pack_name]
            return engine.compared(contents, answer, top_k=top_k, geometry=geometry)

        def compare_if_whole(answer: Identification) -> Identification | None:
            try:
                return compare(answer)
            except PackError as error:
                if len(found.answers) == 1:
                    raise
                _left_out(answer.pack_name, error)
                return None

        compared = _those_comparable([partial(compare_if_whole, answer) for answer in found.answers])
        return replace(
            found,
            answers=tuple(
                _shortened(answer, top_k) if after is None else after
                for answer, after in zip(found.answers, compared, strict=True)
            ),
        )


def _those_comparable(tries: Sequence[Callable[[], T]]) -> list[T | None]:
    """Return what each pack returns, None for a pack that cannot be compared.

    Raises:
        NoThumbnailsError, NoOpenCVError: No pack can be compared.
    """
    found: list[T | None] = []
    problems: list[NoThumbnailsError | NoOpenCVError] = []
    for attempt in tries:
        try:
            found.append(attempt())
        except (NoThumbnailsError, NoOpenCVError) as error:
            found.append(None)
            problems.append(error)
    if len(problems) == len(tries):
        raise problems[0]
    return found


def _shortened(answer: Identification, top_k: int) -> Identification:
    return replace(answer, matches=answer.matches[:top_k])


def _left_out(name: str, error: PackError) -> None:
    _LOG.warning("a pack is left out", extra={"pack": name, "reason": str(error)})
