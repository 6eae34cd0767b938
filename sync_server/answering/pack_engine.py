"""One open pack that answers many requests at once, with the search and decision code of the device.

Encoders are loaded once. Searchers with filters stay open for reuse (`filtered_searchers`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import StageSeconds
from edge_identify.edge_runtime.encoders.encoder_choice import runs_text_encoder
from edge_identify.edge_runtime.encoders.shared_encoders import SharedEncoders
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.manifest import Runtime
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails
from edge_identify.edge_runtime.photos.exif_position import photo_position
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto, prepare_photo_bytes
from edge_identify.edge_runtime.photos.preprocessing import enough_px
from edge_identify.edge_runtime.search.geometry.cascade import (
    GeometryMode,
    match_count,
    may_compare,
    needs_comparison,
)
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.filtered_searchers import FilteredSearchers
from edge_identify.sync_server.answering.shared_verifier import SharedVerifier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.pack.manifest import Manifest
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.position import Position


_GREY = 128  # of the image with which an engine is checked


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPhoto:
    """A photo of a request.

    Attributes:
        name: Its name in error messages.
        data: The bytes of its file.
        position: Where it was taken; see `position_of`.
    """

    name: str
    data: bytes
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedEmbedding:
    """An embedding and its computing time.

    Attributes:
        vector: Unit vector, float32 [dim].
        times: Wall time in seconds; `search` and `decide` are 0.
    """

    vector: NDArray[np.float32]
    times: StageSeconds

    @classmethod
    def of(cls, vector: NDArray[np.float32], *, prepare_s: float, encode_s: float) -> TimedEmbedding:
        """Make one from the seconds of preprocessing and encoding."""
        return cls(vector=vector, times=StageSeconds(prepare=prepare_s, encode=encode_s, search=0.0, decide=0.0))


class NoTextEncoderError(Exception):
    """The pack has no text encoder that runs here."""


class PackEngine:
    """Answers from one pack. Thread-safe. Call `close`.

    Threads share the encoders, the searches, the tables and the tokenizer; their docstrings say why that is safe. The
    geometry verifier is not thread-safe: `SharedVerifier` admits one thread at a time.
    """

    def __init__(
        self,
        opened: AbstractContextManager[Pack],
        concurrency: ConcurrencyLimit,
        encoders: SharedEncoders | None = None,
    ) -> None:
        """Load encoders, index and references.

        Args:
            opened: Context manager of the pack; closed by `close`.
            concurrency: Limits decoding and embedding.
            encoders: The encoders that packs share; None shares none.

        Raises:
            PackError: A file is damaged, or no image encoder of the pack runs here.
        """
        self._concurrency = concurrency
        encoders = encoders or SharedEncoders()
        with ExitStack() as stack:
            pack = stack.enter_context(opened)
            self.manifest: Manifest = pack.manifest
            self._pack = pack
            image_encoder = encoders.image(pack, many=True)
            self._identifier = stack.enter_context(Identifier(pack, many=True, encoder=image_encoder))
            text_encoder = encoders.text(pack, many=True) if runs_text_encoder(pack) else None
            self._texts = stack.enter_context(TextSearcher(pack, many=True, encoder=text_encoder))
            self._by_vector = ReferenceFinder(pack, many=True, variant_name=self._identifier.variant_name)
            stack.callback(self._by_vector.close)
            self.references = stack.enter_context(ReferenceTable(pack.file(pack.manifest.references_file)))
            thumbnails = open_thumbnails(pack)
            self.thumbnails = None if thumbnails is None else stack.enter_context(thumbnails)
            self._filtered = FilteredSearchers()
            stack.callback(self._filtered.close)
            self._verifier = SharedVerifier(pack, self._identifier.calibration, patience_s=concurrency.patience_s)
            stack.callback(self._verifier.close)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close the pack's files. No thread may be using the engine."""
        self._stack.close()

    def check(self, *, encodes: bool) -> None:
        """Answer a question and drop the answer.

        Args:
            encodes: Whether the question is an image, for the encoder. Otherwise it is a vector, for the index and the
                references, which takes a millisecond. Neither waits for a slot.

        Raises:
            PackError: The engine cannot answer.
        """
        import numpy as np

        vector = np.zeros(self.manifest.model.dim, np.float32)
        vector[0] = 1.0
        if encodes:
            size_px = self.manifest.preprocessing.size_px
            vector = self._identifier.embed_pixels(np.full((1, size_px, size_px, 3), _GREY, np.uint8))[0]
        self.search_vector(vector, top_k=1)

    @property
    def variant_name(self) -> str:
        """The image encoder's variant in use."""
        return self._identifier.variant_name

    @property
    def device(self) -> str:
        """Where the encoders run: `cpu`, or `coreml`, which chooses a device by itself."""
        variant = self.manifest.image_variants[self.variant_name]
        return "cpu" if variant.runtime is Runtime.ONNX else variant.runtime.value

    @property
    def answers_texts(self) -> bool:
        """Whether the pack has a text encoder that runs here. Without one, texts are answered by words alone."""
        return self._texts.has_encoder

    @property
    def decides(self) -> bool:
        """Whether the pack is calibrated for the encoder in use."""
        return self._identifier.calibration is not None

    def lend_identifier(self, filters: Filters = NO_FILTERS) -> AbstractContextManager[Identifier]:
        """Return a context manager that lends the identifier, with filters.

        Raises:
            SetupError: On entering: a filter names an unknown namespace or label, or no reference passes.
        """
        return self._filtered.borrow(self._identifier, filters)

    def decoding(self, photo: NamedPhoto, *, enough_px: int) -> AbstractContextManager[None]:
        """Return a context manager that holds a slot for decoding a photo; see `ConcurrencyLimit.decoding`."""
        return self._concurrency.decoding(photo.data, name=photo.name, enough_px=enough_px)

    def match_count(self, top_k: int, geometry: GeometryMode) -> int:
        """Return how many matches to search for before `compared`, to answer with `top_k`."""
        return match_count(top_k, compares=self._may_compare(geometry))

    def check_comparable(self, geometry: GeometryMode) -> None:
        """Check, before the work, that the pack can be compared if it must be.

        Raises:
            NoThumbnailsError: `geometry` is `always`, and the pack has neither thumbnails nor descriptors.
        """
        if geometry is GeometryMode.ALWAYS:
            self._verifier.check_can_compare()

    def compared(
        self, photos: Sequence[bytes], found: Identification, *, top_k: int, geometry: GeometryMode
    ) -> Identification:
        """Return the pack's answer, compared point by point if it is needed. Call it without a computing slot.

        Args:
            photos: The files of the photo, or of the photos of one thing.
            found: The answer, with `match_count` matches.
            top_k: Maximum number of references.
            geometry: When to compare.

        Raises:
            BusyError: No slot became free in time.
            NoThumbnailsError: `geometry` is `always`, and the pack has neither thumbnails nor descriptors.
            NoOpenCVError: The pack has no local-feature net, and OpenCV is missing.
        """
        if not (self._may_compare(geometry) and needs_comparison(geometry, [found])):
            return replace(found, matches=found.matches[:top_k])
        with self._verifier.slot(), self._concurrency.slot():
            return self._verifier.verify_together(photos, found, top_k=top_k)

    def _prepared(self, photo: NamedPhoto) -> PreparedPhoto:
        recipe = self.manifest.preprocessing
        with self.decoding(photo, enough_px=enough_px(recipe)):
            return prepare_photo_bytes(photo.data, recipe, name=photo.name, position=photo.position)

    def _may_compare(self, geometry: GeometryMode) -> bool:
        return may_compare(geometry, self.manifest, self._identifier.calibration)

    def identify(
        self,
        photo: bytes,
        *,
        name: str,
        top_k: int,
        filters: Filters = NO_FILTERS,
        position: Position | None = None,
        geometry: GeometryMode = GeometryMode.AUTO,
    ) -> Identification:
        """Name what a photo shows.

        Args:
            photo: The bytes of its file.
            name: Its name in error messages.
            top_k: Maximum number of references.
            filters: Which references may match.
            position: Where it was taken; see `position_of`.
            geometry: When local features are compared with those of the most similar references.

        Raises:
            PhotoError: The photo cannot be decoded or is too large.
            SetupError: A filter names an unknown namespace or label, or no reference passes.
            BusyError, NoThumbnailsError, NoOpenCVError: As `compared`.
        """
        self.check_comparable(geometry)
        wanted = self.match_count(top_k, geometry)
        with self._filtered.borrow(self._identifier, filters) as identifier:
            prepared = self._prepared(NamedPhoto(name=name, data=photo, position=position))
            found = replace(identifier.identify_prepared(prepared, top_k=wanted), question=name)
        return self.compared([photo], found, top_k=top_k, geometry=geometry)

    def identify_together(
        self,
        photos: Sequence[NamedPhoto],
        *,
        top_k: int,
        filters: Filters = NO_FILTERS,
        geometry: GeometryMode = GeometryMode.AUTO,
    ) -> tuple[Identification | None, dict[int, PhotoError]]:
        """Name what several photos of the same thing show: one answer from all usable photos.

        Args:
            photos: At least one.
            top_k: Maximum number of references.
            filters: Which references may match.
            geometry: As for `identify`.

        Returns:
            The answer, or None if no photo is usable; and the errors of unusable photos by position in `photos`.

        Raises:
            SetupError, BusyError, NoThumbnailsError, NoOpenCVError: As `identify`.
        """
        self.check_comparable(geometry)
        wanted = self.match_count(top_k, geometry)
        prepared: list[PreparedPhoto] = []
        problems: dict[int, PhotoError] = {}
        with self._filtered.borrow(self._identifier, filters) as identifier:
            for at, photo in enumerate(photos):
                try:
                    prepared.append(self._prepared(photo))
                except PhotoError as error:
                    problems[at] = error
            found = identifier.identify_together(prepared, top_k=wanted) if prepared else None
        if found is None:
            return None, problems
        usable = [photo for at, photo in enumerate(photos) if at not in problems]
        first, *others = (photo.name for photo in usable)
        found = replace(found, question=first, further_photos=tuple(others))
        return self.compared([photo.data for photo in usable], found, top_k=top_k, geometry=geometry), problems

    def search_text(self, text: str, *, top_k: int, filters: Filters = NO_FILTERS) -> Identification:
        """Return the references that a text names or describes; see `TextSearcher.search`.

        Raises:
            SetupError, BusyError: As `identify`.
        """
        with self._filtered.borrow(self._texts, filters) as searcher, self._concurrency.slot():
            return searcher.search(text, top_k=top_k)

    def search_vector(
        self, embedding: NDArray[np.float32], *, top_k: int, filters: Filters = NO_FILTERS
    ) -> Identification:
        """Return the references nearest to a unit vector of the pack's embedding space. It makes no decision.

        Args:
            embedding: float32 [dim].
            top_k: Maximum number of references.
            filters: Which references may match.

        Raises:
            SetupError: As `identify`.
        """
        spent = StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0)
        with self._filtered.borrow(self._by_vector, filters) as finder:
            (found,) = finder.answers(embedding[None, None], top_k, [spent])
        return replace(found, kind="embedding_space", question=self.manifest.model.space_id)

    def embed_image(self, image: bytes, *, name: str) -> TimedEmbedding:
        """Return an image's unit vector, computed as for reference images.

        Raises:
            PhotoError: The image cannot be decoded or is too large.
            BusyError: No slot became free in time.
        """
        with self._concurrency.decoding(image, name=name, enough_px=None):
            started = perf_counter()
            pixels = self._identifier.pixels(decode_image(image, name=name))
            prepared = perf_counter()
        embedding: NDArray[np.float32] = self._identifier.embed_pixels(pixels[None])[0]
        return TimedEmbedding.of(embedding, prepare_s=prepared - started, encode_s=perf_counter() - prepared)

    def embed_text(self, text: str) -> TimedEmbedding:
        """Return a text's unit vector.

        Raises:
            NoTextEncoderError: The pack has no text encoder that runs here.
            BusyError: No slot became free in time.
        """
        if not self._texts.has_encoder:
            raise NoTextEncoderError(f"pack {self.manifest.name} has no text encoder that runs here")
        with self._concurrency.slot():
            started = perf_counter()
            embedding = self._texts.embed(text)
            return TimedEmbedding.of(embedding, prepare_s=0.0, encode_s=perf_counter() - started)


def position_of(photo: bytes) -> Position | None:
    """Return the EXIF position of a photo, given as the bytes of its file; None if it has none."""
    return photo_position(io.BytesIO(photo))
