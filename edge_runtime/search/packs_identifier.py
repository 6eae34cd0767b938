"""From a photo to an answer with several packs: all are asked, and the most certain answer counts.

Packs with the same encoder and the same preprocessing share one embedding of the photo. A pack that fails is left out,
and the others answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.encoders.shared_encoders import SharedEncoders
from edge_identify.edge_runtime.errors import PackError, PhotoError, SetupError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.search.identifier import DEFAULT_TOP_K, Identifier
from edge_identify.edge_runtime.search.most_certain import PackAnswers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.prepared_photos import Photo, PhotoForRecipes, PreparedPhoto
    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

#: Tells that a pack is left out: its name, and what is wrong with it.
Report = Callable[[str, PackError], None]

T = TypeVar("T")


class Compare(Protocol):
    """Compares photos with the matches of the packs' answers where that is needed."""

    def __call__(
        self, photos: Sequence[Photo], answers: Sequence[Identification], leave_out: Report | None = None, /
    ) -> Sequence[Identification]:
        """Return the answers after that.

        Args:
            photos: The photo, or the photos of one thing.
            answers: One of each pack.
            leave_out: Takes each pack that fails; its answer is left out. None: the error is raised.
        """


class PacksIdentifier:
    """Identifies photos with several packs. Use it as a context manager, or call `close`."""

    def __init__(self, identifiers: Sequence[Identifier], *, report: Report) -> None:
        """Use identifiers, which `close` closes; `open_packs_identifier` makes them.

        Args:
            identifiers: One of each pack, at least one.
            report: Tells of a pack that fails while it answers.
        """
        self._opened, self._identifiers = tuple(identifiers), list(identifiers)
        self._report = report

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """The identifiers of the packs that answer."""
        return tuple(self._identifiers)

    @property
    def recipes(self) -> tuple[Preprocessing, ...]:
        """The distinct ways to preprocess a photo for these packs."""
        return tuple(dict.fromkeys(identifier.recipe for identifier in self._identifiers))

    def close(self) -> None:
        """Close the packs' files."""
        for identifier in self._opened:
            identifier.close()

    def narrowed(self, filters: Filters) -> PacksIdentifier:
        """Return a new identifier with other filters, of the packs that know their values. The caller closes it.

        Raises:
            SetupError: No pack knows the filters' values, or no reference passes.
        """
        makers = [(one.pack_name, lambda one=one: one.narrowed(filters)) for one in self._identifiers]
        return PacksIdentifier(those_that_can(makers, filters, self._report), report=self._report)

    def identify_prepared(
        self, photo: PhotoForRecipes, *, top_k: int = DEFAULT_TOP_K, compare: Compare | None = None
    ) -> Identification:
        """Name what a prepared photo shows. The time of preparing it counts."""
        (answers,) = self.ask_each([photo], top_k=top_k)
        return self._chosen([photo], answers, compare)

    def identify_batch(
        self, photos: Sequence[PhotoForRecipes], *, top_k: int = DEFAULT_TOP_K, compare: Compare | None = None
    ) -> list[Identification | FailedPhoto]:
        """Name what each of one or more prepared photos shows. One that can no longer be read for the comparison fails.

        Args:
            photos: The photos.
            top_k: Maximum number of matches of each pack's answer.
            compare: Compares the answers of all packs with the photo before one of them is chosen.
        """
        answers = self.ask_each(photos, top_k=top_k)
        return [self._chosen_or_failed(photo, found, compare) for photo, found in zip(photos, answers, strict=True)]

    def identify_together(
        self, photos: Sequence[PhotoForRecipes], *, top_k: int = DEFAULT_TOP_K, compare: Compare | None = None
    ) -> Identification:
        """Return one answer from one or more prepared photos of the same thing; see `identify_batch`."""
        return self._chosen(photos, self.ask_together(photos, top_k=top_k), compare)

    def ask_each(self, photos: Sequence[PhotoForRecipes], *, top_k: int) -> list[PackAnswers]:
        """Return what the packs answer to each of one or more prepared photos, not compared."""
        embedded = EmbeddedPhotos(photos)

        def answers(identifier: Identifier) -> list[Identification]:
            vectors, prepared = embedded.of(identifier)
            return identifier.identify_embedded(vectors, prepared, top_k=top_k)

        by_photo = zip(*self._asked(answers), strict=True)
        encode_s = embedded.seconds / embedded.count
        return [
            PackAnswers(answers=found, prepare_s=photo.seconds, encode_s=encode_s)
            for photo, found in zip(photos, by_photo, strict=True)
        ]

    def ask_together(self, photos: Sequence[PhotoForRecipes], *, top_k: int) -> PackAnswers:
        """Return what the packs answer to one or more prepared photos of the same thing, not compared."""
        embedded = EmbeddedPhotos(photos)

        def answer(identifier: Identifier) -> Identification:
            vectors, prepared = embedded.of(identifier)
            return identifier.identify_embedded_together(vectors, prepared, top_k=top_k)

        found = tuple(self._asked(answer))
        prepare_s = sum(photo.seconds for photo in photos)
        return PackAnswers(answers=found, prepare_s=prepare_s, encode_s=embedded.seconds)

    def _chosen_or_failed(
        self, photo: PhotoForRecipes, found: PackAnswers, compare: Compare | None
    ) -> Identification | FailedPhoto:
        try:
            return self._chosen([photo], found, compare)
        except PhotoError as error:  # it could be read a moment ago
            return FailedPhoto(question="", error=error)  # as an answer of `ask_each`: the caller has the name

    def _chosen(self, photos: Sequence[PhotoForRecipes], found: PackAnswers, compare: Compare | None) -> Identification:
        if compare is not None:
            kept = [photo.photo for photo in photos if photo.photo is not None]
            compared = compare(kept, found.answers, self._leave_out)
            found = replace(found, answers=tuple(compared))
        return found.most_certain()

    def _asked(self, answer: Callable[[Identifier], T]) -> list[T]:
        """Return what each pack answers; a pack that fails is reported and not asked again."""
        found: list[T] = []
        for identifier in tuple(self._identifiers):
            try:
                found.append(answer(identifier))
            except PackError as error:
                self._leave_out(identifier.pack_name, error)
        return found

    def _leave_out(self, pack_name: str, error: PackError) -> None:
        """Report a pack that fails, once, and do not ask it again; raise the error if it is the last one."""
        others = [one for one in self._identifiers if one.pack_name != pack_name]
        if not others:
            raise error
        if len(others) < len(self._identifiers):
            self._report(pack_name, error)
        self._identifiers = others


