"""A pack's calibration for texts, measured with the pack's labels and names.

A genuine score: the text of a label or name with the nearest image that has it. Impostor scores: the same text with the
nearest image that does not have it, and texts of other things with the nearest image of all.

Trap: the best score over all images is not a genuine score. It may be a wrong match, and then an encoder that knows no
words would look as good as one that does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.kept_vectors import EncoderInput, embed_inputs
from edge_identify.convert.calibrating.evidence_fitting import least_accepted
from edge_identify.convert.calibrating.photo_calibration import CALIBRATION_FILE
from edge_identify.convert.evaluating.decision_figures import auroc
from edge_identify.convert.export.fidelity import sample_positions
from edge_identify.convert.export.variants import ONNX_VARIANTS
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.decisions.calibration import Calibration, serialise_calibrations
from edge_identify.edge_runtime.decisions.text_calibration import TextCalibration
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import ExportedVariant
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
    from edge_identify.edge_runtime.pack.references import Reference

    Encode = Callable[[list[str]], NDArray[np.int64]]  # texts to tokens, as devices do it
    EmbedTokens = Callable[[ExportedVariant, NDArray[np.int64]], NDArray[np.float32]]
    Vectors = Callable[[], Iterable[NDArray[np.float32]]]  # all images' vectors, a piece at a time, [n, dim] each

#: The plainest of open_clip's templates for ImageNet classes, and the bare text that people type.
TEMPLATES = ("{}", "a {}", "a photo of a {}.", "a photo of the {}.")

#: Common things of many kinds. Things that share a word with a label or name of the pack are not used.
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

MOST_PHRASES = 100  # each in every template: about 10 seconds with ViT-B-32's text tower
LEAST_PHRASES = 8  # with fewer, a share of the impostors means nothing
LEAST_AUROC = 0.7  # below, a band would be a guess; an encoder that knows none of the words has .5
_STRONG_RATE, _FAIR_RATE = 0.02, 0.2  # largest share of either kind of impostors in a band
_DECIMALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOutcome:
    """The result of calibrating a pack for texts.

    Attributes:
        calibrations: Calibration of each text variant, by name; empty if texts are not calibrated.
        left_out_because: Why texts are not calibrated; None if they are, or if the pack has no text encoder.
    """

    calibrations: Mapping[str, TextCalibration]
    left_out_because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextScores:
    """Best cosine similarities of texts with images.

    Attributes:
        genuine: Labels and names with the images that have them, float64 [n].
        left_out: Labels and names with all other images, float64 [n].
        others: Other things with all images, float64 [m].
    """

    genuine: NDArray[np.float64]
    left_out: NDArray[np.float64]
    others: NDArray[np.float64]


def calibrate_texts(
    variants: Mapping[str, ExportedVariant],
    encode: Encode | None,
    references: Iterable[Reference],
    images: Sequence[CatalogueImage],
    vectors: Vectors,
    embed: EmbedTokens,
    progress: Progress = no_progress,
) -> TextOutcome:
    """Calibrate the text variants of a pack.

    Core ML runs only on a Mac, so Core ML variants get the calibration of an ONNX variant.

    Args:
        variants: Variants of the text tower, by name; empty if the pack has no text encoder.
        encode: Turns texts into tokens; None if devices cannot tokenise.
        references: References of the catalogue.
        images: The images that are in the index.
        vectors: The index's stored vectors of `images`, in their order; devices compare texts with these.
        embed: Embeds tokens with a variant; see `keeping_texts`.
        progress: Shows the progress over the templates of each variant.
    """
    asked = [variants[name] for name in ONNX_VARIANTS if name in variants]
    if not asked or encode is None:
        return TextOutcome(calibrations={})
    owners = phrases_of(references, images)
    if len(owners) < LEAST_PHRASES:
        return _without(f"{len(owners)} labels and names that some images have and others do not have are too few")
    measured: dict[str, TextCalibration] = {}
    for variant in asked:
        scores = score_texts(owners, _embedder(variant, encode, embed), vectors, progress)
        area = area_of(scores)
        if area < LEAST_AUROC:
            return _without(
                f"{variant.name} does not know what the labels and names mean (AUROC {area:.2f}, needed {LEAST_AUROC})"
            )
        measured[variant.name] = fit_bands(scores, measured_with=variant.name)
    return TextOutcome(calibrations={name: measured.get(name, measured[asked[0].name]) for name in variants})


def keeping_texts(folder: Path, cache: BuildCache) -> EmbedTokens:
    """Return a function that embeds tokens, int64 [n, context], one text at a time, and keeps the embeddings.

    Args:
        folder: The pack's folder; it holds the variants' files.
        cache: Keeps the embeddings.
    """

    def embed(variant: ExportedVariant, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        inputs = [
            EncoderInput(key=cache_key("tokens", row.tolist()), draw=partial(np.atleast_2d, row)) for row in tokens
        ]
        encoders = {variant.name: variant.keyed(folder)}
        found = embed_inputs(encoders, inputs, cache, no_progress, "", dim=variant.output.shape[-1])
        return found[variant.name][:, 0]

    return embed


def add_to_calibration_file(
    folder: Path, photos: Mapping[str, Calibration], texts: Mapping[str, TextCalibration]
) -> str | None:
    """Write the calibration file with both kinds; return its path in the pack, None if there is no calibration."""
    if texts:
        write_bytes(folder / CALIBRATION_FILE, serialise_calibrations(photos, texts))
    return CALIBRATION_FILE if photos or texts else None


def phrases_of(references: Iterable[Reference], images: Sequence[CatalogueImage]) -> dict[str, NDArray[np.bool_]]:
    """Return at most `MOST_PHRASES` labels and names, each with the images that have it, bool [len(images)].

    Left out: phrases that all images have, phrases that none has, and names that equal the reference's id.
    """
    positions: dict[str, list[int]] = {}
    for position, image in enumerate(images):
        positions.setdefault(image.reference_id, []).append(position)
    found: dict[str, set[int]] = {}  # positions, not masks: 200,000 names with a mask each would take 40 GB
    for reference in references:
        names = [] if reference.name == reference.id else [reference.name]
        for text in {*reference.labels.values(), *names}:
            if phrase := " ".join(_words(text)):
                found.setdefault(phrase, set()).update(positions.get(reference.id, ()))
    telling = sorted(phrase for phrase, owners in found.items() if 0 < len(owners) < len(images))
    if not telling:
        return {}
    chosen = [telling[at] for at in sample_positions(len(telling), MOST_PHRASES)]
    return {phrase: _mask(found[phrase], len(images)) for phrase in chosen}


def _mask(positions: set[int], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[list(positions)] = True
    return mask


def score_texts(
    owners: Mapping[str, NDArray[np.bool_]],
    embed: Callable[[list[str]], NDArray[np.float32]],
    vectors: Vectors,
    progress: Progress = no_progress,
) -> TextScores:
    """Compare texts with all images.

    Args:
        owners: Images of each label or name, as `phrases_of` returns them.
        embed: Turns n texts into unit vectors, float32 [n, dim].
        vectors: Returns the images' vectors, in pieces of float32 [n, dim].
        progress: Shows the progress over the templates.
    """
    known_words = {word for phrase in owners for word in _words(phrase)}
    others = [thing for thing in _OTHER_THINGS.split(", ") if known_words.isdisjoint(_words(thing))]
    has = np.stack(list(owners.values()))
    nobody = np.zeros((len(others), has.shape[1]), dtype=bool)
    best = [
        (
            _best(embed([template.format(phrase) for phrase in owners]), has, vectors),
            _best(embed([template.format(thing) for thing in others]), nobody, vectors) if others else None,
        )
        for template in progress("calibrating texts", TEMPLATES)
    ]
    strangers = [found.without for _, found in best if found is not None]
    return TextScores(
        genuine=np.concatenate([found.having for found, _ in best]).astype(np.float64),
        left_out=np.concatenate([found.without for found, _ in best]).astype(np.float64),
        others=np.concatenate(strangers).astype(np.float64) if strangers else np.empty(0),
    )


class _Best(NamedTuple):
    """Each text's best similarity with the images that have it, and with the others, float32 [texts]."""

    having: NDArray[np.float32]
    without: NDArray[np.float32]


