"""Writes a pack's self-test: three drawn photos, their embeddings, and the tolerance.

The photos are drawings of this project, the same in every pack. The self-test contains no reference image.

The tolerance is measured, not fixed. The distance between two correct devices, and that of a client with swapped
channels, differ between encoders by a factor of a hundred. So both are measured when the pack is built.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.packing.device_differences import (
    Photo,
    allowed_pixels,
    faulty_pixels,
    with_basic_optimisation,
)
from edge_identify.datasets.drawn.demo import draw_conformance_photos
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file, write_bytes
from edge_identify.edge_runtime.pack.manifest import LocalFeaturesSpec
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.photos.preprocessing import preprocess
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet
from edge_identify.edge_runtime.store.points_self_test import FIRST_POINTS, PointsCase
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import Embed
    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.packing.pack_encoders import Encoders

CASES_FILE = "conformance/cases.json"

#: A fault is detectable if its distance (1 - cosine) is at least this many times the largest allowed distance. The
#: tolerance is their geometric mean, so it has a factor of two to either side.
CLEAR_FACTOR = 4

#: Distances, as 1 - cosine. At least the first one is allowed, because processors that were not measured differ, too.
#: Never more than the second one passes, because a more distant embedding is that of another image.
LEAST_ALLOWED, MOST_PASSED = 0.0025, 0.5

_DECIMALS = 3  # of all measured values: noise between two builds on one machine must not change a pack's bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Cosines with the embeddings of the self-test; each the lowest over the photos.

    Attributes:
        allowed: With each allowed difference between devices, by name.
        faults: With each fault of a client, by name; one photo that shows the fault suffices.
    """

    allowed: Mapping[str, float]
    faults: Mapping[str, float]

    def tolerance(self) -> float:
        """Return the least cosine that passes: between the allowed differences and the nearest detectable fault.

        Faults nearer than `CLEAR_FACTOR` times the allowed distance are not detectable and do not count. If none is
        detectable, twice the allowed distance passes.

        Raises:
            SetupError: An allowed difference would not pass, and all devices with it would refuse the pack.
        """
        allowed = max(1 - min(self.allowed.values()), LEAST_ALLOWED)
        clear = [1 - cosine for cosine in self.faults.values() if 1 - cosine >= CLEAR_FACTOR * allowed]
        passed = math.sqrt(allowed * min(clear)) if clear else 2 * allowed
        tolerance = round(1 - min(passed, MOST_PASSED), _DECIMALS)
        farthest, cosine = min(self.allowed.items(), key=lambda item: item[1])
        if cosine <= tolerance:
            raise SetupError(
                f"{farthest}: has cosine {cosine} to the variant that embeds the references on a photo of the "
                f"self-test, and at {tolerance} or below every device would refuse it; choose other --variants"
            )
        return tolerance


def add_conformance(
    folder: Path, encoders: Encoders, model: LoadedModel, cache: BuildCache, features: LocalFeaturesSpec | None
) -> str:
    """Write the self-test into a pack's folder, or restore that of an earlier build with the same encoders.

    Args:
        folder: The pack's folder; it holds the encoders.
        encoders: The pack's encoders.
        model: The model that they were exported from.
        cache: Keeps self-tests.
        features: The pack's local features; their files are in the folder.

    Returns:
        Path of the cases in the pack.

    Raises:
        SetupError: See `write_conformance`.
    """
    variants = {name: variant.keyed(folder).key for name, variant in encoders.exported.items()}
    facts: list[object] = [encoders.embedder.name, variants, asdict(model.preprocessing), model.mean, model.std]
    if features is not None:
        facts += [asdict(features.photo), features.least_heat, sha256_of_file(folder / features.onnx_variant.model)]
    key = cache_key("self-test", facts, code_fingerprint())
    place = (folder / CASES_FILE).parent
    if not cache.restore_folder(key, place):
        write_conformance(folder, encoders, model, features)
        cache.keep_folder(key, place)
    return CASES_FILE


