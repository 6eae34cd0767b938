"""Naming what a photo shows: the whole way from picture to matches, from a pack alone.

A score is a similarity, not a certainty. Packs of format 1 without a calibration say so: their decision is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.encoders import Encoder, image_encoder, text_encoder
from edge_identify.edge_runtime.pack.reader import Pack
from edge_identify.edge_runtime.pack.references import Reference, ReferenceTable
from edge_identify.edge_runtime.prepared_photos import PreparedPhoto, prepare_photo
from edge_identify.edge_runtime.preprocessing import preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.search import Neighbours, VectorSearch

DEFAULT_TOP_K = 5
MAX_TOP_K = 1000  # an answer for a person or a screen; whoever wants all vectors reads the index


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One reference that resembles the photo or the text.

    Attributes:
        reference: The known thing.
        score: Cosine similarity, -1 to 1, of its nearest picture.
        rank: Position in the answer, starting at 1.
    """

    reference: Reference
    score: float
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """The answer to one photo or text.

    Attributes:
        matches: Best first; at least one.
        pack_name: The pack that answered.
        pack_version: Its version.
        variant_name: The encoder variant that was used.
        seconds: Wall time of the answer, without start-up.
    """

    matches: tuple[Match, ...]
    pack_name: str
    pack_version: str
    variant_name: str
    seconds: float


class Identifier:
    """Answers photos from one pack. Use it as a context manager, or call `close`."""

    def __init__(self, pack: Pack, *, many: bool = False) -> None:
        """Load what identifying needs: the image encoder, the index, the references.

        Args:
            pack: An open pack.
            many: Prepare for many photos (FAISS, all cores) rather than for a fast single answer.

        Raises:
            PackError: A file is damaged, or no encoder of the pack runs here.
        """
        self._pack = pack
        self._encoder = image_encoder(pack, many=many)
        self._finder = ReferenceFinder(pack, many=many)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pack's files."""
        self._finder.close()

    def identify(self, photo: Path, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Name what a photo shows.

        Args:
            photo: The picture's file.
            top_k: How many references to return at most.

        Raises:
            PhotoError: The picture cannot be used.
        """
        return self.identify_prepared(prepare_photo(photo, self._pack.manifest.preprocessing), top_k=top_k)

    def identify_prepared(self, photo: PreparedPhoto, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Name what a photo shows that was made ready by the pack's recipe; the time that took counts."""
        started = perf_counter() - photo.seconds
        embedding = self._encoder.embed(photo.pixels[None])
        return self._finder.answer(embedding, top_k, self._encoder.variant_name, started)

    def photo_pixels(self, photo: Path) -> NDArray[np.uint8]:
        """Return the encoder's pixels of a photo's file, uint8 [size, size, 3]; a JPEG may be decoded smaller.

        Raises:
            PhotoError: The picture cannot be used.
        """
        return prepare_photo(photo, self._pack.manifest.preprocessing).pixels

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """Return the encoder's exact pixels of an upright RGB picture, as references have, uint8 [size, size, 3]."""
        return preprocess(image, self._pack.manifest.preprocessing)

    def identify_pixels(self, pixels: NDArray[np.uint8], *, top_k: int = DEFAULT_TOP_K) -> list[tuple[Match, ...]]:
        """Return the matches of a batch of prepared pictures, uint8 [n, size, size, 3]."""
        return self._finder.matches(self._encoder.embed(pixels), top_k)

    def embed_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the unit vectors, float32 [n, dim], of prepared pictures, uint8 [n, size, size, 3]."""
        return self._encoder.embed(pixels)


class TextSearcher:
    """Answers texts from one pack. Use it as a context manager, or call `close`."""

    def __init__(self, pack: Pack) -> None:
        """Load the text encoder, its tokenizer, the index and the references.

        Raises:
            PackError: The pack has no text encoder, or a file is damaged.
        """
        from edge_identify.edge_runtime.tokenizers import read_tokenizer

        self._encoder: Encoder = text_encoder(pack)
        spec = pack.manifest.tokenizer
        assert spec is not None, "a manifest with a text encoder and no tokenizer is refused when it is read"
        self._tokenizer = read_tokenizer(pack.file(spec.file), spec)
        self._finder = ReferenceFinder(pack, many=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._finder.close()

    def search(self, text: str, *, top_k: int = DEFAULT_TOP_K) -> Identification:
        """Return the references whose pictures are nearest to a description."""
        started = perf_counter()
        embedding = self._encoder.embed(self._tokenizer.encode([text]))
        return self._finder.answer(embedding, top_k, self._encoder.variant_name, started)


class ReferenceFinder:
    """From embeddings to references: the index, and the table that says whose picture a vector is."""

    def __init__(self, pack: Pack, *, many: bool) -> None:
        """Open the index and the references, hashes checked first."""
        from edge_identify.edge_runtime.sign_search import open_search

        self._manifest = pack.manifest
        self._search: VectorSearch = open_search(pack, many=many)
        self._references = ReferenceTable(pack.file(pack.manifest.references_file))

    def close(self) -> None:
        """Close the references file."""
        self._references.close()

    def answer(self, embedding: NDArray[np.float32], top_k: int, variant_name: str, started: float) -> Identification:
        """Return the answer to one embedding, float32 [1, dim]; `started` is a `perf_counter` reading."""
        (matches,) = self.matches(embedding, top_k)
        return Identification(
            matches=matches,
            pack_name=self._manifest.name,
            pack_version=str(self._manifest.version),
            variant_name=variant_name,
            seconds=perf_counter() - started,
        )

    def matches(self, embeddings: NDArray[np.float32], top_k: int) -> list[tuple[Match, ...]]:
        """Return the best `top_k` references of each embedding, float32 [n, dim]."""
        # A reference may hold several of the nearest rows; this many rows hold top_k references for certain.
        rows = top_k * self._manifest.index.most_images_per_reference
        found = self._search.nearest(embeddings, rows)
        return [tuple(self._ranked(best, top_k)) for best in _scores_by_row(found)]

    def _ranked(self, best: Iterable[tuple[int, float]], top_k: int) -> Iterator[Match]:
        seen: set[str] = set()
        for index_id, score in best:
            reference_id = self._references.reference_id_of(index_id)
            if reference_id in seen:
                continue
            seen.add(reference_id)
            yield Match(reference=self._references.reference(reference_id), score=score, rank=len(seen))
            if len(seen) == top_k:
                return


def _scores_by_row(found: Neighbours) -> Iterator[list[tuple[int, float]]]:
    for ids, scores in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
        yield list(zip(ids, scores, strict=True))
