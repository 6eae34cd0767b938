"""The embeddings of a pack's references: those that an earlier build left, and the rest embedded now.

What a newcomer would get wrong: the same model does not give the same vectors. What counts is the exported file that
embeds, the recipe for its pixels and the libraries that decode and compute: all of them make the fingerprint under
which an embedding is kept. Each batch is kept as soon as it is there, so that an interrupted build embeds nothing
twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
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
from edge_identify.datasets.catalogue.reference_images import image_batches
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import Embed, ExportedVariant
    from edge_identify.convert.progress import Progress
    from edge_identify.datasets.catalogue.catalogue import CatalogueImage

_VECTOR = np.dtype("<f4")


class EmbeddingMemory(Protocol):
    """What one build leaves for the next; `datasets.catalogue.build_memory` keeps it in a catalogue."""

    def begin(self, encoder: str) -> None:
        """Note that an encoder is in use."""

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Return what is known of an encoder's embeddings, by the images' hashes."""

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep an encoder's embeddings."""

    def sample(self, index_ids: Sequence[int], draw: Callable[[int], Sequence[int]]) -> tuple[int, ...]:
        """Return which images encoders are measured on."""


class NoMemory:
    """Of a build that neither finds nor leaves anything."""

    def begin(self, encoder: str) -> None:
        """Do nothing."""

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:  # noqa: ARG002 - the protocol's
        """Know nothing."""
        return {}

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep nothing."""

    def sample(self, index_ids: Sequence[int], draw: Callable[[int], Sequence[int]]) -> tuple[int, ...]:
        """Draw anew."""
        return tuple(index_ids[position] for position in draw(len(index_ids)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedReferences:
    """The references' embeddings.

    Attributes:
        images: The images that could be used, in the catalogue's order.
        embeddings: Unit vectors, float32 [n, dim], in the same order.
        left_out: The others.
        encoder: Fingerprint of what embedded them.
    """

    images: tuple[CatalogueImage, ...]
    embeddings: NDArray[np.float32]
    left_out: tuple[SkippedImage, ...]
    encoder: str


def embed_references(
    embedder: ExportedVariant,
    folder: Path,
    recipe: Preprocessing,
    dim: int,
    images: Sequence[CatalogueImage],
    memory: EmbeddingMemory,
    progress: Progress,
    computing: Computing | None = None,
) -> EmbeddedReferences:
    """Return the embedding of each image, embedding only those that are not known.

    Args:
        embedder: The exported encoder.
        folder: The pack's folder, in which its files lie.
        recipe: From image to pixels.
        dim: The length of a vector.
        images: The catalogue's images, by index id.
        memory: What earlier builds left.
        progress: Shows how far it is.
        computing: Where, and how many at once; None for the processor.

    Raises:
        SetupError: Memory does not suffice for one image.
    """
    computing = computing or Computing()
    placed = place_embedder(embedder, folder, lambda: _some_pixels(images, recipe), computing)
    encoder = encoder_fingerprint(embedder, folder, recipe, provider=placed.provider)
    return embed_remembering(encoder, placed.embed, recipe, dim, images, memory, progress, computing.batches)


def embed_remembering(
    encoder: str,
    embed: Embed,
    recipe: Preprocessing,
    dim: int,
    images: Sequence[CatalogueImage],
    memory: EmbeddingMemory,
    progress: Progress,
    batches: Batches,
) -> EmbeddedReferences:
    """Return the embedding of each image, embedding only those that are not known; see `embed_references`.

    Args:
        encoder: Its fingerprint, under which embeddings are kept.
        embed: From pixels, uint8 [n, size, size, 3], to unit vectors, float32 [n, dim].
        recipe: From image to pixels.
        dim: The length of a vector.
        images: The catalogue's images, by index id.
        memory: What was embedded before.
        progress: Shows how far it is.
        batches: Says how many images are embedded at once.
    """
    memory.begin(encoder)
    hashes = list(dict.fromkeys(image.sha256 for image in images))
    known = {
        sha256: np.frombuffer(vector, _VECTOR)
        for sha256, vector in memory.embeddings(encoder, hashes).items()
        if len(vector) == dim * _VECTOR.itemsize
    }
    left_out = _changed(images, known)
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
        found = {image.sha256: vector for image, vector in zip(batch.images, vectors, strict=True)}
        memory.keep_embeddings(encoder, {sha256: vector.astype(_VECTOR).tobytes() for sha256, vector in found.items()})
        known |= found
    broken = {each.path for each in unusable}
    used = [image for image in images if image.sha256 in known and image not in changed and image.path not in broken]
    return EmbeddedReferences(
        images=tuple(used),
        embeddings=np.stack([known[image.sha256] for image in used]) if used else np.empty((0, dim), np.float32),
        left_out=(*left_out.values(), *unusable),
        encoder=encoder,
    )


def _some_pixels(images: Sequence[CatalogueImage], recipe: Preprocessing) -> list[NDArray[np.uint8]]:
    first = images[:COMPARED_IMAGES]
    batches = image_batches(first, recipe, size=lambda: COMPARED_IMAGES, left_out=[], progress=iter)
    return [pixels for batch in batches for pixels in batch.pixels]


def encoder_fingerprint(
    embedder: ExportedVariant, folder: Path, recipe: Preprocessing, *, provider: str = CPU_PROVIDER
) -> str:
    """Return what tells an encoder from any other that could give other vectors, as hexadecimal digits."""
    import onnxruntime
    import PIL

    model = folder / embedder.model
    files = [model] if model.is_file() else sorted(path for path in model.rglob("*") if path.is_file())
    facts = {
        "files": [(path.relative_to(folder).as_posix(), sha256_of_file(path)) for path in files],
        "recipe": asdict(recipe) | {"photo_views": None},  # references have one view
        "libraries": [onnxruntime.__version__, PIL.__version__],
        **({} if provider == CPU_PROVIDER else {"provider": provider}),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _changed(
    images: Sequence[CatalogueImage], known: Mapping[str, NDArray[np.float32]]
) -> dict[CatalogueImage, SkippedImage]:
    """Return the images whose embedding is known, and whose file is no longer what was embedded."""
    changed: dict[CatalogueImage, SkippedImage] = {}
    for image in images:
        if image.sha256 not in known:
            continue
        reason = _reason_not_to_use(image)
        if reason is not None:
            changed[image] = SkippedImage(path=image.path, reason=reason)
    return changed


def _reason_not_to_use(image: CatalogueImage) -> str | None:
    try:
        is_same = sha256_of_file(image.path) == image.sha256
    except FileNotFoundError:
        return f"{image.path}: no such file"
    except OSError as error:
        return f"{image.path}: cannot be read ({error.strerror})"
    return None if is_same else f"{image.path}: has changed since it was added; run `edge-build add` again"
