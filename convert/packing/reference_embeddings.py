"""Embeddings of a pack's references: reuses those of earlier builds and computes the others.

Trap: the name of a model does not determine its vectors. They depend on the exported file, the preprocessing and the
libraries that decode and compute. All of these are part of the fingerprint under which an embedding is kept.

Each batch is kept as soon as it is computed, so that an interrupted build does not embed it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_identify.convert.export.compute_device import (
    COMPARED_IMAGES,
    CPU_PROVIDER,
    Batches,
    Computing,
    place_embedder,
)
from edge_identify.convert.packing.embedding_rows import VECTOR, MemoryRows, Rows, RowStore
from edge_identify.datasets.catalogue.reference_images import image_batches, reason_not_to_use
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import Embed, ExportedVariant
    from edge_identify.convert.progress import Progress
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

_HASHES_AT_ONCE = 4096


class EmbeddingMemory(Protocol):
    """Keeps embeddings from one build to the next; `datasets.catalogue.build_memory` keeps them in a catalogue."""

    def begin(self, encoder: str) -> None:
        """Record that an encoder, given by its fingerprint, is in use."""

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Return the kept embeddings of an encoder, little-endian float32 [dim], by the images' SHA-256.

        Args:
            encoder: Fingerprint of the encoder.
            hashes: SHA-256 of the image files; unknown ones are missing in the result.
        """

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep embeddings of an encoder, by the images' SHA-256."""


class NoMemory:
    """An `EmbeddingMemory` that keeps nothing."""

    def begin(self, encoder: str) -> None:
        """Do nothing."""

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:  # noqa: ARG002 - the protocol's
        """Return nothing."""
        return {}

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedImages:
    """What became of a catalogue's reference images.

    Attributes:
        images: The images that could be used, in the catalogue's order.
        left_out: The images that could not be used.
        encoder: Fingerprint of the encoder.
    """

    images: tuple[CatalogueImage, ...]
    left_out: tuple[SkippedImage, ...]
    encoder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedReferences:
    """The embeddings of a catalogue's reference images.

    Attributes:
        used: The images.
        embeddings: Unit vectors of those that could be used, float32 [n, dim], in the same order; `[:]` reads all.
    """

    used: UsedImages
    embeddings: Rows

    @property
    def images(self) -> tuple[CatalogueImage, ...]:
        """The images that could be used."""
        return self.used.images


def embed_references(
    embedder: ExportedVariant,
    folder: Path,
    recipe: Preprocessing,
    dim: int,
    images: Sequence[CatalogueImage],
    memory: EmbeddingMemory,
    progress: Progress,
    computing: Computing | None = None,
    rows: RowStore | None = None,
) -> EmbeddedReferences:
    """Embed the reference images with an exported encoder; reuse kept embeddings.

    Args:
        embedder: The exported encoder.
        folder: The pack's folder; it holds the encoder's files.
        recipe: The encoder's preprocessing.
        dim: Length of an embedding.
        images: The catalogue's images, sorted by index id.
        memory: Kept embeddings of earlier builds.
        progress: Shows the progress over the images.
        computing: Device and batch size; None for the CPU.
        rows: Takes the embeddings of all images; None to hold them in memory.

    Raises:
        SetupError: Memory does not suffice for one image.
    """
    computing = computing or Computing()
    placed = place_embedder(embedder, folder, lambda: _some_pixels(images, recipe), computing)
    encoder = encoder_fingerprint(embedder, folder, recipe, provider=placed.provider)
    return embed_remembering(encoder, placed.embed, recipe, dim, images, memory, progress, computing.batches, rows)


