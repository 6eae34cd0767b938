"""The samples that a pack's encoders are compared on: its reference images, simulated photos of them, and its labels.

The fidelity of a quantised encoder depends on its input. So it is measured on the pack's own images and words, not on
noise or a standard data set. Embeddings of the samples are kept from build to build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.kept_vectors import EncoderInput, KeyedEncoder, are_kept, embed_inputs
from edge_identify.convert.caching.stable_sample import stable_positions
from edge_identify.convert.export.calibration_inputs import CAPTIONS
from edge_identify.convert.export.compute_device import Computing
from edge_identify.convert.export.fidelity import FidelitySample, measure_fidelity
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.datasets.catalogue.reference_images import open_reference_image, reason_not_to_use
from edge_identify.datasets.drawn.simulated_photo import long_side_px_for, simulate_photo
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.fidelity import Batch
    from edge_identify.convert.export.variants import ExportedVariant
    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
    from edge_identify.edge_runtime.pack.manifest import Fidelity
    from edge_identify.edge_runtime.pack.references import Reference

MOST_IMAGES = 64  # Core ML is evaluated one image at a time; 64 and their photos take a minute with a ViT-B
MOST_TEXTS = 64
_PHOTO_SEED = 20_261_120  # arbitrary; fixed, so that a build repeats the same bytes
_ORIGINAL = "original"


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityBench:
    """The samples, and the original that variants are compared with.

    Attributes:
        model: The original model.
        folder: The pack's folder; it holds the variants' files.
        image_sample: Simulated photos as queries, reference images as references.
        text_sample: Names and captions as queries, the same images as references.
        cache: Keeps embeddings.
        computing: Device and batch size of the original.
        progress: Shows the progress over the inputs.
    """

    model: LoadedModel
    folder: Path
    image_sample: FidelitySample
    text_sample: FidelitySample
    cache: BuildCache
    computing: Computing = field(default_factory=Computing)
    progress: Progress = no_progress

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
        sample = self.image_sample
        original = {_ORIGINAL: self._original_images()}
        asked = {name: variant.keyed(self.folder) for name, variant in variants.items()}
        queries = self._embed({**original, **asked}, sample.queries, "comparing image encoders, photos")
        indexed = {**original, embedder.name: embedder.keyed(self.folder)}
        references = self._embed(indexed, sample.references, "comparing image encoders, references")
        return _measure(asked, sample, queries, references[_ORIGINAL], references[embedder.name])

    def measure_texts(self, variants: Mapping[str, ExportedVariant]) -> Mapping[str, Fidelity]:
        """Measure the text tower's variants against the original's image embeddings.

        So the figures depend on the text tower alone.

        Args:
            variants: The variants, by name.

        Returns:
            The fidelity of each variant, by name.
        """
        sample = self.text_sample
        asked = {name: variant.keyed(self.folder) for name, variant in variants.items()}
        encoders = {_ORIGINAL: self._original_texts(), **asked}
        queries = self._embed(encoders, sample.queries, "comparing text encoders")
        images = {_ORIGINAL: self._original_images()}
        references = self._embed(images, sample.references, "comparing text encoders, images")[_ORIGINAL]
        return _measure(asked, sample, queries, references, references)

    def photo_embeddings(self, variant: ExportedVariant) -> NDArray[np.float32]:
        """Return a variant's embeddings of the simulated photos, float32 [n, dim]."""
        asked = {variant.name: variant.keyed(self.folder)}
        return self._embed(asked, self.image_sample.queries, "embedding photos")[variant.name]

    def _embed(
        self, encoders: Mapping[str, KeyedEncoder], inputs: Sequence[EncoderInput], step: str
    ) -> Mapping[str, NDArray[np.float32]]:
        found = embed_inputs(encoders, inputs, self.cache, self.progress, step, dim=self.model.dim)
        return {name: vectors[:, 0] for name, vectors in found.items()}

    def _original_images(self) -> KeyedEncoder:
        return original_image_encoder(self.model, self.computing)

    def _original_texts(self) -> KeyedEncoder:
        def embed_texts(batch: Batch) -> NDArray[np.float32]:
            from edge_identify.convert.export.towers import embed, text_tower

            return _one_by_one(partial(embed, text_tower(self.model)), batch)

        return KeyedEncoder(key=cache_key(_ORIGINAL, "text", self.model.key), embed=embed_texts, one_by_one=False)


def original_image_encoder(model: LoadedModel, computing: Computing) -> KeyedEncoder:
    """Return the image tower of an original model."""

    def embed_images(batch: Batch) -> NDArray[np.float32]:
        from edge_identify.convert.export.towers import embed, image_tower, lying_on

        with lying_on(image_tower(model), computing.device) as tower:
            return _one_by_one(partial(embed, tower), batch)

    key = cache_key(_ORIGINAL, "image", model.key, computing.wanted)
    return KeyedEncoder(key=key, embed=embed_images, one_by_one=False)


def _one_by_one(embed: Callable[[Batch], NDArray[np.float32]], batch: Batch) -> NDArray[np.float32]:
    """Embed each input alone: a batch changes the last digits, and its members depend on what was already kept."""
    return np.concatenate([embed(batch[at : at + 1]) for at in range(len(batch))])


