"""Fidelity of exported encoders: figures, thresholds, and which variants are below them.

Each variant is compared, as the file that will be shipped, with the torch original in fp32. The inputs are the pack's
own images and simulated photos of them. Embeddings are compared, and also the ranking of references, because a
quantised encoder with a high cosine can rank differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.caching.kept_vectors import EncoderInput
from edge_identify.convert.export.compute_device import Batches
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Fidelity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Batch = NDArray[np.uint8] | NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The least fidelity of a precision.

    Attributes:
        cosine_mean: Least mean cosine with the original.
        cosine_min: Least cosine of the worst query.
        cosine_centred: Least mean cosine after the original's mean embedding is subtracted from both. Encoders put all
            images into a narrow cone; only the centred part tells images apart.
        top1_agreement: Least share of queries with the same nearest reference; see `agreement`.
        top5_agreement: Least share of the five nearest references in common; see `agreement`.
        recall_change: Least change of recall@1, in shares of the queries; negative.
    """

    cosine_mean: float
    cosine_min: float
    cosine_centred: float
    top1_agreement: float = 0.90
    top5_agreement: float = 0.85
    recall_change: float = -0.05


#: Thresholds by form, which is the last part of a variant's name. fp32 and fp16 differ from the original only by
#: rounding. 8 bits: good exports of real architectures measured a mean of .999 and more, and .99 centred; a broken
#: export (a zeroed layer, a wrong scale) is below .9. The small forms may deviate more, but must rank alike. The limits
#: of agreement are the same for all forms, because the references in the index are embedded by one variant.
THRESHOLDS: Mapping[str, Threshold] = {
    "fp32": Threshold(cosine_mean=0.9999, cosine_min=0.999, cosine_centred=0.9999),
    "fp16": Threshold(cosine_mean=0.9995, cosine_min=0.995, cosine_centred=0.999),
    "int8": Threshold(cosine_mean=0.98, cosine_min=0.93, cosine_centred=0.96),
    "w8": Threshold(cosine_mean=0.98, cosine_min=0.93, cosine_centred=0.96),
    "6bit": Threshold(cosine_mean=0.95, cosine_min=0.90, cosine_centred=0.90),
    "w4": Threshold(cosine_mean=0.95, cosine_min=0.90, cosine_centred=0.90),
}

#: Two references tie for a query if their scores differ by less than this share of the standard deviation of its
#: scores. A text of unknown words has almost equal scores with many images; their order is chance.
TIE = 0.05

_LENGTH_TOLERANCE = 1e-2  # of a unit vector; half precision is within 1e-3
_BATCH = 8  # an ONNX Runtime session keeps the memory of its largest batch: with 32, a build of ViTamin-S held 11 GB


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelitySample:
    """The inputs that the variants of one tower are compared on.

    Attributes:
        description: Description for the manifest.
        queries: n simulated photos or texts, one view each.
        references: The m images that queries are matched with.
        right: Position of the reference that each query shows, [n]; None if there is no right answer.
    """

    description: str
    queries: Sequence[EncoderInput]
    references: Sequence[EncoderInput]
    right: NDArray[np.intp] | None = None


def measure_fidelity(
    name: str,
    sample: FidelitySample,
    *,
    found_queries: NDArray[np.float32],
    original_queries: NDArray[np.float32],
    original_references: NDArray[np.float32],
    indexed_references: NDArray[np.float32],
) -> Fidelity:
    """Compare an exported variant with the original.

    Args:
        name: Name of the variant, for messages.
        sample: The inputs.
        found_queries: The exported file's embeddings of the queries, float32 [n, dim].
        original_queries: The original's embeddings of the queries, float32 [n, dim].
        original_references: The original's embeddings of the references, float32 [m, dim].
        indexed_references: The embeddings of the same references in the pack's index, float32 [m, dim].

    Raises:
        SetupError: The file does not return unit vectors.
    """
    _check_length(name, found_queries)
    cosines = _cosines(found_queries, original_queries)
    centre = np.concatenate([original_queries, original_references]).mean(axis=0)
    original_scores, scores = original_queries @ original_references.T, found_queries @ indexed_references.T
    return Fidelity(
        sample=sample.description,
        count=len(cosines),
        cosine_mean=_rounded(cosines.mean()),
        cosine_min=_rounded(cosines.min()),
        cosine_centred=_rounded(_cosines(found_queries - centre, original_queries - centre).mean()),
        top1_agreement=_rounded(agreement(original_scores, scores, depth=1)),
        top5_agreement=_rounded(agreement(original_scores, scores, depth=min(5, scores.shape[1]))),
        recall_change=None if sample.right is None else _rounded(_recall_change(original_scores, scores, sample.right)),
    )


