"""The samples that a pack's encoders are compared on: its reference images, simulated photos of them, and its labels.

The fidelity of a quantised encoder depends on its input. So it is measured on the pack's own images and words, not on
noise or a standard data set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from edge_identify.convert.export.compute_device import Computing
from edge_identify.convert.export.fidelity import FidelitySample, embed_in_batches, measure_fidelity, sample_positions
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.datasets.drawn.simulated_photo import simulate_photo
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.pack.manifest import Runtime
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.convert.export.fidelity import Batch
    from edge_identify.convert.export.variants import ExportedVariant
    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
    from edge_identify.edge_runtime.pack.manifest import Fidelity
    from edge_identify.edge_runtime.pack.references import Reference

MOST_IMAGES = 64  # Core ML is evaluated one image at a time; 64 and their photos take a minute with a ViT-B
MOST_TEXTS = 64
_PHOTO_SEED = 20_261_120  # arbitrary; fixed, so that a build repeats the same bytes

#: Plain captions in addition to the pack's names, so that a pack of numbered references is tested on language, too.
_CAPTIONS = (
    "a photo of a cat",
    "a photo of a red car in the street",
    "a bottle of milk on a shelf",
    "a mosaic on a wall",
    "a painting of a woman",
    "green leaves of a tree",
    "a blue sign with white letters",
    "two people walking on a beach",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityBench:
    """The samples and the original's embeddings of them.

    Attributes:
        model: The original model.
        image_sample: Simulated photos as queries, reference images as references.
        text_sample: Names and captions as queries, the same images as references.
        original_references: The original's embeddings of the reference images, float32 [m, dim].
        computing: Device and batch size of the original.
    """

    model: LoadedModel
    image_sample: FidelitySample
    text_sample: FidelitySample
    original_references: NDArray[np.float32]
    computing: Computing = field(default_factory=Computing)
    _originals: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    # Keyed by the variant, because two folders may hold the same path; weakly, because a variant holds a session.
    _known: WeakKeyDictionary[ExportedVariant, dict[str, NDArray[np.float32]]] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    @property
    def images(self) -> NDArray[np.uint8]:
        """Reference images and photos, uint8 [n, size, size, 3]: the calibration input of the quantiser."""
        return np.concatenate([self.image_sample.references, np.asarray(self.image_sample.queries, dtype=np.uint8)])

    @property
    def texts(self) -> NDArray[np.int64]:
        """Token ids of names and captions, int64 [n, context_length]: the calibration input of the quantiser."""
        return np.asarray(self.text_sample.queries, dtype=np.int64)

    def measure_images(
        self, variants: Mapping[str, ExportedVariant], embedder: ExportedVariant
    ) -> Mapping[str, Fidelity]:
        """Measure the image tower's variants.

        Args:
            variants: The variants, by name.
            embedder: The variant that embeds the pack's references. Queries of all variants meet its embeddings.

        Returns:
            The fidelity of each variant, by name; `fidelity.drifting` compares it with the thresholds.
        """
        original = _once(
            self._originals, "images", lambda: _embed_original_images(self.model, self._photos, self.computing)
        )
        indexed = self._embed_once(embedder, self.image_sample.references, "references")
        return self._measure(variants, self.image_sample, original, indexed)

    def measure_texts(self, variants: Mapping[str, ExportedVariant]) -> Mapping[str, Fidelity]:
        """Measure the text tower's variants against the original's image embeddings.

        So the figures depend on the text tower alone.

        Args:
            variants: The variants, by name.

        Returns:
            The fidelity of each variant, by name.
        """
        original = _once(self._originals, "texts", lambda: _embed_original_texts(self.model, self.texts))
        return self._measure(variants, self.text_sample, original, self.original_references)

    @property
    def _photos(self) -> NDArray[np.uint8]:
        return np.asarray(self.image_sample.queries, dtype=np.uint8)

    def _measure(
        self,
        variants: Mapping[str, ExportedVariant],
        sample: FidelitySample,
        original_queries: NDArray[np.float32],
        indexed_references: NDArray[np.float32],
    ) -> Mapping[str, Fidelity]:
        return {
            name: measure_fidelity(
                name,
                sample,
                found_queries=self._embed_once(variant, sample.queries, "queries"),
                original_queries=original_queries,
                original_references=self.original_references,
                indexed_references=indexed_references,
            )
            for name, variant in variants.items()
        }

    def _embed_once(self, variant: ExportedVariant, batch: Batch, word: str) -> NDArray[np.float32]:
        known = self._known.setdefault(variant, {})
        if variant.runtime is Runtime.COREML:  # it runs one input at a time, and loads its package at each call
            return _once(known, word, lambda: variant.embed(batch))
        return _once(known, word, lambda: embed_in_batches(variant.embed, batch))


def _once(
    known: dict[str, NDArray[np.float32]], word: str, embed: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    # The gate measures again after it dropped a variant, and a Core ML package takes minutes.
    if word not in known:
        known[word] = embed()
    return known[word]


def make_bench(
    model: LoadedModel,
    references: Sequence[Reference],
    images: Sequence[CatalogueImage],
    computing: Computing | None = None,
) -> FidelityBench:
    """Draw the samples from a catalogue and embed the reference images with the original.

    Args:
        model: The original model.
        references: The catalogue's references; their names and labels become text queries.
        images: The catalogue's images.
        computing: Device and batch size of the original; None for the CPU.

    Raises:
        SetupError: None of the sampled images can be used.
    """
    opened = _sampled_images(images)
    if not opened:
        raise SetupError("the catalogue has no usable image; see `edge-build add` for what it accepts")
    pixels = np.stack([preprocess(image, model.preprocessing) for image in opened])
    photos = np.stack(list(_simulated_photos(opened, model.preprocessing)))
    texts = _sampled_texts(references)
    computing = computing or Computing()
    return FidelityBench(
        model=model,
        image_sample=FidelitySample(
            description=f"simulated photos of {len(opened)} reference pictures",
            queries=photos,
            references=pixels,
            right=np.repeat(np.arange(len(opened)), len(photos) // len(opened)),
        ),
        text_sample=FidelitySample(
            description="names of references and plain captions",
            queries=_tokens(model, texts),
            references=pixels,
        ),
        original_references=_embed_original_images(model, pixels, computing),
        computing=computing,
    )


def _sampled_images(images: Sequence[CatalogueImage]) -> list[Image]:
    opened = []
    for position in sample_positions(len(images), MOST_IMAGES) if images else ():
        try:
            opened.append(open_reference_image(images[position]))
        except PhotoError:
            continue  # the build reports it when it embeds all images
    return opened


def _simulated_photos(opened: Sequence[Image], recipe: Preprocessing) -> Iterator[NDArray[np.uint8]]:
    # A small catalogue gets several photos of each image: a quantiser needs some dozens to measure its ranges.
    photos_each = -(-MOST_IMAGES // len(opened))
    rng = np.random.default_rng(_PHOTO_SEED)
    for image in opened:
        for _ in range(photos_each):
            yield preprocess(simulate_photo(image, rng), recipe)


def _sampled_texts(references: Sequence[Reference]) -> list[str]:
    positions = sample_positions(len(references), MOST_TEXTS) if references else ()
    words = [
        text for position in positions for text in (references[position].name, *references[position].labels.values())
    ]
    return list(dict.fromkeys((*_CAPTIONS, *words)))[:MOST_TEXTS]


def _tokens(model: LoadedModel, texts: list[str]) -> NDArray[np.int64]:
    if model.tokenizer is None:
        return np.empty((0, model.context_length), np.int64)  # its text tower is not exported
    return model.tokenizer.encode(texts)


def _embed_original_images(model: LoadedModel, pixels: NDArray[np.uint8], computing: Computing) -> NDArray[np.float32]:
    from edge_identify.convert.export.towers import embed, image_tower, lying_on

    with lying_on(image_tower(model), computing.device) as tower:
        return embed_in_batches(partial(embed, tower), pixels)


def _embed_original_texts(model: LoadedModel, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
    from edge_identify.convert.export.towers import embed, text_tower

    return embed_in_batches(partial(embed, text_tower(model)), tokens)