def embed_remembering(
    encoder: str,
    embed: Embed,
    recipe: Preprocessing,
    dim: int,
    images: Sequence[CatalogueImage],
    memory: EmbeddingMemory,
    progress: Progress,
    batches: Batches,
    rows: RowStore | None = None,
) -> EmbeddedReferences:
    """Embed images with any encoder; reuse kept embeddings. See `embed_references`.

    Args:
        encoder: Fingerprint of the encoder; embeddings are kept under it.
        embed: Turns pixels, uint8 [n, size, size, 3], into unit vectors, float32 [n, dim].
        recipe: The encoder's preprocessing.
        dim: Length of an embedding.
        images: The catalogue's images, sorted by index id.
        memory: Kept embeddings.
        progress: Shows the progress over the images.
        batches: Splits the images into batches.
        rows: Takes the embeddings of all images; None to hold them in memory.

    Raises:
        SetupError: Memory does not suffice for one image.
    """
    memory.begin(encoder)
    found = _Found(images, dim, rows or MemoryRows(len(images), dim))
    for some in found.hashes_in_parts():
        found.take(memory.embeddings(encoder, some))
    known = frozenset(found.known)
    left_out = _changed(progress("checking kept embeddings", images) if known else (), known)
    changed = frozenset(left_out)
    unknown = [image for image in images if image.sha256 not in known]
    unusable: list[SkippedImage] = []
    for batch in image_batches(
        unknown,
        recipe,
        size=lambda: batches.size,
        left_out=unusable,
        progress=partial(progress, "embedding references"),
    ):
        vectors = batches.embed(embed, batch.pixels)
        computed = {
            image.sha256: vector.astype(VECTOR).tobytes() for image, vector in zip(batch.images, vectors, strict=True)
        }
        memory.keep_embeddings(encoder, computed)
        found.take(computed)
    broken = {each.path for each in unusable}
    used = [
        at
        for at, image in enumerate(images)
        if image.sha256 in found.known and image not in changed and image.path not in broken
    ]
    return EmbeddedReferences(
        used=UsedImages(
            images=tuple(images[at] for at in used), left_out=(*left_out.values(), *unusable), encoder=encoder
        ),
        embeddings=found.rows.chosen(used),
    )


class _Found:
    """The embeddings of all images, as they are found.

    Attributes:
        rows: One vector per image; those of unknown images are not set.
        known: SHA-256 of the images whose vectors are set.
    """

    def __init__(self, images: Sequence[CatalogueImage], dim: int, rows: RowStore) -> None:
        self.rows = rows
        self.known: set[str] = set()
        self._bytes = dim * VECTOR.itemsize
        self._places: dict[str, list[int]] = {}
        for at, image in enumerate(images):
            self._places.setdefault(image.sha256, []).append(at)

    def hashes_in_parts(self) -> Iterator[list[str]]:
        """Yield the images' hashes in parts whose embeddings fit into memory twice."""
        hashes = list(self._places)
        yield from (hashes[at : at + _HASHES_AT_ONCE] for at in range(0, len(hashes), _HASHES_AT_ONCE))

    def take(self, vectors: Mapping[str, bytes]) -> None:
        """Set the vectors of images, by SHA-256; vectors of another length are ignored."""
        for sha256, vector in vectors.items():
            if len(vector) == self._bytes:
                for at in self._places[sha256]:
                    self.rows.write(at, vector)
                self.known.add(sha256)


def _some_pixels(images: Sequence[CatalogueImage], recipe: Preprocessing) -> list[NDArray[np.uint8]]:
    first = images[:COMPARED_IMAGES]
    batches = image_batches(first, recipe, size=lambda: COMPARED_IMAGES, left_out=[], progress=iter)
    return [pixels for batch in batches for pixels in batch.pixels]


def encoder_fingerprint(
    embedder: ExportedVariant, folder: Path, recipe: Preprocessing, *, provider: str = CPU_PROVIDER
) -> str:
    """Return the fingerprint of an exported encoder: a SHA-256 in hexadecimal.

    Equal fingerprints mean equal vectors. It covers the encoder's files, its preprocessing, library versions and the
    execution provider (unless it is the CPU).

    Args:
        embedder: The exported encoder.
        folder: The pack's folder; it holds the encoder's files.
        recipe: The encoder's preprocessing.
        provider: ONNX Runtime's name of the execution provider.
    """
    import onnxruntime
    import PIL

    facts = {
        "files": [(path.relative_to(folder).as_posix(), sha256_of_file(path)) for path in embedder.files(folder)],
        "recipe": asdict(recipe) | {"photo_views": None},  # references have one view
        "libraries": [onnxruntime.__version__, PIL.__version__],
        **({} if provider == CPU_PROVIDER else {"provider": provider}),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _changed(images: Iterable[CatalogueImage], known: Collection[str]) -> dict[CatalogueImage, SkippedImage]:
    """Return the images with a kept embedding whose file has vanished or changed, with the reason."""
    changed: dict[CatalogueImage, SkippedImage] = {}
    for image in images:
        if image.sha256 not in known:
            continue
        reason = reason_not_to_use(image)
        if reason is not None:
            changed[image] = SkippedImage(path=image.path, reason=reason)
    return changed
