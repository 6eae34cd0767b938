"""Builds a pack: from a catalogue and a model to a folder that devices identify photos with.

A build writes into a temporary folder beside the pack, the manifest last, and renames it at the end. So an interrupted
or refused build leaves nothing that looks like a pack. The same request, references and images give the same bytes: no
clock is read, and what earlier builds kept changes nothing. The quantiser of earlier versions is part of the request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify import __version__
from edge_identify.convert.adapting.adapter import Adapter, adapt, read_adapter, write_adapter
from edge_identify.convert.adapting.adapter_learning import learn_adapter
from edge_identify.convert.caching.build_cache import BuildCache, temporary_cache
from edge_identify.convert.calibrating.built_points import built_points
from edge_identify.convert.calibrating.photo_calibration import CALIBRATION_FILE, CalibrationOutcome, calibrate
from edge_identify.convert.calibrating.real_photo_calibration import RealPhotoOutcome, calibrate_with_real_photos
from edge_identify.convert.calibrating.real_photos import RealPhotoTable, score_real_photos
from edge_identify.convert.calibrating.strangers import Stranger
from edge_identify.convert.calibrating.text_calibration import add_to_calibration_file, calibrate_texts, keeping_texts
from edge_identify.convert.export.compute_device import Computing
from edge_identify.convert.export.fidelity_samples import make_bench
from edge_identify.convert.export.variants import COREML_VARIANTS
from edge_identify.convert.models.model_loading import LoadedModel
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.convert.models.model_recall import open_model
from edge_identify.convert.models.text_tokenizer import TextTokenizer
from edge_identify.convert.packing.embedding_rows import FileRows
from edge_identify.convert.packing.pack_binary_codes import add_binary_codes
from edge_identify.convert.packing.pack_card import CARD_NAME, pack_card
from edge_identify.convert.packing.pack_encoders import Encoders, export_encoders
from edge_identify.convert.packing.pack_folder import check_out, pack_in_the_making
from edge_identify.convert.packing.pack_index import Quantiser, WrittenIndex, stored_vectors, write_index
from edge_identify.convert.packing.pack_local_features import add_local_features
from edge_identify.convert.packing.pack_references import hash_of_data, write_pack_references
from edge_identify.convert.packing.pack_request import BuildReport, PackRequest
from edge_identify.convert.packing.pack_self_test import add_conformance
from edge_identify.convert.packing.pack_thumbnails import add_thumbnails
from edge_identify.convert.packing.reference_embeddings import (
    EmbeddedReferences,
    EmbeddingMemory,
    NoMemory,
    UsedImages,
    embed_references,
)
from edge_identify.convert.progress import Progress, during
from edge_identify.edge_runtime.decisions.calibration import serialise_calibrations
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file, write_bytes
from edge_identify.edge_runtime.io.output_files import check_is_file
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import (
    MANIFEST_NAME,
    FileEntry,
    IndexSpec,
    LocalFeaturesSpec,
    Manifest,
    Model,
    ThumbnailsSpec,
    TokenizerSpec,
)
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import checked_path
from edge_identify.edge_runtime.pack.references import Reference

if TYPE_CHECKING:
    from edge_identify.convert.calibrating.built_points import BuiltPoints
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

INDEX_FILE = "index/images.faiss"
BINARY_CODES_FILE = "index/images.signs"
REFERENCES_FILE = "references.sqlite"
THUMBNAILS_FILE = "thumbnails.sqlite"

#: The built-in encoder takes 2 ms, so each photo gets three views. Measured on real photos: `benchmarks/decisions.py`.
#: Other encoders use one view by default, because three views take three times as long.
BUILTIN_PHOTO_VIEWS = (1.0, 0.85, 0.7)


def build_pack(
    request: PackRequest,
    references: Sequence[Reference],
    images: Sequence[CatalogueImage],
    *,
    progress: Progress,
    memory: EmbeddingMemory | None = None,
    cache: BuildCache | None = None,
    computing: Computing | None = None,
    photos: RealPhotoTable | None = None,
    strangers: Sequence[Stranger] = (),
) -> BuildReport:
    """Build a pack.

    Args:
        request: The options.
        references: The catalogue's references.
        images: The catalogue's images, sorted by index id.
        progress: Shows the progress of each step.
        memory: Kept embeddings of earlier builds; this build adds its own. None to keep none.
        cache: What else earlier builds kept; this build adds its own. None to keep nothing.
        computing: Device and batch size; None for the CPU.
        photos: Real photos that the calibration is fitted to, too; None for none.
        strangers: Photos of unrelated things that the false accept rate is held against, too.

    Returns:
        The manifest, and what was left out.

    Raises:
        SetupError: No image can be used, the model is unknown, a variant is below its fidelity threshold, or `out`
            exists.
        NetworkError: Published weights are neither cached nor reachable.
        PhotoError: An image file vanished or changed during the build.
    """
    if cache is None:
        with temporary_cache() as cache:
            return build_pack(
                request,
                references,
                images,
                progress=progress,
                memory=memory,
                cache=cache,
                computing=computing,
                photos=photos,
                strangers=strangers,
            )
    check_out(request.out, replace=request.replace)
    memory, computing = memory or NoMemory(), computing or Computing()
    model = _open(request, images, cache, computing, progress)
    with pack_in_the_making(request.out, replace=request.replace) as folder:
        bench = make_bench(model, folder, references, images, cache, computing=computing, progress=progress)
        encoders = export_encoders(
            model, request.variant_names, bench, folder, drop_drifting=request.drop_drifting, progress=progress
        )
        kept = request.quantiser_in(model.space_id)
        used, written, index = _embed_into_index(folder, encoders, model, images, memory, kept, computing, progress)
        thumbnails = _add_thumbnails(folder, request, used.images, cache, progress)
        features = _add_features(folder, request, used.images, cache, progress)
        embed_photos = partial(bench.photo_embeddings, encoders.embedder)
        codes = during(
            progress,
            "measuring binary codes",
            lambda: add_binary_codes(folder, index, BINARY_CODES_FILE, embed_photos),
        )
        with built_points(folder, features, thumbnails, used.images) as points:
            calibration = calibrate(
                folder,
                index,
                encoders.exported,
                used.images,
                model.preprocessing,
                false_accept_rate=request.false_accept_rate,
                sibling_rate=request.sibling_rate,
                points=points,
                strangers=strangers,
                cache=cache,
                progress=progress,
            )
            real = _with_real_photos(
                folder,
                index,
                encoders,
                used,
                model.preprocessing,
                photos,
                calibration,
                points,
                cache,
                progress,
            )
            calibration = replace(calibration, calibrations=real.calibrations)
        texts = calibrate_texts(
            encoders.exported_texts,
            model.tokenizer.encode if model.tokenizer else None,
            references,
            used.images,
            lambda: stored_vectors(map_index_file(folder / index.file, index)),
            keeping_texts(folder, cache),
            progress,
        )
        calibration_file = add_to_calibration_file(folder, calibration.calibrations, texts.calibrations)
        manifest = Manifest(
            name=request.name,
            version=request.version,
            title=request.title,
            generator=f"edge-identify {__version__}",
            model=_describe(model),
            preprocessing=model.preprocessing,
            image_variants=encoders.image,
            text_variants=encoders.text,
            tokenizer=_write_tokenizer(folder, model.tokenizer) if model.tokenizer else None,
            index=replace(index, binary_codes=codes.spec),
            references_file=REFERENCES_FILE,
            reference_count=during(
                progress,
                "writing references",
                lambda: write_pack_references(
                    folder / REFERENCES_FILE, references, used.images, file_names=request.file_names
                ),
            ),
            conformance_file=during(
                progress, "writing the self-test", lambda: add_conformance(folder, encoders, model, cache, features)
            ),
            thumbnails=thumbnails,
            local_features=features,
            files=during(progress, "hashing files", lambda: _list_files(folder)),
            calibration_file=calibration_file,
        )
        manifest = _with_card(folder, manifest, references, used.images, calibration)
        write_bytes(folder / MANIFEST_NAME, serialise_manifest(manifest))
    cache.forget_unused()
    return BuildReport(
        manifest=manifest,
        left_out=used.left_out,
        dropped=encoders.dropped,
        binary_codes_left_out=codes.left_out_because,
        calibration=calibration,
        texts=texts,
        data_sha256=hash_of_data(references, used.images),
        encoder=used.encoder,
        new_quantiser=written.new_quantiser,
        far_references=written.far_references,
        photos_left_out=real.left_out,
        photos_unused_because=real.unchanged_because,
    )


def _with_real_photos(
    folder: Path,
    index: IndexSpec,
    encoders: Encoders,
    used: UsedImages,
    recipe: Preprocessing,
    photos: RealPhotoTable | None,
    calibration: CalibrationOutcome,
    points: BuiltPoints | None,
    cache: BuildCache,
    progress: Progress,
) -> RealPhotoOutcome:
    """Fit the calibration to real photos, if there are any and there is a calibration."""
    found = calibration.calibrations
    if photos is None or not found:
        why = "the pack is not calibrated" if photos is not None else None
        return RealPhotoOutcome(calibrations=found, left_out=(), unchanged_because=why)
    measuring = {each.measured_with for each in found.values()}
    scored = score_real_photos(
        photos.photos,
        {name: encoders.exported[name].keyed(folder) for name in sorted(measuring)},
        folder / index.file,
        index,
        used.images,
        recipe,
        points=points,
        cache=cache,
        progress=progress,
    )
    outcome = calibrate_with_real_photos(found, scored)
    write_bytes(folder / CALIBRATION_FILE, serialise_calibrations(outcome.calibrations))
    return outcome


def _open(
    request: PackRequest,
    images: Sequence[CatalogueImage],
    cache: BuildCache,
    computing: Computing,
    progress: Progress,
) -> LoadedModel:
    model = during(
        progress,
        "loading the model",
        lambda: open_model(
            request.model_name,
            request.pretrained,
            model_config=request.model_config,
            tokenizer=request.tokenizer_file,
            accept_licence=request.accept_licence,
            cache=cache,
        ),
    )
    views = request.photo_views or (BUILTIN_PHOTO_VIEWS if model.name == BUILTIN else (1.0,))
    model = replace(model, preprocessing=replace(model.preprocessing, photo_views=views))
    if request.adapter_file is None:
        return model
    adapter = _adapter(request.adapter_file, model, images, computing, progress)
    return adapt(model, adapter, name=str(request.adapter_file))


def _adapter(
    path: Path, model: LoadedModel, images: Sequence[CatalogueImage], computing: Computing, progress: Progress
) -> Adapter:
    if path.is_file():
        return read_adapter(path)
    check_is_file(path, "--adapter")
    adapter = learn_adapter(model, images, computing=computing, progress=progress)
    with disk_errors_explained(path.parent):
        write_adapter(path, adapter)
    return adapter


def _describe(model: LoadedModel) -> Model:
    return Model(
        name=model.name,
        pretrained=model.pretrained,
        dim=model.dim,
        space_id=model.space_id,
        licence=model.licence,
    )


def _embed_into_index(
    folder: Path,
    encoders: Encoders,
    model: LoadedModel,
    images: Sequence[CatalogueImage],
    memory: EmbeddingMemory,
    kept: Quantiser | None,
    computing: Computing,
    progress: Progress,
) -> tuple[UsedImages, WrittenIndex, IndexSpec]:
    """Embed the references and write the index. The embeddings end here: later steps read the index's own vectors."""
    embedder = encoders.embedder
    with FileRows(len(images), model.dim, folder) as rows:
        embedded = embed_references(
            embedder, folder, model.preprocessing, model.dim, images, memory, progress, computing, rows
        )
        written = during(progress, "building the index", lambda: _write_index(folder, embedded, kept))
    return embedded.used, written, _index_spec(written, embedded, embedder.name)


