"""Naming what a photo shows: the whole way from picture to matches, from a pack alone.

A score is a similarity, not a certainty. A pack's calibration makes a decision of it; packs without one, and answers
to texts, say so: their verdict is None.
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
from edge_identify.edge_runtime.encoders.encoder_choice import image_encoder
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

DEFAULT_TOP_K = 5
_TOGETHER_BATCH = 16  # photos of one thing that are embedded at once: a folder of them may be a film
MAX_TOP_K = 1000  # an answer for a person or a screen; whoever wants all vectors reads the index


class Identifier:
    """Answers photos from one pack. Use it as a context manager, or call `close`."""

    def __init__(self, pack: Pack, *, many: bool = False, filters: Filters = NO_FILTERS) -> None:
        """Load what identifying needs: the image encoder, the index, the references.

        Args:
            pack: An open pack.
            many: Prepare for many photos (FAISS, all cores) rather than for a fast single answer.
            filters: Which references may answer.

        Raises:
            PackError: A file is damaged, or no encoder of the pack runs here.
            SetupError: A filter names what the pack does not have, or nothing passes.
        """
        self._pack = pack
        self._encoder = image_encoder(pack, many=many)
        self._calibration = _calibration(pack, self._encoder.variant_name)
        self._finder = ReferenceFinder(
            pack, many=many, variant_name=self.variant_name, calibration=self._calibration, filters=filters
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
    def calibration(self) -> Calibration | None:
        """What answers are decided with; None where the pack is not calibrated for the variant in use."""
        return self._calibration

    def close(self) -> None:
        """Close the pack's files."""
        self._finder.close()

    def narrowed(self, filters: Filters) -> Self:
        """Return an identifier of its own, to be closed, that uses this one's encoder.

        Args:
            filters: Which references may answer, in place of this one's filters.

        Raises:
            SetupError: A filter names what the pack does not have, or nothing passes.
        """
        other = copy(self)
        other._finder = self._finder.narrowed(filters)
        return other

    def identify(self, photo: Path, *, top_k: int = DEFAULT_TOP_K, position: Position | None = None) -> Identification:
        """Name what a photo shows.

        Args:
            photo: The picture's file.
            top_k: How many references to return at most.
            position: Where it was taken; its own metadata is not looked at (`exif_position` does that).

        Raises:
            PhotoError: The picture cannot be used.
        """
        prepared = prepare_photo(photo, self._pack.manifest.preprocessing, position_of=lambda _: position)
        return replace(self.identify_prepared(prepared, top_k=top_k), question=str(photo))

    def identify_prepared(self, photo: PreparedPhoto, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Name what a photo shows that was made ready by the pack's recipe; the time that took counts."""
        return self.identify_batch([photo], top_k=top_k)[0]

    def identify_batch(self, photos: Sequence[PreparedPhoto], *, top_k: int = DEFAULT_TOP_K) -> list[Identification]:
        """Name what each of some photos shows, at least one, made ready by the pack's recipe; all in one batch."""
        import numpy as np

        started = perf_counter()
        embeddings = self._embed_views(np.stack([photo.pixels for photo in photos]))
        encode = (perf_counter() - started) / len(photos)
        spent = [StageSeconds(prepare=photo.seconds, encode=encode, search=0.0, decide=0.0) for photo in photos]
        positions = [photo.position for photo in photos]
        return self._finder.answers(embeddings, top_k, spent, positions)

    def identify_together(self, photos: Sequence[PreparedPhoto], *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Name what several photos, at least one, of one and the same thing show: one answer, made from all of them.

        Of one photo it is what `identify_prepared` answers. `decisions.several_photos` says what several come to.
        """
        import numpy as np

        from edge_identify.edge_runtime.decisions.several_photos import middle_position

        started = perf_counter()
        parts = [photos[at : at + _TOGETHER_BATCH] for at in range(0, len(photos), _TOGETHER_BATCH)]
        embedded = [self._embed_views(np.stack([photo.pixels for photo in part])) for part in parts]
        encode = perf_counter() - started
        prepare = sum(photo.seconds for photo in photos)
        spent = StageSeconds(prepare=prepare, encode=encode, search=0.0, decide=0.0)
        position = middle_position([photo.position for photo in photos])
        return self._finder.answer_together(np.concatenate(embedded), top_k, spent, position)

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """Return the encoder's exact pixels of an upright RGB picture, as references have, uint8 [size, size, 3]."""
        return preprocess(image, self._pack.manifest.preprocessing)

    def embed_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the unit vectors, float32 [n, dim], of prepared pictures, uint8 [n, size, size, 3]."""
        return self._encoder.embed(pixels)

    def _embed_views(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        count, views = pixels.shape[:2]
        return self._encoder.embed(pixels.reshape(count * views, *pixels.shape[2:])).reshape(count, views, -1)


def _calibration(pack: Pack, variant_name: str) -> Calibration | None:
    """Return the calibration of the variant in use; None where there is none: another variant's does not fit."""
    path = pack.manifest.calibration_file
    return None if path is None else read_calibrations(pack.file(path)).get(variant_name)
