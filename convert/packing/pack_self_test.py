"""Writing a pack's self-test: three drawn photos, what the pack's encoder makes of them, and how close is close enough.

The photos are the project's own drawings, the same in every pack: no reference image leaves with the self-test.

A newcomer would type the tolerance in. How far two honest devices lie apart, and how far a client that swaps the
channels, differs from encoder to encoder by a factor of a hundred; so both are measured when the pack is built.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.packing.device_differences import (
    Photo,
    allowed_pixels,
    faulty_pixels,
    with_basic_optimisation,
)
from edge_identify.datasets.drawn.demo import draw_conformance_photos
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.photos.preprocessing import preprocess
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import Embed
    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.packing.pack_encoders import Encoders

CASES_FILE = "conformance/cases.json"

#: A fault counts as told apart if it lies this many times as far away as the farthest allowed difference. The
#: tolerance is their geometric mean, which then leaves a factor of two to either side.
CLEAR_FACTOR = 4

#: Allowed at least, as a difference of cosine from 1, since processors that were not at hand differ too; at most, the
#: tolerance lets this much pass, since what is farther is another image's embedding.
LEAST_ALLOWED, MOST_PASSED = 0.0025, 0.5

_DECIMALS = 3  # of all that is measured: noise between two builds on one machine must not change a pack's bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How far embeddings lie from those of the self-test, as cosines, the worst over the photos.

    Attributes:
        allowed: Of each difference that honest devices may have, by its name.
        faults: Of each fault that a client may have: one photo that shows it is enough.
    """

    allowed: Mapping[str, float]
    faults: Mapping[str, float]

    def tolerance(self) -> float:
        """Return the least cosine that passes: between the allowed differences and the nearest fault told apart.

        A fault nearer than `CLEAR_FACTOR` times the allowed difference cannot be told by an embedding and does not
        count; where none can, twice the allowed difference passes.

        Raises:
            SetupError: An allowed difference would not pass: every device that has it would refuse the pack.
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


def write_conformance(folder: Path, encoders: Encoders, model: LoadedModel) -> str:
    """Write the self-test into a pack's folder.

    Args:
        folder: The pack's folder, with the encoders in it.
        encoders: The pack's; the one that made the index sets what is expected.
        model: What they were exported from.

    Returns:
        The path of the cases in the pack.
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
    data = serialise_cases(tuple(cases), tolerance=measured.tolerance(), measured=asdict(measured))
    write_bytes(place, data)
    return CASES_FILE


def measure_self_test(folder: Path, photos: Sequence[Photo], encoders: Encoders, model: LoadedModel) -> Measured:
    """Return how far allowed differences and faults move the embeddings of photos; see `write_conformance`."""
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
    (found,) = embed(pixels[None])  # one by one, as devices do: int8 takes its ranges from the whole batch
    vector = found.astype(np.float64)
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def _worst(cosines: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: round(min(found), _DECIMALS) for name, found in cosines.items()}