def write_conformance(
    folder: Path, encoders: Encoders, model: LoadedModel, features: LocalFeaturesSpec | None = None
) -> str:
    """Write the self-test into a pack's folder.

    Args:
        folder: The pack's folder; it holds the encoders.
        encoders: The pack's encoders. The expected embeddings are those of `encoders.embedder`.
        model: The model that they were exported from.
        features: The pack's local features; their files are in the folder.

    Returns:
        Path of the cases in the pack.

    Raises:
        SetupError: A variant is too far from the embedder; see `Measured.tolerance`.
    """
    place = folder / CASES_FILE
    place.parent.mkdir()
    photos, cases = [], []
    for name, data in draw_conformance_photos():
        path = place.parent / name
        write_bytes(path, data)
        photo = Photo(name=name, data=data, pixels=preprocess(decode_image(data, name=name), model.preprocessing))
        case = ConformanceCase(
            photo=path.relative_to(folder).as_posix(),
            pixels_sha256=sha256_of_bytes(photo.pixels.tobytes()),
            embedding=tuple(encoders.embedder.embed(photo.pixels[None])[0].tolist()),
        )
        photos.append(photo)
        cases.append(case)
    measured = measure_self_test(folder, photos, encoders, model)
    points = None if features is None else _points_case(folder, features, photos)
    data = serialise_cases(tuple(cases), tolerance=measured.tolerance(), measured=asdict(measured), points=points)
    write_bytes(place, data)
    return CASES_FILE


def _points_case(folder: Path, features: LocalFeaturesSpec, photos: Sequence[Photo]) -> PointsCase:
    """Return the points of the photo that has most."""
    variant = features.onnx_variant
    net = LocalFeatureNet(folder / variant.model, features, variant)
    found = {photo.name: net.find_points(decode_image(photo.data, name=photo.name), features.photo) for photo in photos}
    name = max(found, key=lambda name: len(found[name].positions))
    positions = found[name].positions
    return PointsCase(
        photo=(Path(CASES_FILE).parent / name).as_posix(),
        count=len(positions),
        first=tuple((x, y) for x, y in positions[:FIRST_POINTS].tolist()),
    )


def measure_self_test(folder: Path, photos: Sequence[Photo], encoders: Encoders, model: LoadedModel) -> Measured:
    """Measure the cosines of allowed differences and faults.

    Args:
        folder: The pack's folder; it holds the encoders.
        photos: The photos of the self-test.
        encoders: The pack's encoders.
        model: The model that they were exported from.
    """
    allowed: dict[str, list[float]] = defaultdict(list)
    faults: dict[str, list[float]] = defaultdict(list)
    embedder, recipe = encoders.embedder, model.preprocessing
    elsewhere = {
        f"variant {variant.name}": variant.embed
        for variant in encoders.exported.values()
        if variant.name != embedder.name
    }
    elsewhere["ONNX Runtime, basic optimisations"] = with_basic_optimisation(
        folder / embedder.model, input_name=embedder.input.name, output_name=embedder.output.name
    )
    for photo in photos:
        expected = _embedded(embedder.embed, photo.pixels)
        for name, embed in elsewhere.items():
            allowed[name].append(float(_embedded(embed, photo.pixels) @ expected))
        for name, pixels in allowed_pixels(photo, recipe).items():
            allowed[name].append(float(_embedded(embedder.embed, pixels) @ expected))
        for name, pixels in faulty_pixels(photo, recipe, mean=model.mean, std=model.std).items():
            faults[name].append(float(_embedded(embedder.embed, pixels) @ expected))
    return Measured(allowed=_worst(allowed), faults=_worst(faults))


def _embedded(embed: Embed, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    (found,) = embed(pixels[None])  # one by one, as on devices: int8 takes its ranges from the whole batch
    vector = found.astype(np.float64)
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def _worst(cosines: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: round(min(found), _DECIMALS) for name, found in cosines.items()}
