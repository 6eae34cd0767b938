"""Embeddings of a catalogue's images by the original encoder, without an export.

The original torch model embeds images and texts; packs hold embeddings of an exported encoder. Embeddings are kept in
the catalogue, under a fingerprint of their own. If the catalogue cannot be written, they are computed and not kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from edge_identify.convert.export.compute_device import Batches
from edge_identify.convert.packing.reference_embeddings import EmbeddedReferences, EmbeddingMemory, embed_remembering
from edge_identify.datasets.catalogue.build_memory import ORIGINAL
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.progress import Progress
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage


def embed_catalogue(
    model: LoadedModel,
    images: Sequence[CatalogueImage],
    memory: EmbeddingMemory,
    progress: Progress,
    tell: Callable[[str], None],
) -> EmbeddedReferences:
    """Return the unit vectors of images; only images without a kept embedding are embedded.

    Args:
        model: The original model.
        images: Images of the catalogue, sorted by index id.
        memory: Kept embeddings of the catalogue.
        progress: Shows the progress over the images.
        tell: Called with one line of text if the embeddings cannot be kept.

    Raises:
        SetupError: Memory does not suffice for one image.
    """
    from edge_identify.convert.export.towers import embed, image_tower

    return embed_remembering(
        model_fingerprint(model),
        partial(embed, image_tower(model)),
        model.preprocessing,
        model.dim,
        images,
        _MemoryWhereWritable(memory, tell),
        progress,
        Batches(),
    )


class _MemoryWhereWritable:
    """An `EmbeddingMemory` that stops writing after the first failed write, and reports it once."""

    def __init__(self, memory: EmbeddingMemory, tell: Callable[[str], None]) -> None:
        self._memory = memory
        self._tell = tell
        self._is_writable = True

    def begin(self, encoder: str) -> None:
        self._try(lambda: self._memory.begin(encoder))

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:
        return self._memory.embeddings(encoder, hashes)

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        self._try(lambda: self._memory.keep_embeddings(encoder, vectors))

    def _try(self, write: Callable[[], None]) -> None:
        if not self._is_writable:
            return
        try:
            write()
        except SetupError as error:
            self._is_writable = False
            self._tell(f"what is computed now is not remembered: {error}")


def model_fingerprint(model: LoadedModel) -> str:
    """Return the fingerprint under which a model's embeddings are kept: `ORIGINAL` and a SHA-256 in hexadecimal.

    Equal fingerprints mean equal vectors: weights, preprocessing and library versions are part of it.
    """
    import PIL
    import torch

    facts = {
        "original": model.space_id,
        "recipe": asdict(model.preprocessing) | {"photo_views": None},  # references have one view
        "libraries": [torch.__version__, PIL.__version__],
    }
    return ORIGINAL + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
