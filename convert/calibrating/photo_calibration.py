"""A pack's calibration for photos.

Steps: simulate photos, embed them with each ONNX variant, search the pack's index, compare points with the nearest
references if the pack has local features, fit a calibration to the scores and points.

Core ML runs only on a Mac. So Core ML variants get the calibration of the variant that embeds the references. The
fidelity gate compares both with the same original. Where a variant drifts, its scores fall, and it answers "unknown"
more often, not less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import BuildCache
from edge_identify.convert.caching.kept_vectors import embed_inputs
from edge_identify.convert.calibrating.calibration_fitting import fit_calibration
from edge_identify.convert.calibrating.calibration_photos import CalibrationPhoto, choose_photos
from edge_identify.convert.calibrating.photo_points import count_candidate_points
from edge_identify.convert.calibrating.photo_scores import rank_candidates, score_photos
from edge_identify.convert.calibrating.scored_photos import ScoredPhoto, ScoredPhotos, verdict_of
from edge_identify.convert.calibrating.strangers import DoubtfulStranger, Stranger
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.decisions.calibration import Calibration, serialise_calibrations
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.decisions.point_evidence import decide_with_points
from edge_identify.edge_runtime.io.counted import counted, plural
from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.pack.manifest import IndexSpec, Runtime

if TYPE_CHECKING:
    from edge_identify.convert.calibrating.built_points import BuiltPoints
    from edge_identify.convert.export.variants import ExportedVariant
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

CALIBRATION_FILE = "calibration.json"
DEFAULT_FALSE_ACCEPT_RATE = 0.02
LEAST_REFERENCES = 5  # with fewer, too few are left to score a photo whose reference is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOutcome:
    """The result of calibrating a pack.

    Attributes:
        calibrations: Calibration of each image variant, by name; empty if the pack is not calibrated.
        file: Path of the calibration file in the pack; None if the pack is not calibrated.
        left_out_because: Why the pack is not calibrated; None if it is.
        doubtful_strangers: The maker's strangers that the pack identifies; they may show a reference.
    """

    calibrations: Mapping[str, Calibration]
    file: str | None
    left_out_because: str | None
    doubtful_strangers: tuple[DoubtfulStranger, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """Scores of the photos by one variant.

    Attributes:
        photos: The scores.
        nearest: For each stranger, the ids of the references in the order of its scores.
    """

    photos: ScoredPhotos
    nearest: Sequence[Sequence[str]]


def calibrate(
    folder: Path,
    index: IndexSpec,
    variants: Mapping[str, ExportedVariant],
    images: Sequence[CatalogueImage],
    recipe: Preprocessing,
    *,
    false_accept_rate: float,
    sibling_rate: float | None = None,
    points: BuiltPoints | None = None,
    strangers: Sequence[Stranger] = (),
    cache: BuildCache,
    progress: Progress = no_progress,
) -> CalibrationOutcome:
    """Calibrate the image variants of a pack and write the calibration file into its folder.

    Args:
        folder: Folder of the pack that is being built.
        index: The index in that folder.
        variants: Variants of the image tower, by name.
        images: The images that are in the index.
        recipe: The encoder's preprocessing.
        false_accept_rate: Largest share of photos of unrelated things that may be accepted, above 0 and below .5.
        sibling_rate: The same of photos whose reference is left out; None for no limit.
        points: Counts agreeing points; None for a pack without local features.
        strangers: Photos of unrelated things, beside the drawn ones.
        cache: Keeps the photos' embeddings and counts.
        progress: Shows the progress over photos and variants.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    references = len({image.reference_id for image in images})
    if references < LEAST_REFERENCES:
        return _uncalibrated(
            f"{counted(references, 'reference')} {plural(references, 'is', 'are')} too few to learn from, "
            f"{LEAST_REFERENCES} are needed"
        )
    own = [stranger.as_calibration_photo(recipe) for stranger in strangers]
    photos = (*choose_photos(images, recipe, cache), *own)
    scored = _score(folder, index, variants, images, recipe, photos, points, cache, progress)
    measured = {
        name: fit_calibration(
            each.photos, measured_with=name, false_accept_rate=false_accept_rate, sibling_rate=sibling_rate
        )
        for name, each in scored.items()
    }
    if failed := [name for name, calibration in measured.items() if calibration is None]:
        return _uncalibrated(f"{failed[0]} scores photos of unknown things as high as photos of its references")
    calibrations = _shared({name: found for name, found in measured.items() if found}, variants, index.embedded_with)
    write_bytes(folder / CALIBRATION_FILE, serialise_calibrations(calibrations))
    return CalibrationOutcome(
        calibrations=calibrations,
        file=CALIBRATION_FILE,
        left_out_because=None,
        doubtful_strangers=_doubtful(strangers, scored[index.embedded_with], calibrations[index.embedded_with]),
    )