def _measure(
    variants: Mapping[str, KeyedEncoder],
    sample: FidelitySample,
    queries: Mapping[str, NDArray[np.float32]],
    original_references: NDArray[np.float32],
    indexed_references: NDArray[np.float32],
) -> Mapping[str, Fidelity]:
    return {
        name: measure_fidelity(
            name,
            sample,
            found_queries=queries[name],
            original_queries=queries[_ORIGINAL],
            original_references=original_references,
            indexed_references=indexed_references,
        )
        for name in variants
    }


def make_bench(
    model: LoadedModel,
    folder: Path,
    references: Sequence[Reference],
    images: Sequence[CatalogueImage],
    cache: BuildCache,
    *,
    computing: Computing | None = None,
    progress: Progress = no_progress,
) -> FidelityBench:
    """Choose the samples from a catalogue.

    Args:
        model: The original model.
        folder: The pack's folder, which the variants are exported to.
        references: The catalogue's references; their names and labels become text queries.
        images: The catalogue's images.
        cache: Keeps embeddings.
        computing: Device and batch size of the original; None for the CPU.
        progress: Shows the progress over the inputs.

    Raises:
        SetupError: None of the sampled images can be used.
    """
    computing = computing or Computing()
    names = [image.sha256 for image in images]
    chosen = [images[position] for position in stable_positions(names, MOST_IMAGES)]
    usable = _usable(chosen, original_image_encoder(model, computing), model.preprocessing, cache)
    if not usable:
        raise SetupError("the catalogue has no usable image; see `edge-build add` for what it accepts")
    # A small catalogue gets several photos of each image, so that the figures do not depend on a few.
    photos_each = -(-MOST_IMAGES // len(usable))
    clean = [reference_input(image, model.preprocessing) for image in usable]
    return FidelityBench(
        model=model,
        folder=folder,
        image_sample=FidelitySample(
            description=f"simulated photos of {len(usable)} reference images",
            queries=[_photo_input(image, copy, model.preprocessing) for image in usable for copy in range(photos_each)],
            references=clean,
            right=np.repeat(np.arange(len(usable)), photos_each),
        ),
        text_sample=FidelitySample(
            description="names of references and plain captions",
            queries=list(_text_inputs(model, _sampled_texts(references))),
            references=clean,
        ),
        cache=cache,
        computing=computing,
        progress=progress,
    )


def _usable(
    images: Sequence[CatalogueImage], original: KeyedEncoder, recipe: Preprocessing, cache: BuildCache
) -> list[CatalogueImage]:
    """Return the images that can be opened. One whose embedding is kept was opened before, and need only be unchanged.

    So the sample is the one that a build without a cache takes.
    """

    def can_be_opened(image: CatalogueImage) -> bool:
        try:
            open_reference_image(image)
        except PhotoError:
            return False  # the build reports it when it embeds all images
        return True

    were_opened = are_kept(original, [reference_input(image, recipe) for image in images], cache)
    return [
        image
        for image, was_opened in zip(images, were_opened, strict=True)
        if (reason_not_to_use(image) is None if was_opened else can_be_opened(image))
    ]


def reference_input(
    image: CatalogueImage, recipe: Preprocessing, pixels: NDArray[np.uint8] | None = None
) -> EncoderInput:
    """Return a reference image as input of an encoder.

    Args:
        image: The image.
        recipe: The encoder's preprocessing.
        pixels: Its pixels, uint8 [size, size, 3], if they are known; None to read the file when they are needed.
    """

    def draw() -> NDArray[np.uint8]:
        return (preprocess(open_reference_image(image), recipe) if pixels is None else pixels)[None]

    return EncoderInput(key=cache_key("reference", image.sha256, recipe_facts(recipe)), draw=draw)


def _photo_input(image: CatalogueImage, copy: int, recipe: Preprocessing) -> EncoderInput:
    def draw() -> NDArray[np.uint8]:
        rng = np.random.default_rng([_PHOTO_SEED, int(image.sha256[:16], 16), copy])
        side_px = long_side_px_for(recipe.size_px)
        return preprocess(simulate_photo(open_reference_image(image), rng, long_side_px=side_px), recipe)[None]

    key = cache_key("simulated photo", _PHOTO_SEED, image.sha256, copy, recipe_facts(recipe))
    return EncoderInput(key=key, draw=draw)


def recipe_facts(recipe: Preprocessing) -> Mapping[str, object]:
    """Return what the pixels of one view depend on, for a key of the cache."""
    return asdict(recipe) | {"photo_views": None}


def _text_inputs(model: LoadedModel, texts: Sequence[str]) -> Iterator[EncoderInput]:
    if model.tokenizer is None:
        return  # its text tower is not exported
    for row in model.tokenizer.encode(list(texts)):
        yield EncoderInput(key=cache_key("tokens", row.tolist()), draw=partial(np.atleast_2d, row))


def _sampled_texts(references: Sequence[Reference]) -> list[str]:
    positions = stable_positions([reference.id for reference in references], MOST_TEXTS)
    words = [
        text for position in positions for text in (references[position].name, *references[position].labels.values())
    ]
    return list(dict.fromkeys((*CAPTIONS, *words)))[:MOST_TEXTS]