def _best(texts: NDArray[np.float32], has: NDArray[np.bool_], vectors: Vectors) -> _Best:
    having = np.full(len(texts), -np.inf, np.float32)
    without = having.copy()
    at = 0
    for piece in vectors():
        scores, own = texts @ piece.T, has[:, at : at + len(piece)]
        np.maximum(having, np.where(own, scores, -np.inf).max(axis=1), out=having)
        np.maximum(without, np.where(own, -np.inf, scores).max(axis=1), out=without)
        at += len(piece)
    return _Best(having, without)


def area_of(scores: TextScores) -> float:
    """Return the AUROC of genuine against impostor scores; the lower one of the two kinds of impostors."""
    kinds = [kind.tolist() for kind in (scores.left_out, scores.others) if len(kind)]
    return min(area for kind in kinds if (area := auroc(scores.genuine.tolist(), kind)) is not None)


def fit_bands(scores: TextScores, *, measured_with: str) -> TextCalibration:
    """Fit the bands: each begins at the lowest score that at most its share of either kind of impostors reaches."""
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


def _embedder(
    variant: ExportedVariant, encode: Encode, embed: EmbedTokens
) -> Callable[[list[str]], NDArray[np.float32]]:
    return lambda texts: embed(variant, encode(texts))


def _words(text: str) -> list[str]:
    """Return the words of a label; in folder names, `_` and `-` stand for spaces."""
    return re.findall(r"[^\W_]+", text.casefold())


def _without(why: str) -> TextOutcome:
    return TextOutcome(calibrations={}, left_out_because=f"bands for texts: {why}; answers to texts are similarities")
