"""Examines a pack or a catalogue with all checks that its contents allow, and lists what was not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import date
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.caching.build_cache import BuildCache, temporary_cache
from edge_identify.convert.caching.kept_vectors import EncoderInput, KeyedEncoder, embed_inputs
from edge_identify.convert.doctor.findings import DoctorFinding, Examination, worst_first
from edge_identify.convert.doctor.image_file_checks import ExaminedImage, examine_images, image_findings
from edge_identify.convert.doctor.pack_checks import (
    calibration_findings,
    damage_finding,
    encoder_finding,
    licence_finding,
    signature_finding,
)
from edge_identify.convert.doctor.personal_data import NOT_READ
from edge_identify.convert.doctor.reference_facts import fact_findings
from edge_identify.convert.doctor.similarity_checks import (
    MEASURED_PHOTOS,
    MOST_COMPARED,
    IndexedImage,
    Neighbour,
    compared_count,
    drawn_images,
    find_neighbours,
    measure_sameness,
    near_duplicate_finding,
    other_label_findings,
    same_image_finding,
)
from edge_identify.convert.export.compute_device import BATCH_SIZE
from edge_identify.convert.export.fidelity import sample_positions
from edge_identify.convert.export.fidelity_samples import reference_input
from edge_identify.convert.progress import Counted, Progress, during, no_progress
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.search.vector_search import Neighbours, best_neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.edge_runtime.pack.pack_reader import Pack

_PACK_HOLDS_NO_FILES = "the image files: a pack does not hold them; examine the catalogue that it was built from"
_VARIANT = "onnx-int8"
_SAMENESS = "photographing some images"
_NOTHING_USABLE = "similarity of references: fewer than two images can be used"


def examine_pack(folder: Path, *, today: date, progress: Progress = no_progress) -> Examination:
    """Examine a pack.

    Args:
        folder: The pack's folder.
        today: References whose last day is before it have expired.
        progress: Shows the progress of each step.

    Raises:
        PackError: There is no pack, a file is missing or too short, or this version cannot read it.
    """
    pack = open_pack(folder)
    if damage := damage_finding(pack, progress):
        return _of_damaged(pack, damage)
    with ReferenceTable(pack.file(pack.manifest.references_file)) as table:
        references = [table.reference(each) for each in table.ids()]
        indexed = [
            IndexedImage(index_id=image.index_id, reference_id=image.reference_id, sha256=image.sha256)
            for image in table.images()
        ]
    similarity, neighbours = _look_up_pack(pack, indexed, progress)
    same = same_image_finding(indexed)
    return Examination(
        subject="pack",
        reference_count=len(references),
        picture_count=len(indexed),
        findings=worst_first(
            [
                *calibration_findings(pack),
                licence_finding(pack.manifest),
                encoder_finding(pack.manifest),
                signature_finding(pack),
                same,
                near_duplicate_finding(neighbours, similarity, same),
                *other_label_findings(neighbours, {each.id: each for each in references}),
                *fact_findings(references, Counter(each.reference_id for each in indexed), today=today),
            ]
        ),
        not_checked=(_PACK_HOLDS_NO_FILES, *_not_compared(len(indexed))),
        near_duplicate_similarity=similarity,
    )


def examine_catalogue(path: Path, *, today: date, progress: Progress, cache: BuildCache | None = None) -> Examination:
    """Examine a catalogue and its image files; the built-in encoder compares the images.

    Args:
        path: The catalogue's file.
        today: References whose last day is before it have expired.
        progress: Shows the progress over the images.
        cache: Keeps the exported encoder and embeddings; None to keep nothing.

    Raises:
        SetupError: There is no catalogue, or it cannot be used.
    """
    from edge_identify.convert.models.model_names import BUILTIN
    from edge_identify.convert.models.model_recall import open_model
    from edge_identify.datasets.catalogue.catalogue import Catalogue

    with Catalogue.open_existing(path) as catalogue:
        references, images = catalogue.references(), catalogue.images()
    with ExitStack() as stack:
        cache = cache or stack.enter_context(temporary_cache())
        model = during(progress, "loading the model", lambda: open_model(BUILTIN, None, cache=cache))
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        looked = _Look(lambda: _encoder(model, folder, cache, progress), model, cache)
        for examined in examine_images(images, model.preprocessing, progress):
            looked.take(examined)
        looked.finish()
        similarity, neighbours = _look_up_files(looked, model, progress)
        cache.forget_unused()
    indexed = [
        IndexedImage(index_id=each.index_id, reference_id=each.reference_id, sha256=each.sha256) for each in images
    ]
    same = same_image_finding(indexed)
    return Examination(
        subject="catalogue",
        reference_count=len(references),
        picture_count=len(images),
        findings=worst_first(
            [
                *image_findings(looked.examined, model.preprocessing),
                same,
                None if similarity is None else near_duplicate_finding(neighbours, similarity, same),
                *other_label_findings(neighbours, {each.id: each for each in references}),
                *fact_findings(references, Counter(each.reference_id for each in images), today=today),
            ]
        ),
        not_checked=(
            "a pack: its calibration, its encoder's licence and its files are checked when a pack is examined",
            NOT_READ,
            *(_not_compared(len(looked.usable)) if similarity is not None else (_NOTHING_USABLE,)),
        ),
        near_duplicate_similarity=similarity,
    )


def _of_damaged(pack: Pack, damage: DoctorFinding) -> Examination:
    return Examination(
        subject="pack",
        reference_count=pack.manifest.reference_count,
        picture_count=pack.manifest.index.count,
        findings=(damage,),
        not_checked=("anything else: the contents of a damaged pack cannot be trusted",),
        near_duplicate_similarity=None,
    )


class _Look:
    """Collects the examined images of a catalogue and embeds the usable ones in batches."""

    def __init__(self, make_encoder: Callable[[], KeyedEncoder], model: LoadedModel, cache: BuildCache) -> None:
        self._make_encoder = make_encoder
        self._model = model
        self._cache = cache
        self.examined: list[ExaminedImage] = []
        self.usable: list[ExaminedImage] = []
        self._waiting: list[EncoderInput] = []
        self._embedded: list[NDArray[np.float32]] = []

    @cached_property
    def encoder(self) -> KeyedEncoder:
        """The encoder, exported when the first image needs it."""
        return self._make_encoder()

    def take(self, examined: ExaminedImage) -> None:
        without_pixels = examined.without_pixels()  # the pixels of 100,000 images would take 5 GB
        self.examined.append(without_pixels)
        if examined.pixels is not None:
            self.usable.append(without_pixels)
            self._waiting.append(reference_input(examined.image, self._model.preprocessing, examined.pixels))
        if len(self._waiting) == BATCH_SIZE:
            self.finish()

    def finish(self) -> None:
        if self._waiting:
            encoders = {"images": self.encoder}
            found = embed_inputs(encoders, self._waiting, self._cache, no_progress, "", dim=self._model.dim)
            self._embedded.append(found["images"][:, 0])
            self._waiting = []

    def embeddings(self) -> NDArray[np.float32]:
        return np.concatenate(self._embedded)


class ExactSearch:
    """Exact search over embeddings in memory; a `VectorSearch`."""

    def __init__(self, embeddings: NDArray[np.float32], ids: Sequence[int]) -> None:
        """Build the index.

        Args:
            embeddings: Unit vectors, float32 [n, dim].
            ids: Their index ids, [n].
        """
        import faiss

        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(embeddings.shape[1]))
        self._index.add_with_ids(np.ascontiguousarray(embeddings), np.asarray(ids, dtype=np.int64))

    def nearest(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """See `VectorSearch.nearest`."""
        scores, ids = self._index.search(np.ascontiguousarray(queries), min(k, self._index.ntotal))
        return best_neighbours(ids, scores, k)


def _look_up_pack(
    pack: Pack, indexed: Sequence[IndexedImage], progress: Progress
) -> tuple[float, list[list[Neighbour]]]:
    from edge_identify.edge_runtime.pack.index_file import map_index_file
    from edge_identify.edge_runtime.search.binary_codes import open_search
    from edge_identify.edge_runtime.search.identifier import Identifier

    manifest = pack.manifest
    rows = map_index_file(pack.file(manifest.index.file), manifest.index)
    by_id = {each.index_id: each for each in indexed}

    def embeddings(some: slice) -> NDArray[np.float32]:
        decoded: NDArray[np.float32] = rows.codes[some].astype(np.float32) * rows.scale + rows.offset
        unit: NDArray[np.float32] = decoded / np.linalg.norm(decoded, axis=1, keepdims=True)
        return unit

    with Identifier(pack, many=True) as identifier:
        similarity = during(
            progress,
            _SAMENESS,
            lambda: measure_sameness(identifier.embed_pixels, drawn_images(), manifest.preprocessing),
        )
    ordered = [by_id[index_id] for index_id in rows.ids.tolist()]
    found = find_neighbours(ordered, embeddings, open_search(pack, many=True))
    return similarity, _compared(found, len(ordered), progress)


def _look_up_files(looked: _Look, model: LoadedModel, progress: Progress) -> tuple[float | None, list[list[Neighbour]]]:
    if len(looked.usable) < 2:
        return None, []
    images = [each.image for each in looked.usable]
    samples = [open_reference_image(images[position]) for position in sample_positions(len(images), MEASURED_PHOTOS)]
    embeddings = looked.embeddings()
    indexed = [
        IndexedImage(index_id=image.index_id, reference_id=image.reference_id, sha256=image.sha256) for image in images
    ]
    search = ExactSearch(embeddings, [image.index_id for image in images])
    similarity = during(
        progress, _SAMENESS, lambda: measure_sameness(looked.encoder.embed, samples, model.preprocessing)
    )
    found = find_neighbours(indexed, lambda rows: embeddings[rows], search)
    return similarity, _compared(found, len(indexed), progress)


def _compared(found: Iterable[list[Neighbour]], image_count: int, progress: Progress) -> list[list[Neighbour]]:
    return list(progress("comparing images", Counted(items=found, count=compared_count(image_count))))


def _encoder(model: LoadedModel, folder: Path, cache: BuildCache, progress: Progress) -> KeyedEncoder:
    """Return the encoder of packs: it is faster than the original, and the next build needs its export anyway."""
    from edge_identify.convert.export.kept_exports import export_kept
    from edge_identify.convert.export.tower_exports import image_tower_export

    exported = export_kept(
        "image", model, (_VARIANT,), folder, lambda: image_tower_export(model, progress), cache, progress
    )
    return exported[_VARIANT].keyed(folder)


def _not_compared(count: int) -> tuple[str, ...]:
    if count <= MOST_COMPARED:
        return ()
    step = -(-count // MOST_COMPARED)
    return (f"similarity of every image: one of each {step} of the {count} was compared with all others",)
