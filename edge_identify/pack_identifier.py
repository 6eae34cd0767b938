"""The identifier of the Python API: photos and texts answered from one pack or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from edge_identify.edge_runtime.errors import PackError, PhotoError, SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.photos.photo_inputs import PhotoInput, name_of, open_photo_input
from edge_identify.edge_runtime.photos.prepared_photos import PhotoForRecipes, exif_position_of, prepare_for_recipes
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.edge_runtime.search.geometry.packs_cascade import PacksCascade
from edge_identify.edge_runtime.search.identifier import DEFAULT_TOP_K, MAX_TOP_K, Identifier
from edge_identify.edge_runtime.search.packs_identifier import (
    PacksIdentifier,
    open_packs_identifier,
    those_that_can,
)
from edge_identify.edge_runtime.search.photo_batches import ReadyPhoto, answers_in_batches, ready_photos

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.photos.prepared_photos import Photo
    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing
    from edge_identify.edge_runtime.search.text_searcher import TextSearcher
    from edge_identify.edge_runtime.taught.overlay import Overlay
    from edge_identify.edge_runtime.taught.taught_things import TaughtThing

    PositionOf = Callable[[Photo], Position | None]

N = TypeVar("N", "Identifier | PacksIdentifier", "TextSearcher")


class PackIdentifier:
    """Answers photos and texts from one pack or several. Use it as a context manager, or call `close`.

    Of several packs, all are asked, and the most certain answer counts; its `pack_name` says which pack gave it. A pack
    that fails is left out, with a line in the log. Encoders and index are loaded when a method needs them first. One
    thread at a time may use it.
    """

    def __init__(self, pack: Pack, *others: Pack) -> None:
        """Use open packs; `edge_identify.open` opens them by name."""
        self._packs = (pack, *others)
        self._stack = ExitStack()
        self._single: Identifier | PacksIdentifier | None = None
        self._many: Identifier | PacksIdentifier | None = None
        self._texts: tuple[TextSearcher, ...] = ()
        self._cascades: dict[GeometryMode, PacksCascade] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pack's files."""
        self._stack.close()
        self._single = self._many = None
        self._texts, self._cascades = (), {}

    @property
    def pack_names(self) -> tuple[str, ...]:
        """The names of the packs, at least one."""
        return tuple(pack.manifest.name for pack in self._packs)

    @property
    def pack_name(self) -> str:
        """The pack's name; `SetupError` for several packs."""
        return self._only_pack("pack_name").manifest.name

    @property
    def pack_version(self) -> str:
        """The pack's version; `SetupError` for several packs."""
        return str(self._only_pack("pack_version").manifest.version)

    @property
    def embedding_space(self) -> str:
        """The id of the model's vector space; `SetupError` for packs of different spaces.

        Only vectors of one space can be compared.
        """
        spaces = {pack.manifest.model.space_id for pack in self._packs}
        if len(spaces) > 1:
            raise SetupError(
                f"the packs {', '.join(self.pack_names)} have {len(spaces)} embedding spaces; open one of them"
            )
        return spaces.pop()

    def identify(
        self,
        photo: PhotoInput,
        *,
        top_k: int = DEFAULT_TOP_K,
        near: tuple[float, float] | None = None,
        accuracy_m: float | None = None,
        no_location: bool = False,
        namespaces: Sequence[str] = (),
        labels: Mapping[str, str | Sequence[str]] | None = None,
        verify_geometry: Literal["auto", "always", "never"] = "auto",
    ) -> Identification:
        """Name what a photo shows.

        Args:
            photo: A path, the bytes of an image file, a binary file object, a Pillow image, or an RGB array, uint8
                [height, width, 3].
            top_k: Maximum number of matches, 1 to 1000.
            near: Latitude and longitude where the photo was taken, WGS 84 degrees. None uses the photo's EXIF position.
            accuracy_m: Accuracy of `near`, in metres.
            no_location: Use no position at all.
            namespaces: Only references in one of these namespaces.
            labels: Only references with these labels: a value, or several alternatives, by label key.
            verify_geometry: When to compare local image features with the most similar references. `auto`: if
                similarity alone does not identify the photo, and the pack was calibrated for it. `always`: also with
                older packs that have thumbnails, which needs the extra `geometry`.

        Raises:
            PhotoError: The photo cannot be used.
            PackError: A file of the pack is damaged, or no encoder of the pack runs here.
            SetupError: A filter fits nothing; or geometry is `always`, and the pack holds nothing to compare with, or
                OpenCV is missing.
            ValueError: `top_k`, `near`, `accuracy_m` or `verify_geometry` is out of range.
        """
        position_of = _position_of(near, accuracy_m, no_location=no_location)
        _check_top_k(top_k)
        mode = GeometryMode(verify_geometry)
        opened = open_photo_input(photo)
        # First the photo: one that cannot be used is told before encoders are loaded.
        recipes = [pack.manifest.preprocessing for pack in self._packs]
        prepared = prepare_for_recipes(opened, recipes, None, position_of)
        whole = self._photos(many=False)
        cascade = self._cascade(whole, mode)
        compare, wanted = cascade.comparison(top_k), cascade.match_count(top_k)
        with _filtered(whole, _filters(namespaces, labels)) as identifier:
            if isinstance(identifier, PacksIdentifier):
                found = identifier.identify_prepared(prepared, top_k=wanted, compare=compare)
                return replace(found, question=opened.name)
            one = prepared.by_recipe[identifier.recipe]
            answer = replace(identifier.identify_prepared(one, top_k=wanted), question=opened.name)
        return compare([opened], [answer])[0]

    def identify_many(
        self,
        photos: Iterable[PhotoInput],
        *,
        top_k: int = DEFAULT_TOP_K,
        near: tuple[float, float] | None = None,
        accuracy_m: float | None = None,
        no_location: bool = False,
        namespaces: Sequence[str] = (),
        labels: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Iterator[Identification | FailedPhoto]:
        """Yield what each of many photos shows, in their order.

        A few threads decode photos ahead, and photos are embedded in batches. A photo that cannot be used gives a
        `FailedPhoto` with its `error`, and the iteration goes on. Python warnings are ignored until the iteration ends.

        Args:
            photos: Any iterable; read a few photos ahead.
            top_k: As in `identify`.
            near: As in `identify`, for all photos.
            accuracy_m: As in `identify`.
            no_location: As in `identify`.
            namespaces: As in `identify`.
            labels: As in `identify`.

        Raises:
            PackError, SetupError, ValueError: As `identify`.
        """
        position_of = _position_of(near, accuracy_m, no_location=no_location)
        _check_top_k(top_k)
        filters = _filters(namespaces, labels)
        return self._answers(photos, top_k, position_of, filters)

    def _answers(
        self, photos: Iterable[PhotoInput], top_k: int, position_of: PositionOf, filters: Filters
    ) -> Iterator[Identification | FailedPhoto]:
        whole = self._photos(many=True)
        cascade = self._cascade(whole, GeometryMode.AUTO)
        compare, wanted = cascade.comparison(top_k), cascade.match_count(top_k)
        make_ready = partial(_make_ready, position_of=position_of, compared_px=cascade.compared_px)
        with _filtered(whole, filters) as identifier:
            if isinstance(identifier, PacksIdentifier):
                with closing(ready_photos(photos, partial(make_ready, recipes=identifier.recipes))) as ready:
                    identify = partial(identifier.identify_batch, top_k=wanted, compare=compare)
                    yield from answers_in_batches(ready, identify)
                return
            with closing(ready_photos(photos, partial(make_ready, recipes=[identifier.recipe]))) as ready:
                yield from answers_in_batches(ready, partial(_identify_batch, identifier, top_k=wanted), compare)

    def search(
        self,
        text: str,
        *,
        top_k: int = DEFAULT_TOP_K,
        namespaces: Sequence[str] = (),
        labels: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Identification:
        """Return the references that a text names or describes, best first. The answer has no decision.

        Ids, names, labels, namespaces and attributes are searched, typing errors allowed, and the text encoder if the
        pack has one. An exact id or name is first. `Match.reasons` says why a reference matches. If nothing matches,
        `Identification.note` says why.

        Args:
            text: An id, a name, a part of one, or a description.
            top_k: As in `identify`.
            namespaces: As in `identify`.
            labels: As in `identify`.

        Raises:
            PackError: A file is damaged.
            SetupError: The text is empty, or a filter fits nothing.
            ValueError: `top_k` is out of range.
        """
        from edge_identify.edge_runtime.search.filtering import pack_namespaces_named_in
        from edge_identify.edge_runtime.search.most_certain import best_fitting
        from edge_identify.edge_runtime.search.text_searcher import check_text

        check_text(text)
        _check_top_k(top_k)
        filters = _filters(namespaces, labels)

        def found_by(searcher: TextSearcher) -> Identification:
            suggested = () if namespaces else pack_namespaces_named_in(text, searcher.pack)
            with _filtered(searcher, filters) as narrowed:
                return replace(narrowed.search(text, top_k=top_k), suggested_namespaces=suggested)

        searchers = self._text_searchers()
        if len(searchers) == 1:
            return found_by(searchers[0])
        makers = [(one.pack.manifest.name, partial(found_by, one)) for one in searchers]
        return best_fitting(those_that_can(makers, filters, log_left_out))

    def embed_image(self, photo: PhotoInput) -> NDArray[np.float32]:
        """Return the unit vector of an image, float32 [dim], as the index has it of reference images.

        Args:
            photo: As in `identify`.

        Raises:
            PhotoError: The image cannot be used.
            PackError: As `identify`.
            SetupError: The packs have different embedding spaces.
        """
        _ = self.embedding_space
        identifier = self._photos(many=False)
        if isinstance(identifier, PacksIdentifier):
            identifier = identifier.identifiers[0]
        pixels = identifier.pixels(open_photo_input(photo).decode(enough_px=None).image)
        embedding: NDArray[np.float32] = identifier.embed_pixels(pixels[None])[0]
        return embedding

    def teach(self, *photos: PhotoInput, name: str, note: str = "") -> TaughtThing:
        """Teach this device a thing that the pack does not know; from now on, photos of it can be identified.

        The pack does not change: what is taught lies beside it, and counts for every later answer from it. Its matches
        have `is_own`. A name that is known already gets the photos as further pictures.

        Args:
            photos: At least one, as in `identify`. They are kept, reduced and without EXIF.
            name: What they show.
            note: What else is to be said of it.

        Raises:
            PhotoError: A photo cannot be used. Nothing is taught then.
            SetupError: The name is empty or too long, several packs are open, or the disk refuses.
            PackError: What was taught before is damaged.
        """
        from edge_identify.edge_runtime.taught.kept_picture import kept_picture

        overlay = self._overlay("teach")
        if not photos:
            raise SetupError("no photo is given; give at least one that shows the thing")
        pictures = [kept_picture(open_photo_input(photo)) for photo in photos]
        thing = overlay.add(pictures, name=name, note=note)
        self._refresh_taught()
        return thing

    def taught(self) -> tuple[TaughtThing, ...]:
        """Return what was taught beside the pack, oldest first.

        Raises:
            SetupError: Several packs are open.
            PackError: It is damaged.
        """
        return self._overlay("taught").things()

    def forget(self, thing: str) -> TaughtThing:
        """Remove a taught thing and its pictures, by its id or name; return what it was.

        Raises:
            SetupError: There is no such thing, several packs are open, or the disk refuses.
            PackError: What was taught is damaged.
        """
        found = self._overlay("forget").remove(thing)
        self._refresh_taught()
        return found

    def _overlay(self, what: str) -> Overlay:
        from edge_identify.edge_runtime.taught.overlay import Overlay

        pack = self._only_pack(what)
        if pack.taught_folder is None:
            raise SetupError(f"{pack.folder}: has no place for what is taught; open the pack with edge_identify.open")
        return Overlay(pack.taught_folder)

    def _refresh_taught(self) -> None:
        for one in (self._single, self._many):
            if isinstance(one, Identifier) and one.taught is not None:
                one.taught.refresh()

    def _only_pack(self, what: str) -> Pack:
        if len(self._packs) > 1:
            raise SetupError(
                f"{what}: {len(self._packs)} packs are open ({', '.join(self.pack_names)}); each answer names its own"
            )
        return self._packs[0]

    def _photos(self, *, many: bool) -> Identifier | PacksIdentifier:
        """Return the loaded identifier; one that was loaded for many photos answers single ones too."""
        if self._many is not None:
            return self._many
        if many:
            self._many = _identifier_of(self._packs, many=True)
            self._stack.callback(self._many.close)
            return self._many
        if self._single is None:
            self._single = _identifier_of(self._packs, many=False)
            self._stack.callback(self._single.close)
        return self._single

    def _text_searchers(self) -> tuple[TextSearcher, ...]:
        """Return a searcher for each pack that can be searched."""
        from edge_identify.edge_runtime.search.text_searcher import TextSearcher

        if not self._texts:
            if len(self._packs) == 1:
                made = [TextSearcher(self._packs[0])]
            else:
                makers = [(pack.manifest.name, partial(TextSearcher, pack)) for pack in self._packs]
                made = those_that_can(makers, NO_FILTERS, log_left_out)
            self._texts = tuple(self._stack.enter_context(one) for one in made)
        return self._texts

    def _cascade(self, whole: Identifier | PacksIdentifier, mode: GeometryMode) -> PacksCascade:
        """Return what compares photos with the packs' references."""
        if mode not in self._cascades:
            identifiers = whole.identifiers if isinstance(whole, PacksIdentifier) else (whole,)
            self._cascades[mode] = self._stack.enter_context(PacksCascade(identifiers, mode))
        return self._cascades[mode]


def _identify_batch(identifier: Identifier, photos: Sequence[PhotoForRecipes], *, top_k: int) -> list[Identification]:
    return identifier.identify_batch([photo.by_recipe[identifier.recipe] for photo in photos], top_k=top_k)


def log_left_out(name: str, error: PackError) -> None:
    """Log that one of several packs is left out."""
    import logging

    logging.getLogger(__name__).warning("%s", printable(f"pack {name} is left out: {error}"))


def _identifier_of(packs: Sequence[Pack], *, many: bool) -> Identifier | PacksIdentifier:
    if len(packs) == 1:
        return Identifier(packs[0], many=many)
    return open_packs_identifier(packs, report=log_left_out, many=many)


def _make_ready(
    photo: PhotoInput, *, recipes: Sequence[Preprocessing], position_of: PositionOf, compared_px: int | None
) -> ReadyPhoto[PhotoForRecipes] | FailedPhoto:
    from edge_identify.edge_runtime.answers.identification import FailedPhoto

    try:
        opened = open_photo_input(photo)
        prepared = prepare_for_recipes(opened, recipes, position_of=position_of)
        # Some dozens of photos wait: none is kept larger than it is compared.
        kept = None if compared_px is None else opened.reduced(compared_px)
    except PhotoError as error:
        return FailedPhoto(question=name_of(photo), error=error)
    return ReadyPhoto(path=name_of(photo), prepared=replace(prepared, photo=kept), thumbnail=None, photo=kept)


@contextmanager
def _filtered(whole: N, filters: Filters) -> Iterator[N]:
    """Lend what answers as `whole` does, with filters."""
    if not filters:
        yield whole
        return
    with whole.narrowed(filters) as narrowed:
        yield narrowed


def _filters(namespaces: Sequence[str], labels: Mapping[str, str | Sequence[str]] | None) -> Filters:
    """Return filters; one text counts as one value, not as its letters."""
    return Filters(
        namespaces=_values(namespaces), labels={key: _values(values) for key, values in (labels or {}).items()}
    )


def _values(values: str | Sequence[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(dict.fromkeys(values))


def _position_of(near: tuple[float, float] | None, accuracy_m: float | None, *, no_location: bool) -> PositionOf:
    if accuracy_m is not None and near is None:
        raise ValueError("accuracy_m is the accuracy of near; give both")
    if no_location:
        return lambda _: None
    if near is None:
        return exif_position_of
    from edge_identify.edge_runtime.photos.position import Position

    given = Position(latitude=near[0], longitude=near[1], accuracy_m=accuracy_m, source="given")
    return lambda _: given


def _check_top_k(top_k: int) -> None:
    if not 1 <= top_k <= MAX_TOP_K:
        raise ValueError(f"top_k is {top_k}; 1 to {MAX_TOP_K} matches can be returned")
