"""Makes a new version of a pack that differs in its calibration: fitted to real photos, or to simulated ones again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.kept_vectors import KeyedEncoder
from edge_identify.convert.calibrating.built_points import built_points
from edge_identify.convert.calibrating.photo_calibration import CalibrationOutcome
from edge_identify.convert.calibrating.real_photo_calibration import calibrate_with_real_photos
from edge_identify.convert.calibrating.real_photo_fitting import without_real_photos
from edge_identify.convert.calibrating.real_photos import (
    RealPhotoTable,
    ScoredRealPhotos,
    read_real_photos,
    score_real_photos,
)
from edge_identify.convert.packing.pack_card import CARD_NAME, card_with_decisions
from edge_identify.convert.packing.pack_folder import check_out, pack_in_the_making
from edge_identify.convert.progress import Progress
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.decisions.calibration import (
    Calibration,
    read_calibration_fields,
    read_calibrations,
    serialise_calibrations_again,
)
from edge_identify.edge_runtime.encoders.graph_check import check_graph
from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, Manifest, Runtime
from edge_identify.edge_runtime.pack.manifest_json import read_manifest_fields, serialise_again
from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.pack.references import ReferenceImage, ReferenceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibration:
    """The result.

    Attributes:
        manifest: The manifest of the new version.
        calibrations: Its calibrations, by image variant.
        left_out: Photos that were not used.
    """

    manifest: Manifest
    calibrations: Mapping[str, Calibration]
    left_out: tuple[SkippedImage, ...]


def recalibrate_pack(
    pack: Pack,
    table: Path,
    out: Path,
    *,
    replace_existing: bool = False,
    false_accept_rate: float | None = None,
    cache: BuildCache,
    progress: Progress,
) -> Recalibration:
    """Write the next patch version of a pack, calibrated with real photos. All its other files stay as they are.

    Args:
        pack: The pack, with all its variants.
        table: Photos whose answer is known; see `read_real_photos`.
        out: The folder to write.
        replace_existing: Whether a pack at `out` may be replaced.
        false_accept_rate: A new false accept rate, held on the table's photos of other things; None keeps the
            thresholds that were fitted to simulated photos.
        cache: Keeps the photos' embeddings and counts of points.
        progress: Shows the progress of each step.

    Raises:
        SetupError: The pack has no calibration, the table cannot be used, or it has too few photos.
        PackDamagedError: A file of the pack differs from the manifest.
        PhotoError: A photo vanished in the meantime.
    """
    stored = checked_calibrations(pack)
    check_out(out, replace=replace_existing)
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        images = references.images()
    photos = read_real_photos(table, images, progress)
    scored = score_with_pack(pack, photos, images, {each.measured_with for each in stored.values()}, cache, progress)
    outcome = calibrate_with_real_photos(stored, scored, false_accept_rate)
    if outcome.unchanged_because is not None:
        left_out = (*photos.left_out, *outcome.left_out)
        why = f"; {len(left_out)} left out, the first: {left_out[0].reason}" if left_out else ""
        raise SetupError(f"{table}: {outcome.unchanged_because}{why}; nothing was written")
    with pack_in_the_making(out, replace=replace_existing) as folder:
        manifest = _write(pack, folder, outcome.calibrations)
    return Recalibration(
        manifest=manifest,
        calibrations=outcome.calibrations,
        left_out=(*photos.left_out, *outcome.left_out),
    )


def undo_real_photos(pack: Pack, out: Path, *, replace_existing: bool = False) -> Recalibration:
    """Write the next patch version of a pack, calibrated as before any real photo.

    Args:
        pack: The pack, with all its variants.
        out: The folder to write.
        replace_existing: Whether a pack at `out` may be replaced.

    Raises:
        SetupError: The pack has no calibration, or no real photos were used for it.
        PackDamagedError: A file of the pack differs from the manifest.
    """
    stored = checked_calibrations(pack)
    if all(each.real_photos is None for each in stored.values()):
        raise SetupError(
            f"pack {pack.manifest.name} {pack.manifest.version} was calibrated without real photos: there is nothing "
            "to undo"
        )
    check_out(out, replace=replace_existing)
    calibrations = {name: without_real_photos(each) for name, each in stored.items()}
    with pack_in_the_making(out, replace=replace_existing) as folder:
        manifest = _write(pack, folder, calibrations)
    return Recalibration(manifest=manifest, calibrations=calibrations, left_out=())


def checked_calibrations(pack: Pack) -> Mapping[str, Calibration]:
    """Return the pack's calibrations.

    Raises:
        SetupError: It has none, or from before the words identified and probably were measured.
    """
    manifest = pack.manifest
    found = read_calibrations(pack.file(manifest.calibration_file)) if manifest.calibration_file else {}
    if not found or any(each.certainty is None for each in found.values()):
        lack = "was calibrated by an older version" if found else "has no calibration"
        raise SetupError(
            f"pack {manifest.name} {manifest.version} {lack}, so there is nothing to correct; build it again with "
            "`edge-build pack --photos`"
        )
    return found


def score_with_pack(
    pack: Pack,
    photos: RealPhotoTable,
    images: Sequence[ReferenceImage],
    variants: set[str],
    cache: BuildCache,
    progress: Progress,
) -> dict[str, ScoredRealPhotos]:
    """Return the scores and points of photos by a pack's variants; see `score_real_photos`.

    Args:
        pack: The pack. The hashes of the files in use are checked first.
        photos: The photos.
        images: The reference images of the pack.
        variants: Names of the variants to measure with.
        cache: Keeps the photos' embeddings and counts of points.
        progress: Shows the progress over the photos.

    Raises:
        SetupError: A variant is not in the pack as ONNX.
        PackDamagedError: A file differs from the manifest, or a graph has parts that no encoder needs.
        PhotoError: A photo vanished or changed in the meantime.
    """
    manifest = pack.manifest
    with ExitStack() as stack:
        for path in (*manifest.index.paths(), *_point_files(manifest)):
            pack.file(path)
        if manifest.local_features is not None and not pack.is_tried:
            net = Path(manifest.local_features.onnx_variant.model)
            check_graph(pack.folder / net, {net.name})
        points = stack.enter_context(built_points(pack.folder, manifest.local_features, manifest.thumbnails, images))
        return score_real_photos(
            photos.photos,
            {name: _encoder(pack, name) for name in sorted(variants)},
            pack.folder / manifest.index.file,
            manifest.index,
            images,
            manifest.preprocessing,
            points=points,
            cache=cache,
            progress=progress,
        )


def _point_files(manifest: Manifest) -> tuple[str, ...]:
    if manifest.local_features is None:
        return ()
    thumbnails = (manifest.thumbnails.file,) if manifest.thumbnails else ()
    return (*manifest.local_features.paths(), *thumbnails)


def _encoder(pack: Pack, name: str) -> KeyedEncoder:
    """Load a variant; its hashes are checked first.

    Raises:
        SetupError: The variant that the calibration was measured with is not in the pack, or cannot run here.
    """
    variant = pack.manifest.image_variants.get(name)
    if variant is None or variant.runtime is not Runtime.ONNX:
        raise SetupError(
            f"pack {pack.manifest.name} {pack.manifest.version} was calibrated with the encoder {name}, which is not "
            "in it as ONNX; build it again with `edge-build pack --photos`"
        )
    for path in variant.files:
        pack.file(path)
    model = pack.folder / variant.model
    if not pack.is_tried:
        check_graph(model, {model.name})
    encoder = OnnxEncoder(
        model,
        name=variant.name,
        input_name=variant.input.name,
        output_name=variant.output.name,
        many=True,
    )
    hashes = [(path, pack.manifest.files[path].sha256) for path in sorted(variant.files)]
    return KeyedEncoder(key=cache_key("variant", hashes), embed=encoder.embed)


def _write(pack: Pack, folder: Path, calibrations: Mapping[str, Calibration]) -> Manifest:
    """Write the new version into a folder, the manifest last, and return the manifest."""
    old = pack.manifest
    calibration_file = old.calibration_file
    assert calibration_file is not None, "the pack was checked"
    for path in old.files:
        to = folder / path
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pack.file(path), to)
    manifest = replace(old, version=old.version.next_patch())
    outcome = CalibrationOutcome(calibrations=calibrations, file=calibration_file, left_out_because=None)
    card = (folder / CARD_NAME).read_text(encoding="utf-8") if CARD_NAME in old.files else f"# {old.title}\n"
    written = {
        calibration_file: serialise_calibrations_again(
            read_calibration_fields(pack.file(calibration_file)), calibrations
        ),
        CARD_NAME: card_with_decisions(card, manifest, outcome).encode(),
    }
    entries = {}
    for path, data in written.items():
        (folder / path).unlink(missing_ok=True)
        write_bytes(folder / path, data)
        entries[path] = FileEntry(path=path, length_bytes=len(data), sha256=sha256_of_bytes(data))
    manifest = replace(manifest, files={**old.files, **entries})
    stored = read_manifest_fields((pack.folder / MANIFEST_NAME).read_bytes(), where=str(pack.folder / MANIFEST_NAME))
    write_bytes(folder / MANIFEST_NAME, serialise_again(stored, manifest))
    return manifest
