"""The images of a catalogue by the eyes of an encoder that no pack has been built with.

What a newcomer would get wrong: packs hold what a quantised encoder says. Here the original is asked, which needs no
export and knows texts as well; what it said is remembered in the catalogue beside what packs' encoders said, under a
fingerprint of its own. Looking around needs no right to write: what the catalogue does not take is not remembered.
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
    from edge_identify.datasets.catalogue.catalogue import CatalogueImage


def embed_catalogue(
    model: LoadedModel,
    images: Sequence[CatalogueImage],
    memory: EmbeddingMemory,
    progress: Progress,
    tell: Callable[[str], None],
) -> EmbeddedReferences:
    """Return the unit vectors that a model gives to images, embedding only those that are not remembered.

    Args:
        model: The original.
        images: Of the catalogue, by index id.
        memory: The catalogue's.
        progress: Shows how far it is.
        tell: Is handed a line for a person where nothing can be remembered.

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
    """A memory that turns into one that keeps nothing once it cannot be written."""

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

    def sample(self, index_ids: Sequence[int], draw: Callable[[int], Sequence[int]]) -> tuple[int, ...]:
        return self._memory.sample(index_ids, draw)

    def _try(self, write: Callable[[], None]) -> None:
        if not self._is_writable:
            return
        try:
            write()
        except SetupError as error:
            self._is_writable = False
            self._tell(f"what is computed now is not remembered: {error}")


def model_fingerprint(model: LoadedModel) -> str:
    """Return what tells a model from any other that could give other vectors: `ORIGINAL` and hexadecimal digits."""
    import PIL
    import torch

    facts = {
        "original": model.space_id,
        "recipe": asdict(model.preprocessing) | {"photo_views": None},  # references have one view
        "libraries": [torch.__version__, PIL.__version__],
    }
    return ORIGINAL + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
