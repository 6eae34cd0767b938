"""From a photo to an answer, with one pack: encoder, index, references and decision.

A score is a cosine similarity, not a probability. The pack's calibration turns scores into a decision. Without a
calibration, the verdict is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.answers.identification import Identification, StageSeconds
from edge_identify.edge_runtime.decisions.calibration import Calibration, read_calibrations
from edge_identify.edge_runtime.encoders.encoder_choice import Encoder, image_encoder
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto, prepare_photo
from edge_identify.edge_runtime.photos.preprocessing import preprocess
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing
    from edge_identify.edge_runtime.search.taught_search import TaughtPictures

DEFAULT_TOP_K = 5
_AT_ONCE = 16  # photos that are embedded at once: of one thing there may be thousands, from a video
MAX_TOP_K = 1000  # more than a person reads; to get all vectors, read the index


class Identifier:
    """Identifies photos with one pack. Use it as a context manager, or call `close`."""

    def __init__(
        self, pack: Pack, *, many: bool = False, filters: Filters = NO_FILTERS, encoder: Encoder | None = None
    ) -> None:
        """Load the image encoder, the index and the references.

        Args:
            pack: An open pack.
            many: Prepare for many photos (FAISS, all cores), not for a fast first answer.
            filters: Only references that pass these filters can match.
            encoder: The pack's image encoder, if it is loaded already; see `SharedEncoders`.

        Raises:
            PackError: A file is damaged, or no encoder of the pack runs here.
            SetupError: The pack does not have a filter's value, or no reference passes all filters.
        """
        self._pack = pack
        self._encoder = image_encoder(pack, many=many) if encoder is None else encoder
        self._calibration = _calibration(pack, self._encoder.variant_name)
        self._taught = self._read_taught()
        self._finder = ReferenceFinder(
            pack,
            many=many,
            variant_name=self.variant_name,
            calibration=self._calibration,
            filters=filters,
            taught=self._taught,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pack_name(self) -> str:
        """The pack's name."""
        return self._pack.manifest.name

    @property
    def pack_version(self) -> str:
        """The pack's version."""
        return str(self._pack.manifest.version)

    @property
    def variant_name(self) -> str:
        """The encoder variant in use."""
        return self._encoder.variant_name

    @property
    def encoder(self) -> Encoder:
        """The encoder in use."""
        return self._encoder

    @property
    def pack(self) -> Pack:
        """The pack."""
        return self._pack

    @property
    def recipe(self) -> Preprocessing:
        """How photos are preprocessed for the encoder."""
        return self._pack.manifest.preprocessing

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the encoder variant in use; None if the pack has none for it."""
        return self._calibration

    @property
    def taught(self) -> TaughtPictures | None:
        """What a person taught beside the pack; None if the pack answers alone."""
        return self._taught

    def close(self) -> None:
        """Close the pack's files."""
        self._finder.close()

    def narrowed(self, filters: Filters) -> Self:
        """Return a new identifier with other filters and the same encoder. The caller closes it.

        Args:
            filters: Replace the filters of this identifier.

        Raises:
            SetupError: The pack does not have a filter's value, or no reference passes all filters.
        """
        other = copy(self)
        other._finder = self._finder.narrowed(filters)
        return other

    def identify(self, photo: Path, *, top_k: int = DEFAULT_TOP_K, position: Position | None = None) -> Identification:
        """Name what a photo shows.

        Args:
            photo: The photo's file.
            top_k: Maximum number of matches.
            position: Where the photo was taken. Its EXIF position is not read; see `exif_position`.

        Raises:
            PhotoError: The photo cannot be used.
        """
        prepared = prepare_photo(photo, self._pack.manifest.preprocessing, position_of=lambda _: position)
        return replace(self.identify_prepared(prepared, top_k=top_k), question=str(photo))

    def identify_prepared(self, photo: PreparedPhoto, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Name what a prepared photo shows. The time of preparing it counts."""
        return self.identify_batch([photo], top_k=top_k)[0]

    def identify_batch(self, photos: Sequence[PreparedPhoto], *, top_k: int = DEFAULT_TOP_K) -> list[Identification]:
        """Name what each of one or more prepared photos shows; all are embedded in one batch."""
        started = perf_counter()
        embeddings = self.embed_photos(photos)
        return self.identify_embedded(embeddings, photos, top_k=top_k, encode_s=perf_counter() - started)

    def identify_embedded(
        self, embeddings: NDArray[np.float32], photos: Sequence[PreparedPhoto], *, top_k: int, encode_s: float = 0.0
    ) -> list[Identification]:
        """Name what each of some photos shows, as `identify_batch` does.

        Args:
            embeddings: The photos' views by this encoder, float32 [n, views, dim]; see `embed_photos`.
            photos: The photos.
            top_k: Maximum number of matches.
            encode_s: What embedding all photos took, in seconds.
        """
        encode = encode_s / len(photos)
        spent = [StageSeconds(prepare=photo.seconds, encode=encode, search=0.0, decide=0.0) for photo in photos]
        positions = [photo.position for photo in photos]
        return self._finder.answers(embeddings, top_k, spent, positions)

    def identify_together(self, photos: Sequence[PreparedPhoto], *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Return one answer from one or more prepared photos of the same thing.

        For one photo, the answer is that of `identify_prepared`. `decisions.several_photos` holds the rule.
        """
        started = perf_counter()
        embeddings = self.embed_photos(photos)
        return self.identify_embedded_together(embeddings, photos, top_k=top_k, encode_s=perf_counter() - started)

    def identify_embedded_together(
        self, embeddings: NDArray[np.float32], photos: Sequence[PreparedPhoto], *, top_k: int, encode_s: float = 0.0
    ) -> Identification:
        """Return one answer as `identify_together` does; see `identify_embedded` for the arguments."""
        from edge_identify.edge_runtime.decisions.several_photos import middle_position

        prepare = sum(photo.seconds for photo in photos)
        spent = StageSeconds(prepare=prepare, encode=encode_s, search=0.0, decide=0.0)
        position = middle_position([photo.position for photo in photos])
        return self._finder.answer_together(embeddings, top_k, spent, position)

    def embed_photos(self, photos: Sequence[PreparedPhoto]) -> NDArray[np.float32]:
        """Return the unit vectors of each photo's views, float32 [n, views, dim]."""
        import numpy as np

        parts = [photos[at : at + _AT_ONCE] for at in range(0, len(photos), _AT_ONCE)]
        embedded = [self._embed_views(np.stack([photo.pixels for photo in part])) for part in parts]
        return embedded[0] if len(embedded) == 1 else np.concatenate(embedded)

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """Return the encoder's pixels of an upright RGB image, as for a reference image, uint8 [size, size, 3]."""
        return preprocess(image, self._pack.manifest.preprocessing)

    def embed_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the unit vectors, float32 [n, dim], of encoder pixels, uint8 [n, size, size, 3]."""
        return self._encoder.embed(pixels)

    def _read_taught(self) -> TaughtPictures | None:
        if self._pack.taught_folder is None:
            return None
        from edge_identify.edge_runtime.search.taught_search import TaughtPictures
        from edge_identify.edge_runtime.taught.overlay import Overlay

        manifest = self._pack.manifest
        overlay = Overlay(self._pack.taught_folder)
        return TaughtPictures(
            overlay, space_id=manifest.model.space_id, dim=manifest.index.dim, embed=self._embed_images
        )

    def _embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        import numpy as np

        return self.embed_pixels(np.stack([self.pixels(image) for image in images]))

    def _embed_views(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        count, views = pixels.shape[:2]
        return self._encoder.embed(pixels.reshape(count * views, *pixels.shape[2:])).reshape(count, views, -1)


def _calibration(pack: Pack, variant_name: str) -> Calibration | None:
    """Return the calibration of the variant in use, or None. The calibration of another variant does not fit."""
    path = pack.manifest.calibration_file
    return None if path is None else read_calibrations(pack.file(path)).get(variant_name)
