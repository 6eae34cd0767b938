"""A pack's calibration of texts: its own labels and names, and what is not in it, are compared with its images.

Genuine is a text of a label or name, scored by the nearest image that has it. Impostors are the same text scored by
all other images, as if its references were not in the pack, and texts of things that no label or name speaks of.
A newcomer would take the best score of all for the genuine one; that may be a wrong match, and an encoder that knows
no words would look as good as one that does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.calibrating.calibration_fitting import least_accepted
from edge_identify.convert.calibrating.photo_calibration import CALIBRATION_FILE
from edge_identify.convert.evaluating.decision_figures import auroc
from edge_identify.convert.export.fidelity import embed_in_batches, sample_positions
from edge_identify.convert.export.variants import ONNX_VARIANTS
from edge_identify.edge_runtime.decisions.calibration import Calibration, TextCalibration, serialise_calibrations
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import ExportedVariant
    from edge_identify.datasets.catalogue.catalogue import CatalogueImage
    from edge_identify.edge_runtime.pack.references import Reference

    Encode = Callable[[list[str]], NDArray[np.int64]]  # texts to tokens, as devices do it

#: The plainest of open_clip's templates for the classes of ImageNet, and what people type.
TEMPLATES = ("{}", "a {}", "a photo of a {}.", "a photo of the {}.")

#: Common things of many kinds. Those that share a word with a label or name of the pack are left out.
_OTHER_THINGS = (
    "accordion, anchor, ant, armchair, avocado, backpack, balloon, banjo, barrel, bathtub, bench, bicycle, bridge, "
    "broom, bus, cactus, camel, camera, candle, cannon, canoe, castle, chandelier, clock, compass, crane, crocodile, "
    "drum, elephant, escalator, fence, fire hydrant, flute, fountain, giraffe, glove, guitar, hammer, hammock, harp, "
    "helicopter, hourglass, jellyfish, kangaroo, kettle, keyboard, kite, ladder, lamp, lighthouse, magnet, microphone, "
    "microscope, mirror, motorcycle, mushroom, necklace, owl, parachute, peacock, penguin, piano, pillow, pizza, "
    "radio, refrigerator, rocket, rope, saddle, saxophone, scissors, sewing machine, skateboard, snowman, sofa, spoon, "
    "submarine, suitcase, sunglasses, surfboard, teapot, telescope, tent, toaster, tractor, traffic light, trombone, "
    "trumpet, typewriter, umbrella, vase, violin, volcano, waffle, watch, wheelbarrow, windmill, xylophone, zebra"
)

MOST_PHRASES = 100  # each in every template: some 10 seconds with ViT-B-32's text tower
LEAST_PHRASES = 8  # with fewer, a share of the impostors says nothing
LEAST_AUROC = 0.7  # below, a band would be a guess; an encoder that knows none of the words has .5
_STRONG_RATE, _FAIR_RATE = 0.02, 0.2  # shares of the impostors, of either kind, that may reach a band
_DECIMALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOutcome:
    """What became of a pack's calibration of texts.

    Attributes:
        calibrations: By text variant; empty where there is none.
        left_out_because: In words; None where every variant has one, or the pack has no text encoder.
    """

    calibrations: Mapping[str, TextCalibration]
    left_out_because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextScores:
    """Best similarities of texts.

    Attributes:
        genuine: With the images that have the label or name, float64 [n].
        left_out: With all other images, float64 [n].
        others: Of texts of other things with all images, float64 [m].
    """

    genuine: NDArray[np.float64]
    left_out: NDArray[np.float64]
    others: NDArray[np.float64]


def calibrate_texts(
    variants: Mapping[str, ExportedVariant],
    encode: Encode | None,
    references: Iterable[Reference],
    images: Sequence[CatalogueImage],
    embeddings: NDArray[np.float32],
) -> TextOutcome:
    """Calibrate the text variants of a pack; Core ML can be asked on a Mac alone and takes what ONNX measured.

    Args:
        variants: The text tower's, by name; none where the pack has no text encoder.
        encode: From texts to tokens; None where devices cannot.
        references: Of the catalogue.
        images: The images that are in the index.
        embeddings: Their unit vectors, float32 [len(images), dim].
    """
    asked = [variants[name] for name in ONNX_VARIANTS if name in variants]
    if not asked or encode is None:
        return TextOutcome(calibrations={})
    owners = phrases_of(references, images)
    if len(owners) < LEAST_PHRASES:
        return _without(f"{len(owners)} labels and names that some pictures have and some have not are too few")
    measured: dict[str, TextCalibration] = {}
    for variant in asked:
        scores = score_texts(owners, _embedder(variant, encode), embeddings)
        area = area_of(scores)
        if area < LEAST_AUROC:
            return _without(
                f"{variant.name} does not know what the labels and names mean (AUROC {area:.2f}, needed {LEAST_AUROC})"
            )
        measured[variant.name] = fit_bands(scores, measured_with=variant.name)
    return TextOutcome(calibrations={name: measured.get(name, measured[asked[0].name]) for name in variants})


def add_to_calibration_file(
    folder: Path, photos: Mapping[str, Calibration], texts: Mapping[str, TextCalibration]
) -> str | None:
    """Write both calibrations into a pack's folder, and return the file's path in it; None where there is neither."""
    if texts:
        write_bytes(folder / CALIBRATION_FILE, serialise_calibrations(photos, texts))
    return CALIBRATION_FILE if photos or texts else None


def phrases_of(references: Iterable[Reference], images: Sequence[CatalogueImage]) -> dict[str, NDArray[np.bool_]]:
    """Return which images have each label or name, bool [len(images)], by its words; at most `MOST_PHRASES`.

    What all images have or none has is left out: nothing could be told from it. So are names that are only an id.
    """
    positions: dict[str, list[int]] = {}
    for position, image in enumerate(images):
        positions.setdefault(image.reference_id, []).append(position)
    found: dict[str, NDArray[np.bool_]] = {}
    for reference in references:
        names = [] if reference.name == reference.id else [reference.name]
        for text in {*reference.labels.values(), *names}:
            if phrase := " ".join(_words(text)):
                owners = found.setdefault(phrase, np.zeros(len(images), dtype=bool))
                owners[positions.get(reference.id, [])] = True
    telling = sorted(phrase for phrase, owners in found.items() if owners.any() and not owners.all())
    return {telling[at]: found[telling[at]] for at in sample_positions(len(telling), MOST_PHRASES)} if telling else {}


def score_texts(
    owners: Mapping[str, NDArray[np.bool_]],
    embed: Callable[[list[str]], NDArray[np.float32]],
    embeddings: NDArray[np.float32],
) -> TextScores:
    """Compare texts with all images.

    Args:
        owners: Which images have each label or name, as `phrases_of` returns it.
        embed: From texts to unit vectors, float32 [n, dim].
        embeddings: Of the images, float32 [m, dim].
    """
    known_words = {word for phrase in owners for word in _words(phrase)}
    others = [thing for thing in _OTHER_THINGS.split(", ") if known_words.isdisjoint(_words(thing))]
    genuine, left_out, strangers = [], [], []
    for template in TEMPLATES:
        scores = embed([template.format(phrase) for phrase in owners]) @ embeddings.T
        has = np.stack(list(owners.values()))
        genuine.append(np.where(has, scores, -np.inf).max(axis=1))
        left_out.append(np.where(has, -np.inf, scores).max(axis=1))
        if others:
            strangers.append((embed([template.format(thing) for thing in others]) @ embeddings.T).max(axis=1))
    return TextScores(
        genuine=np.concatenate(genuine).astype(np.float64),
        left_out=np.concatenate(left_out).astype(np.float64),
        others=np.concatenate(strangers).astype(np.float64) if strangers else np.empty(0),
    )


def area_of(scores: TextScores) -> float:
    """Return how often a genuine text scores above an impostor, ties counting half: the worse of the two kinds."""
    kinds = [kind.tolist() for kind in (scores.left_out, scores.others) if len(kind)]
    return min(area for kind in kinds if (area := auroc(scores.genuine.tolist(), kind)) is not None)


def fit_bands(scores: TextScores, *, measured_with: str) -> TextCalibration:
    """Fit the bands: each begins where at most its share of the impostors of either kind would reach it."""
    kinds = [kind.tolist() for kind in (scores.left_out, scores.others) if len(kind)]
    strong, fair = (max(least_accepted(kind, rate) for kind in kinds) for rate in (_STRONG_RATE, _FAIR_RATE))
    impostors = np.concatenate([scores.left_out, scores.others])

    def share(of: NDArray[np.float64], least: float) -> float:
        return round(float((of >= least).mean()), _DECIMALS)

    return TextCalibration(
        measured_with=measured_with,
        strong=strong,
        fair=fair,
        auroc=area_of(scores),
        genuine_count=len(scores.genuine),
        impostor_count=len(impostors),
        genuine_strong=share(scores.genuine, strong),
        genuine_fair=share(scores.genuine, fair),
        impostors_strong=share(impostors, strong),
        impostors_fair=share(impostors, fair),
    )


def _embedder(variant: ExportedVariant, encode: Encode) -> Callable[[list[str]], NDArray[np.float32]]:
    return lambda texts: embed_in_batches(variant.embed, encode(texts))


def _words(text: str) -> list[str]:
    """Return the words of a label: `_` and `-` stand for spaces in folder names."""
    return re.findall(r"[^\W_]+", text.casefold())


def _without(why: str) -> TextOutcome:
    return TextOutcome(calibrations={}, left_out_because=f"bands for texts: {why}; answers to texts are similarities")
