"""The pictures of a catalogue by the eyes of an encoder that no pack has been built with.

What a newcomer would get wrong: packs hold what a quantised encoder says. Here the original is asked, which needs no
export and knows texts as well; what it said is remembered in the catalogue beside what packs' encoders said, under a
fingerprint of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from edge_identify.convert.export.computing import Batches
from edge_identify.convert.packing.reference_embeddings import BuildMemory, Embedded, embed_remembering

if TYPE_CHECKING:
    from edge_identify.convert.export.progress import Progress
    from edge_identify.convert.models.loading import LoadedModel
    from edge_identify.datasets.catalogue import CatalogueImage


def embed_catalogue(
    model: LoadedModel, images: Sequence[CatalogueImage], memory: BuildMemory, progress: Progress
) -> Embedded:
    """Return the unit vectors that a model gives to pictures, embedding only those that are not remembered.

    Args:
        model: The original.
        images: Of the catalogue, by index id.
        memory: The catalogue's.
        progress: Shows how far it is.

    Raises:
        SetupError: Memory does not suffice for one picture.
    """
    from edge_identify.convert.export.towers import embed, image_tower

    return embed_remembering(
        model_fingerprint(model),
        partial(embed, image_tower(model)),
        model.preprocessing,
        model.dim,
        images,
        memory,
        progress,
        Batches(),
    )


def model_fingerprint(model: LoadedModel) -> str:
    """Return what tells a model from any other that could give other vectors, as hexadecimal digits."""
    import PIL
    import torch

    facts = {
        "original": model.space_id,
        "recipe": asdict(model.preprocessing) | {"photo_views": None},  # references have one view
        "libraries": [torch.__version__, PIL.__version__],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
