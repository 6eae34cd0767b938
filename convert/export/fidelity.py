"""The fidelity gate: an exported encoder that does not follow the original is not shipped.

Users have been burnt by quantised encoders that rank differently without a word. So every variant is compared, as
the file that will be shipped, with the torch original in fp32, on the pack's own pictures and simulated photos of
them; and what counts in the end, which reference is nearest, is compared too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Fidelity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.export.variants import ExportedVariant

    Batch = NDArray[np.uint8] | NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a precision must reach.

    Attributes:
        cosine_mean: Least mean cosine with the original.
        cosine_min: Least cosine of the worst picture.
        top1_agreement: Least share of queries with the same nearest reference.
    """

    cosine_mean: float
    cosine_min: float
    top1_agreement: float


#: By the end of a variant's name. fp32 and fp16 differ by rounding alone. int8: good exports of real architectures
#: measured .999 and more in the mean; a broken one (a zeroed layer, a wrong scale) falls below .9. The agreement is
#: one number for all: whatever asks, the references in the index were embedded by the quantised variant.
THRESHOLDS: Mapping[str, Threshold] = {
    "fp32": Threshold(cosine_mean=0.9999, cosine_min=0.999, top1_agreement=0.90),
    "fp16": Threshold(cosine_mean=0.9995, cosine_min=0.995, top1_agreement=0.90),
    "int8": Threshold(cosine_mean=0.98, cosine_min=0.93, top1_agreement=0.90),
}

#: Two references tie for a query if their scores differ by less than this share of the spread of its scores. A text
#: of unknown words lies equally far from many pictures; which of them wins by a hair is chance, not ranking.
TIE = 0.05

_BATCH = 32  # keeps a ViT-L's activations under a gigabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelitySample:
    """What the variants of one tower are compared on.

    Attributes:
        description: For the manifest, in words.
        queries: Simulated photos uint8 [n, size, size, 3], or token ids int64 [n, context_length].
        references: The pictures that queries are matched with, uint8 [m, size, size, 3].
    """

    description: str
    queries: Batch
    references: NDArray[np.uint8]


def measure_fidelity(
    variant: ExportedVariant,
    sample: FidelitySample,
    *,
    original_queries: NDArray[np.float32],
    original_references: NDArray[np.float32],
    indexed_references: NDArray[np.float32],
) -> Fidelity:
    """Compare an exported variant with the original.

    Args:
        variant: The exported file.
        sample: What to ask it.
        original_queries: The original's embeddings of the queries, float32 [n, dim].
        original_references: The original's embeddings of the references, float32 [m, dim].
        indexed_references: The embeddings of the same references as they stand in the pack's index, float32 [m, dim].
    """
    found = embed_in_batches(variant.embed, sample.queries)
    cosines = np.sum(found * original_queries, axis=1)
    original_scores = original_queries @ original_references.T
    agreed = agrees(original_scores, chosen=np.argmax(found @ indexed_references.T, axis=1))
    return Fidelity(
        sample=sample.description,
        count=len(cosines),
        cosine_mean=round(float(cosines.mean()), 6),
        cosine_min=round(float(cosines.min()), 6),
        top1_agreement=round(float(agreed.mean()), 4),
    )


def check_fidelity(kind: str, measured: Mapping[str, Fidelity]) -> None:
    """Let the variants of one tower pass the gate.

    Args:
        kind: `image` or `text`, for the message.
        measured: By variant name.

    Raises:
        SetupError: A variant is below its threshold; the message holds the figures.
    """
    failures = [
        f"{kind} encoder {name} drifts from the original: {'; '.join(short)}"
        for name, fidelity in measured.items()
        if (short := shortfalls(fidelity, THRESHOLDS[name.rpartition("-")[2]]))
    ]
    if failures:
        raise SetupError(f"{' / '.join(failures)}; leave the variant out with --variants, or use another model")


def shortfalls(fidelity: Fidelity, threshold: Threshold) -> list[str]:
    """Return the figures of `fidelity` that are below `threshold`, in words; empty where it passes."""
    figures = (
        ("mean cosine", fidelity.cosine_mean, threshold.cosine_mean),
        ("least cosine", fidelity.cosine_min, threshold.cosine_min),
        ("same nearest reference", fidelity.top1_agreement, threshold.top1_agreement),
    )
    # `not >=` rather than `<`: a NaN is a failure.
    return [f"{what} {found:.4f}, needs {least:.4f}" for what, found, least in figures if not found >= least]


def embed_in_batches(embed: Callable[[Batch], NDArray[np.float32]], batch: Batch) -> NDArray[np.float32]:
    """Return the embeddings, float32 [n, dim], of any number of inputs, a few at a time."""
    return np.concatenate([embed(batch[at : at + _BATCH]) for at in range(0, len(batch), _BATCH)])


def agrees(original_scores: NDArray[np.float32], *, chosen: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return for each query whether the reference that a variant chose is as good as the original's own choice.

    Args:
        original_scores: The original's cosines, float32 [n, m].
        chosen: Position of the reference that the variant ranks first, [n].

    Returns:
        bool [n]: the original ranks it first too, or it ties with the first (see `TIE`).
    """
    best = original_scores.max(axis=1)
    lost = best - np.take_along_axis(original_scores, chosen[:, None], axis=1)[:, 0]
    tied: NDArray[np.bool_] = lost <= TIE * original_scores.std(axis=1)
    return tied


def sample_positions(count: int, most: int) -> Sequence[int]:
    """Return at most `most` positions spread evenly over `count`, the same every time."""
    return sorted({round(position) for position in np.linspace(0, count - 1, min(count, most))})