def drift_error(kind: str, failures: Mapping[str, list[str]]) -> SetupError:
    """Return the error for the variants of one tower that are below their threshold.

    Args:
        kind: `image` or `text`, for the message.
        failures: The figures below the threshold in words, by variant.
    """
    named = [f"{kind} encoder {name} drifts from the original: {'; '.join(short)}" for name, short in failures.items()]
    return SetupError(
        f"{' / '.join(named)}; choose other --variants, leave it out with --drop-drifting, or use another model"
    )


def drifting(measured: Mapping[str, Fidelity]) -> Mapping[str, list[str]]:
    """Return the variants that are below their threshold, each with the figures that are, in words.

    Args:
        measured: Fidelity by name of the variant.
    """
    found = {name: shortfalls(fidelity, THRESHOLDS[name.rpartition("-")[2]]) for name, fidelity in measured.items()}
    return {name: short for name, short in found.items() if short}


def shortfalls(fidelity: Fidelity, threshold: Threshold) -> list[str]:
    """Return the figures of `fidelity` that are below `threshold`, in words; empty if there are none."""
    figures = (
        ("mean cosine", fidelity.cosine_mean, threshold.cosine_mean),
        ("least cosine", fidelity.cosine_min, threshold.cosine_min),
        ("centred cosine", fidelity.cosine_centred, threshold.cosine_centred),
        ("same nearest reference", fidelity.top1_agreement, threshold.top1_agreement),
        ("same five nearest", fidelity.top5_agreement, threshold.top5_agreement),
        ("change of recall", fidelity.recall_change, threshold.recall_change),
    )
    # `not >=` rather than `<`: a NaN fails.
    return [
        f"{what} {found:.4f}, needs {least:.4f}"
        for what, found, least in figures
        if found is not None and not found >= least
    ]


def embed_in_batches(
    embed: Callable[[Batch], NDArray[np.float32]],
    batch: Batch,
    progress: Callable[[Sequence[Batch]], Iterable[Batch]] = iter,
) -> NDArray[np.float32]:
    """Return the embeddings of n inputs, float32 [n, dim], computed in batches of `_BATCH`; n is at least 1.

    Args:
        embed: Embeds a batch.
        batch: All inputs.
        progress: Wraps the batches to show the progress.
    """
    batches = Batches(_BATCH)
    parts = [batch[at : at + _BATCH] for at in range(0, len(batch), _BATCH)]
    return np.concatenate([batches.embed(embed, part) for part in progress(parts)])


def agreement(original_scores: NDArray[np.float32], scores: NDArray[np.float32], *, depth: int) -> float:
    """Return how often a variant's first references are as good as those of the original.

    Args:
        original_scores: Cosine similarities of the original, float32 [n, m].
        scores: Cosine similarities of the variant, float32 [n, m].
        depth: Number of first references to compare, 1 to m.

    Returns:
        The mean share, 0 to 1, of the variant's first `depth` references that are among the original's first `depth`
        or tie with the last of those (see `TIE`).
    """
    chosen = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    last_of_the_best = -np.sort(-original_scores, axis=1)[:, depth - 1]
    good_enough = last_of_the_best - TIE * original_scores.std(axis=1)
    return float((np.take_along_axis(original_scores, chosen, axis=1) >= good_enough[:, None]).mean())


def _recall_change(original_scores: NDArray[np.float32], scores: NDArray[np.float32], right: NDArray[np.intp]) -> float:
    return float((scores.argmax(axis=1) == right).mean() - (original_scores.argmax(axis=1) == right).mean())


def _cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines: NDArray[np.float32] = np.sum(first * second, axis=1) / np.maximum(lengths, np.finfo(np.float32).tiny)
    return cosines


def _check_length(name: str, embeddings: NDArray[np.float32]) -> None:
    worst = float(np.abs(np.linalg.norm(embeddings, axis=1) - 1).max())
    if not worst <= _LENGTH_TOLERANCE:
        raise SetupError(f"encoder {name}: returns vectors whose length is off by {worst:.3g}, not unit vectors")


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 6)


def sample_positions(count: int, most: int) -> Sequence[int]:
    """Return at most `most` positions, spread evenly over 0 to `count` - 1. Deterministic."""
    return sorted({round(position) for position in np.linspace(0, count - 1, min(count, most))})
