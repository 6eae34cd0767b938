"""The identifier of the Python API: photos and texts answered from one pack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.photos.photo_inputs import (
    OpenedPhoto,
    PhotoInput,
    name_of,
    open_photo_input,
    prepare_opened_photo,
)
from edge_identify.edge_runtime.search.identifier import DEFAULT_TOP_K, MAX_TOP_K, Identifier
from edge_identify.edge_runtime.search.photo_batches import ReadyPhoto, answers_in_batches, ready_photos

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier
    from edge_identify.edge_runtime.search.text_searcher import TextSearcher

    PositionOf = Callable[[OpenedPhoto], Position | None]


N = TypeVar("N", Identifier, "TextSearcher")


class PackIdentifier:
    """Answers photos and texts from one pack. Use it as a context manager, or call `close`.

    Encoders and index are loaded when a method needs them first. One thread at a time may use it.
    """

    def __init__(self, pack: Pack) -> None:
        """Use an open pack; `edge_identify.open` opens one by its name."""
        self._pack = pack
        self._stack = ExitStack()
        self._single: Identifier | None = None
        self._many: Identifier | None = None
        self._texts: TextSearcher | None = None
        self._verifier: GeometryVerifier | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pack's files."""
        self._stack.close()
        self._single = self._many = self._texts = self._verifier = None

    @property
    def pack_name(self) -> str:
        """The pack's name."""
        return self._pack.manifest.name

    @property
    def pack_version(self) -> str:
        """The pack's version."""
        return str(self._pack.manifest.version)

    @property
    def embedding_space(self) -> str:
        """The id of the model's vector space. Only vectors of one space can be compared."""
        return self._pack.manifest.model.space_id

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
        verify_geometry: bool = False,
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
            verify_geometry: Compare local image features with the most similar references. Needs a pack with thumbnails
                and the extra `geometry`.

        Raises:
            PhotoError: The photo cannot be used.
            PackError: A file of the pack is damaged, or no encoder of the pack runs here.
            SetupError: A filter fits nothing, or OpenCV or thumbnails are missing for `verify_geometry`.
            ValueError: `top_k`, `near` or `accuracy_m` is out of range.
        """
        position_of = _position_of(near, accuracy_m, no_location=no_location)
        verifier = self._geometry_verifier() if verify_geometry else None
        wanted = _wanted(top_k, verify_geometry=verify_geometry)
        opened = open_photo_input(photo)
        with _filtered(self._photos(many=False), _filters(namespaces, labels)) as identifier:
            prepared = prepare_opened_photo(opened, self._pack.manifest.preprocessing, position_of)
            answer = replace(identifier.identify_prepared(prepared, top_k=wanted), question=opened.name)
        if verifier is None:
            return answer
        content = opened.content if isinstance(opened.content, bytes) else opened.decode(enough_px=None).image
        return verifier.verify(content, answer, top_k=top_k)

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
        _wanted(top_k, verify_geometry=False)
        filters = _filters(namespaces, labels)
        return self._answers(photos, top_k, position_of, filters)

    def _answers(
        self, photos: Iterable[PhotoInput], top_k: int, position_of: PositionOf, filters: Filters
    ) -> Iterator[Identification | FailedPhoto]:
        make_ready = partial(self._make_ready, position_of=position_of)
        with (
            _filtered(self._photos(many=True), filters) as identifier,
            closing(ready_photos(photos, make_ready)) as ready,
        ):
            yield from answers_in_batches(ready, partial(identifier.identify_batch, top_k=top_k))

    def _make_ready(self, photo: PhotoInput, *, position_of: PositionOf) -> ReadyPhoto | FailedPhoto:
        from edge_identify.edge_runtime.answers.identification import FailedPhoto

        try:
            prepared = prepare_opened_photo(open_photo_input(photo), self._pack.manifest.preprocessing, position_of)
        except PhotoError as error:
            return FailedPhoto(question=name_of(photo), error=error)
        return ReadyPhoto(path=name_of(photo), prepared=prepared, thumbnail=None)

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
        from edge_identify.edge_runtime.search.text_searcher import check_text

        check_text(text)
        _wanted(top_k, verify_geometry=False)
        suggested = () if namespaces else pack_namespaces_named_in(text, self._pack)
        with _filtered(self._text_searcher(), _filters(namespaces, labels)) as searcher:
            return replace(searcher.search(text, top_k=top_k), suggested_namespaces=suggested)

    def embed_image(self, photo: PhotoInput) -> NDArray[np.float32]:
        """Return the unit vector of an image, float32 [dim], as the index has it of reference images.

        Args:
            photo: As in `identify`.

        Raises:
            PhotoError: The image cannot be used.
            PackError: As `identify`.
        """
        identifier = self._photos(many=False)
        pixels = identifier.pixels(open_photo_input(photo).decode(enough_px=None).image)
        embedding: NDArray[np.float32] = identifier.embed_pixels(pixels[None])[0]
        return embedding

    def _photos(self, *, many: bool) -> Identifier:
        """Return the loaded identifier; one that was loaded for many photos answers single ones too."""
        if self._many is not None:
            return self._many
        if many:
            self._many = self._stack.enter_context(Identifier(self._pack, many=True))
            return self._many
        if self._single is None:
            self._single = self._stack.enter_context(Identifier(self._pack))
        return self._single

    def _text_searcher(self) -> TextSearcher:
        from edge_identify.edge_runtime.search.text_searcher import TextSearcher

        if self._texts is None:
            self._texts = self._stack.enter_context(TextSearcher(self._pack))
        return self._texts

    def _geometry_verifier(self) -> GeometryVerifier:
        from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier

        if self._verifier is None:
            calibration = self._photos(many=False).calibration
            self._verifier = self._stack.enter_context(GeometryVerifier(self._pack, calibration))
        return self._verifier


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
        return OpenedPhoto.exif_position
    from edge_identify.edge_runtime.photos.position import Position

    given = Position(latitude=near[0], longitude=near[1], accuracy_m=accuracy_m, source="given")
    return lambda _: given


def _wanted(top_k: int, *, verify_geometry: bool) -> int:
    """Return how many references an answer must hold."""
    if not 1 <= top_k <= MAX_TOP_K:
        raise ValueError(f"top_k is {top_k}; 1 to {MAX_TOP_K} matches can be returned")
    if not verify_geometry:
        return top_k
    from edge_identify.edge_runtime.search.geometry.verifier import CANDIDATES

    return max(top_k, CANDIDATES)