def _write_index(folder: Path, embedded: EmbeddedReferences, kept: Quantiser | None) -> WrittenIndex:
    path = folder / INDEX_FILE
    path.parent.mkdir()
    ids = np.array([image.index_id for image in embedded.images], dtype=np.int64)
    return write_index(path, embedded.embeddings, ids, kept=kept)


def _index_spec(written: WrittenIndex, embedded: EmbeddedReferences, embedded_with: str) -> IndexSpec:
    count, dim = embedded.embeddings.shape
    return IndexSpec(
        file=INDEX_FILE,
        kind=written.kind,
        dim=dim,
        count=count,
        embedded_with=embedded_with,
        most_images_per_reference=max(Counter(image.reference_id for image in embedded.images).values()),
    )


def _add_thumbnails(
    folder: Path, request: PackRequest, images: Sequence[CatalogueImage], cache: BuildCache, progress: Progress
) -> ThumbnailsSpec | None:
    if request.thumbnail_side_px is None:
        return None
    side_px = request.thumbnail_side_px
    return add_thumbnails(folder, THUMBNAILS_FILE, images, side_px, cache=cache, progress=progress)


def _add_features(
    folder: Path, request: PackRequest, images: Sequence[CatalogueImage], cache: BuildCache, progress: Progress
) -> LocalFeaturesSpec | None:
    if request.local_features is None:
        return None
    with_coreml = any(name in COREML_VARIANTS for name in request.variant_names)
    return add_local_features(
        folder, request.local_features, images, with_coreml=with_coreml, cache=cache, progress=progress
    )


def _write_tokenizer(folder: Path, tokenizer: TextTokenizer) -> TokenizerSpec:
    path = folder / tokenizer.spec.file
    path.parent.mkdir()
    write_bytes(path, tokenizer.data)
    return tokenizer.spec


def _with_card(
    folder: Path,
    manifest: Manifest,
    references: Sequence[Reference],
    images: Sequence[CatalogueImage],
    calibration: CalibrationOutcome,
) -> Manifest:
    write_bytes(folder / CARD_NAME, pack_card(manifest, references, images, calibration).encode())
    return replace(manifest, files={**manifest.files, CARD_NAME: _file_entry(folder, folder / CARD_NAME)})


def _list_files(folder: Path) -> Mapping[str, FileEntry]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {entry.path: entry for entry in (_file_entry(folder, path) for path in paths)}


def _file_entry(folder: Path, path: Path) -> FileEntry:
    return FileEntry(
        path=checked_path(path.relative_to(folder).as_posix()),
        length_bytes=path.stat().st_size,
        sha256=sha256_of_file(path),
    )