class EmbeddedPhotos:
    """Some photos, embedded once for each distinct encoder and recipe, when a pack needs it first.

    Attributes:
        count: Number of photos.
        seconds: What embedding has taken until now, for all photos and encoders.
    """

    def __init__(self, photos: Sequence[PhotoForRecipes]) -> None:
        """Embed nothing yet."""
        self._photos = photos
        self._vectors: dict[tuple[int, Preprocessing], NDArray[np.float32]] = {}
        self.count = len(photos)
        self.seconds = 0.0

    def of(self, identifier: Identifier) -> tuple[NDArray[np.float32], list[PreparedPhoto]]:
        """Return the vectors and the prepared photos of an identifier, as `Identifier.identify_embedded` takes them."""
        prepared = [photo.by_recipe[identifier.recipe] for photo in self._photos]
        key = id(identifier.encoder), identifier.recipe
        if key not in self._vectors:
            started = perf_counter()
            self._vectors[key] = identifier.embed_photos(prepared)
            self.seconds += perf_counter() - started
        return self._vectors[key], prepared


def open_packs_identifier(
    packs: Sequence[Pack], *, report: Report, many: bool = False, filters: Filters = NO_FILTERS
) -> PacksIdentifier:
    """Load the encoders, indexes and references of several packs. The same encoder is loaded once.

    Args:
        packs: Open packs.
        report: Tells of each pack that is left out for a fault.
        many: As for `Identifier`.
        filters: Only references that pass these filters can match. Packs that do not know their values are left out.

    Raises:
        PackError: No pack can be used.
        SetupError: No pack knows the filters' values, or no reference passes.
    """
    encoders = SharedEncoders()

    def identifier_of(pack: Pack) -> Identifier:
        return Identifier(pack, many=many, filters=filters, encoder=encoders.image(pack, many=many))

    makers = [(pack.manifest.name, lambda pack=pack: identifier_of(pack)) for pack in packs]
    return PacksIdentifier(those_that_can(makers, filters, report), report=report)


def those_that_can(makers: Iterable[tuple[str, Callable[[], T]]], filters: Filters, report: Report) -> list[T]:
    """Return what can be made of several packs, at least one.

    Args:
        makers: The name of each pack, and what makes something of it.
        filters: The filters that the makers use. Packs that do not know their values are left out without a report.
        report: Tells of each pack that is left out for a fault, if others remain.

    Raises:
        PackError: Each pack has a fault.
        SetupError: None of the others knows the filters' values, or no reference passes.
    """
    made: list[T] = []
    faults: list[tuple[str, PackError]] = []
    unknown: list[str] = []
    for name, make in makers:
        try:
            made.append(make())
        except PackError as error:
            faults.append((name, error))
        except SetupError as error:
            if not filters:
                raise
            unknown.append(f"{name}: {error}")
    if not made and not unknown:
        raise _all_faulty([fault for _, fault in faults])
    for name, fault in faults:
        report(name, fault)
    if not made:
        raise SetupError(f"no pack passes the filters; {'; '.join(unknown)}")
    return made


def _all_faulty(errors: Sequence[PackError]) -> PackError:
    return errors[0] if len(errors) == 1 else PackError("; ".join(map(str, errors)))
