"""Searches a catalogue's images by text or by example photos."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.exploring.known_words import Words, known_and_unknown, some_known_things
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.composed_text import spellings
from edge_identify.edge_runtime.pack.filters import Filters, describe_filters
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.search.filtering import known_as

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.packing.reference_embeddings import EmbeddedReferences
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

_MOST_NAMED = 8  # things named in an error; they fit on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An image that was found.

    Attributes:
        image: The image.
        similarity: Cosine similarity, -1 to 1; with several examples, to the most similar one.
    """

    image: CatalogueImage
    similarity: float


def passing(references: Iterable[Reference], filters: Filters) -> dict[str, Reference]:
    """Return the references that pass all filters, by id.

    Raises:
        SetupError: The catalogue is empty, no reference has a given namespace or label, or none passes all filters.
    """
    by_id = {reference.id: reference for reference in references}
    if not by_id:
        raise SetupError("the catalogue is empty; add images with `edge-build add SOURCE --catalogue FILE`")
    _refuse_unknown(filters, by_id.values())
    kept = {name: each for name, each in by_id.items() if _passes(each, filters)}
    if not kept:
        raise SetupError(f"no reference passes all filters ({describe_filters(filters)}); leave one out")
    return kept


def _passes(reference: Reference, filters: Filters) -> bool:
    if filters.namespaces and not spellings(reference.namespace, filters.namespaces):
        return False
    return all(spellings(reference.labels.get(kind, ""), values) for kind, values in filters.labels.items())


def _refuse_unknown(filters: Filters, references: Collection[Reference]) -> None:
    for namespace in filters.namespaces:
        known_as(namespace, _named(each.namespace for each in references), "namespace", of="the catalogue")
    for kind, values in filters.labels.items():
        known = _named(each.labels.get(kind, "") for each in references)
        for value in values:
            known_as(value, known, f"label of kind {kind!r}", of="the catalogue")


def _named(names: Iterable[str]) -> list[str]:
    return sorted(set(names) - {""})


def embed_text(model: LoadedModel, text: str) -> tuple[NDArray[np.float32], Words | None]:
    """Return a text's unit vector, float32 [1, dim], and which of its words the model knows.

    The words are None for all models but the built-in one, whose vocabulary is known.

    Raises:
        SetupError: The text is empty, the model has no tokenizer, or the built-in model knows none of the words.
    """
    from edge_identify.convert.export.towers import embed, text_tower

    if not text.strip():
        raise SetupError('the text is empty; describe what you look for, such as "a red mosaic"')
    if model.tokenizer is None:
        raise SetupError(f"{model.name}: searching by text needs the model's tokenizer; give it with --tokenizer FILE")
    words = known_and_unknown(text, model, model.tokenizer) if model.name == BUILTIN else None
    if words is not None and not words.known:
        things = ", ".join(some_known_things()[:_MOST_NAMED])
        raise SetupError(
            f"{text!r}: the built-in encoder knows none of these words, so the result would be chance. It knows "
            f"colours and hundreds of things, such as {things}; give an example image with --like, or another --model"
        )
    return embed(text_tower(model), model.tokenizer.encode([text])), words


def embed_examples(model: LoadedModel, photos: Sequence[Path]) -> NDArray[np.float32]:
    """Return the unit vectors of all views of some photos, float32 [n, dim].

    Photos are prepared as on devices, with several views for the built-in model.

    Raises:
        PhotoError: A photo cannot be used.
    """
    from edge_identify.convert.export.towers import embed, image_tower
    from edge_identify.convert.packing.pack_building import BUILTIN_PHOTO_VIEWS
    from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo

    views = BUILTIN_PHOTO_VIEWS if model.name == BUILTIN else (1.0,)
    recipe = replace(model.preprocessing, photo_views=views)
    pixels = [prepare_photo(photo, recipe).pixels for photo in photos]
    return embed(image_tower(model), np.concatenate(pixels))


def search(questions: NDArray[np.float32], embedded: EmbeddedReferences, *, limit: int, at_least: float) -> list[Hit]:
    """Return the images nearest to any of the queries, best first; ties by index id.

    Args:
        questions: Unit vectors of the queries, float32 [n, dim].
        embedded: The images to search.
        limit: Maximum number of results.
        at_least: Minimum cosine similarity.
    """
    if not embedded.images:
        return []
    scores = (embedded.embeddings[:] @ questions.T).max(axis=1).clip(-1, 1)
    order = np.lexsort(([image.index_id for image in embedded.images], -scores))
    return [
        Hit(image=embedded.images[at], similarity=float(scores[at]))
        for at in order[:limit].tolist()
        if scores[at] >= at_least
    ]
