"""One pack, ready to answer many requests at once.

Encoders are loaded once, for many questions; each set of filters has an index and a table of its own over the same
files, and the last few sets are kept. What decides is the device's own code, so that a photo is answered here as there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from edge_identify.edge_runtime.answers.identification import StageSeconds
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.manifest import Runtime
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails
from edge_identify.edge_runtime.photos.exif_position import photo_position
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto, prepare_photo_bytes
from edge_identify.edge_runtime.search.geometry.verifier import CANDIDATES, GeometryVerifier
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from edge_identify.sync_server.answering.concurrency_limit import Turns
from edge_identify.sync_server.answering.shared_resources import Lending

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.pack.manifest import Manifest
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.position import Position

_NARROWED_KEPT = 32  # sets of filters with an open index and table: a few file handles and the ids that pass


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPhoto:
    """A photo that was sent.

    Attributes:
        name: What error messages call it.
        data: The bytes of its file.
        position: Where it was taken; see `position_of`.
    """

    name: str
    data: bytes
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """An embedding and what it took.

    Attributes:
        vector: Unit vector, float32 [dim].
        times: Wall time; nothing was searched or decided.
    """

    vector: NDArray[np.float32]
    times: StageSeconds

    @classmethod
    def of(cls, vector: NDArray[np.float32], *, prepare_s: float, encode_s: float) -> Embedded:
        """Return it with the time that making the input ready and encoding it took."""
        return cls(vector=vector, times=StageSeconds(prepare=prepare_s, encode=encode_s, search=0.0, decide=0.0))


_Narrowed = Identifier | TextSearcher | ReferenceFinder
N = TypeVar("N", Identifier, TextSearcher, ReferenceFinder)


class NoTextEncoderError(Exception):
    """The pack cannot be asked by text."""


class NoThumbnailsError(Exception):
    """The pack has no pictures to compare a photo with."""


class NoOpenCVError(Exception):
    """This server lacks what pictures are compared with."""


class PackEngine:
    """Answers from one pack, for any number of threads. Call `close`.

    Threads share the encoders, the searches, the tables and the tokenizer; each says in its own docstring why it may be
    shared. The verifier is not shared: `_comparing` lets in one thread at a time.
    """

    def __init__(self, opened: AbstractContextManager[Pack], turns: Turns) -> None:
        """Load encoders, index and references.

        Args:
            opened: The pack, open until this is closed.
            turns: Taken for decoding and embedding.

        Raises:
            PackError: A file is damaged, or no encoder of the pack runs here.
        """
        self._turns = turns
        with ExitStack() as stack:
            pack = stack.enter_context(opened)
            self.manifest: Manifest = pack.manifest
            self._pack = pack
            self._identifier = stack.enter_context(Identifier(pack, many=True))
            self._texts = stack.enter_context(TextSearcher(pack, many=True)) if _has_text_tower(pack) else None
            self._by_vector = ReferenceFinder(pack, many=True, variant_name=self._identifier.variant_name)
            stack.callback(self._by_vector.close)
            self.references = stack.enter_context(ReferenceTable(pack.file(pack.manifest.references_file)))
            thumbnails = open_thumbnails(pack)
            self.thumbnails = None if thumbnails is None else stack.enter_context(thumbnails)
            self._narrowed: Lending[object, _Narrowed] = Lending(_close, most=_NARROWED_KEPT)
            stack.callback(self._close_narrowed)
            self._verifier: GeometryVerifier | None = None
            # Apart from the other turns: who waits for a comparison holds up nobody who asks for none.
            self._verifying = Turns(1, patience_s=turns.patience_s)
            stack.callback(self._close_verifier)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close the pack's files; nobody may be using it."""
        self._stack.close()

    @property
    def variant_name(self) -> str:
        """The image encoder's variant in use."""
        return self._identifier.variant_name

    @property
    def device(self) -> str:
        """What the encoders run on: `cpu`, or `coreml`, which chooses by itself."""
        variant = self.manifest.image_variants[self.variant_name]
        return "cpu" if variant.runtime is Runtime.ONNX else variant.runtime.value

    @property
    def answers_texts(self) -> bool:
        """Whether the pack has a text encoder that runs here."""
        return self._texts is not None

    @property
    def decides(self) -> bool:
        """Whether the pack is calibrated for the encoder in use."""
        return self._identifier.calibration is not None

    def identify(
        self,
        photo: bytes,
        *,
        name: str,
        top_k: int,
        filters: Filters = NO_FILTERS,
        position: Position | None = None,
        verifies_geometry: bool = False,
    ) -> Identification:
        """Name what a photo shows.

        Args:
            photo: The bytes of its file.
            name: What error messages call it.
            top_k: How many references to return at most.
            filters: Which references may answer.
            position: Where it was taken; see `position_of`.
            verifies_geometry: Whether it is compared point by point with the most similar references.

        Raises:
            PhotoError: The picture cannot be used.
            SetupError: A filter names what the pack does not have, or nothing passes.
            BusyError: No turn came in time.
            NoThumbnailsError: The pack has no pictures to compare with.
            NoOpenCVError: Pictures cannot be compared here.
        """
        wanted = max(top_k, CANDIDATES) if verifies_geometry else top_k
        with (
            self._narrowed_to(self._identifier, filters) as identifier,
            self._comparing() if verifies_geometry else nullcontext(),
            self._turns.turn(),
        ):
            prepared = prepare_photo_bytes(photo, self.manifest.preprocessing, name=name, position=position)
            found = replace(identifier.identify_prepared(prepared, top_k=wanted), question=name)
            return self._geometry_verifier().verify(photo, found, top_k=top_k) if verifies_geometry else found

    def identify_together(
        self, photos: Sequence[NamedPhoto], *, top_k: int, filters: Filters = NO_FILTERS
    ) -> tuple[Identification | None, dict[int, PhotoError]]:
        """Name what several photos of one and the same thing show: one answer, made from those that can be used.

        Args:
            photos: At least one.
            top_k: How many references to return at most.
            filters: Which references may answer.

        Returns:
            The answer, None where no photo can be used; and what is wrong with the others, by their place.

        Raises:
            SetupError, BusyError: As `identify`.
        """
        prepared: list[PreparedPhoto] = []
        problems: dict[int, PhotoError] = {}
        with self._narrowed_to(self._identifier, filters) as identifier, self._turns.turn():
            for at, photo in enumerate(photos):
                try:
                    prepared.append(
                        prepare_photo_bytes(
                            photo.data, self.manifest.preprocessing, name=photo.name, position=photo.position
                        )
                    )
                except PhotoError as error:
                    problems[at] = error
            found = identifier.identify_together(prepared, top_k=top_k) if prepared else None
        if found is None:
            return None, problems
        first, *others = (photo.name for at, photo in enumerate(photos) if at not in problems)
        return replace(found, question=first, further_photos=tuple(others)), problems

    def search_text(self, text: str, *, top_k: int, filters: Filters = NO_FILTERS) -> Identification:
        """Return the references nearest to a description; see `identify` for what is raised.

        Raises:
            NoTextEncoderError: The pack has none that runs here.
        """
        with self._narrowed_to(self._text_searcher(), filters) as searcher, self._turns.turn():
            return searcher.search(text, top_k=top_k)

    def search_vector(
        self, embedding: NDArray[np.float32], *, top_k: int, filters: Filters = NO_FILTERS
    ) -> Identification:
        """Return the references nearest to a unit vector of the pack's space, float32 [dim]; nothing is decided."""
        spent = StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0)
        with self._narrowed_to(self._by_vector, filters) as finder:
            (found,) = finder.answers(embedding[None, None], top_k, [spent])
        return replace(found, kind="embedding_space", question=self.manifest.model.space_id)

    def embed_image(self, picture: bytes, *, name: str) -> Embedded:
        """Return a picture's unit vector as the index has it of references.

        Raises:
            PhotoError: The picture cannot be used.
            BusyError: No turn came in time.
        """
        with self._turns.turn():
            started = perf_counter()
            pixels = self._identifier.pixels(decode_image(picture, name=name))
            prepared = perf_counter()
            embedding: NDArray[np.float32] = self._identifier.embed_pixels(pixels[None])[0]
            return Embedded.of(embedding, prepare_s=prepared - started, encode_s=perf_counter() - prepared)

    def embed_text(self, text: str) -> Embedded:
        """Return a text's unit vector.

        Raises:
            NoTextEncoderError: The pack has none that runs here.
            BusyError: No turn came in time.
        """
        searcher = self._text_searcher()
        with self._turns.turn():
            started = perf_counter()
            embedding = searcher.embed(text)
            return Embedded.of(embedding, prepare_s=0.0, encode_s=perf_counter() - started)

    def _comparing(self) -> AbstractContextManager[None]:
        """Return the turn at comparing: one at a time, since points are remembered and all processors kept busy."""
        if self.thumbnails is None:
            raise NoThumbnailsError(
                f"pack {self.manifest.name} has no thumbnails, and pictures are what is compared point by point"
            )
        return self._verifying.turn()

    def _geometry_verifier(self) -> GeometryVerifier:
        """Return what compares photos with thumbnails, opened when it is first asked for; hold `_comparing`."""
        try:
            if self._verifier is None:
                self._verifier = GeometryVerifier(self._pack, self._identifier.calibration)
            return self._verifier
        except SetupError as error:
            raise NoOpenCVError(str(error)) from error

    def _close_verifier(self) -> None:
        if self._verifier is not None:
            self._verifier.close()

    def _text_searcher(self) -> TextSearcher:
        if self._texts is None:
            raise NoTextEncoderError(f"pack {self.manifest.name} has no text encoder that runs here")
        return self._texts

    @contextmanager
    def _narrowed_to(self, whole: N, filters: Filters) -> Iterator[N]:
        """Lend what answers as `whole` does, with filters."""
        if not filters:
            yield whole
            return
        key = (type(whole), filters.namespaces, tuple(sorted(filters.labels.items())))
        with self._narrowed.borrow(key, lambda: whole.narrowed(filters)) as narrowed:
            assert isinstance(narrowed, type(whole)), "the key says which kind it is"
            yield narrowed

    def _close_narrowed(self) -> None:
        for key in self._narrowed.keys():  # noqa: SIM118  -- not a mapping
            self._narrowed.withdraw(key)


def position_of(photo: bytes) -> Position | None:
    """Return where a photo was taken, as its metadata says; None where it does not."""
    return photo_position(io.BytesIO(photo))


def _close(narrowed: _Narrowed) -> None:
    narrowed.close()


def _has_text_tower(pack: Pack) -> bool:
    return not pack.manifest.text_variants.keys().isdisjoint(pack.variant_names)