def _doubtful(
    strangers: Sequence[Stranger], measured: _Measured, calibration: Calibration
) -> tuple[DoubtfulStranger, ...]:
    """Return the maker's strangers that a device identifies, with what it takes them for."""
    first = len(measured.photos.strangers) - len(strangers)  # the drawn ones come first
    scored = zip(strangers, measured.photos.strangers[first:], measured.nearest[first:], strict=True)
    return tuple(
        DoubtfulStranger(path=stranger.path, reference_id=nearest[at])
        for stranger, photo, nearest in scored
        if (at := _identified_at(photo, calibration)) is not None
    )


def _identified_at(photo: ScoredPhoto, calibration: Calibration) -> int | None:
    """Return the position of the reference that a photo is identified as; None if it is not identified."""
    verdict = verdict_of(photo, calibration)
    if verdict.decision is Decision.IDENTIFIED:
        return 0
    if photo.points is None:
        return None
    decided = decide_with_points(verdict, photo.compared(len(verdict.confidences)), calibration)
    if decided is None or decided.verdict.decision is not Decision.IDENTIFIED:
        return None
    return decided.order[0]


def _uncalibrated(why: str) -> CalibrationOutcome:
    return CalibrationOutcome(
        calibrations={},
        file=None,
        left_out_because=f"calibration: {why}; the pack answers with similarities and decides nothing",
    )


def _score(
    folder: Path,
    index: IndexSpec,
    variants: Mapping[str, ExportedVariant],
    images: Sequence[CatalogueImage],
    recipe: Preprocessing,
    photos: Sequence[CalibrationPhoto],
    points: BuiltPoints | None,
    cache: BuildCache,
    progress: Progress,
) -> Mapping[str, _Measured]:
    """Return the scores and points of the photos, by ONNX variant."""
    from edge_identify.edge_runtime.search.vector_search import FaissSearch

    search = FaissSearch(folder / index.file, index)
    reference_ids = {image.index_id: image.reference_id for image in images}
    onnx = {name: variant.keyed(folder) for name, variant in variants.items() if variant.runtime is Runtime.ONNX}
    inputs = [photo.as_input(recipe) for photo in photos]
    embeddings = embed_inputs(onnx, inputs, cache, progress, "calibrating with photos", dim=index.dim)

    def scored(name: str) -> _Measured:
        candidates = rank_candidates(
            embeddings[name],
            search,
            reference_ids=reference_ids,
            most_images_per_reference=index.most_images_per_reference,
        )
        counts = None
        if points is not None:
            counts = count_candidate_points(
                photos, candidates, points.counter, image_key=points.image_key, cache=cache, progress=progress
            )
        return _Measured(
            photos=score_photos(photos, candidates, counts),
            nearest=[
                [candidate.reference_id for candidate in ranked]
                for photo, ranked in zip(photos, candidates, strict=True)
                if photo.reference_id is None
            ],
        )

    return {name: scored(name) for name in onnx}


def _shared(
    measured: Mapping[str, Calibration], variants: Mapping[str, ExportedVariant], embedded_with: str
) -> Mapping[str, Calibration]:
    return {name: measured.get(name, measured[embedded_with]) for name in variants}
