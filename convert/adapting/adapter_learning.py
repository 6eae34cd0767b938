"""Learning which differences between embeddings mean nothing: those between a reference and photos of it.

Directions in which simulated photos stray from their references are shortened, the others count for more: within-class
covariance normalisation (Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker
recognition", Interspeech 2006), with a covariance that is shrunk towards a round one.

What a newcomer would get wrong: trusting it. Simulated photos are not photos. On a few hundred references the
simulation's own habits would be learnt with the rest, so a round covariance counts as much as `ROUND_REFERENCES`
references do. Cross-validation cannot find that number, since it asks the same simulation: it wants 100. Measured with
the built-in encoder on real photos: see `benchmarks/decisions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.adapting.adapter import Adapter
from edge_identify.convert.calibrating.calibration_photos import pair_with_photos
from edge_identify.convert.export.compute_device import Computing
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.datasets.catalogue.catalogue import CatalogueImage

ROUND_REFERENCES = 3_000
LEAST_REFERENCES = 150  # with fewer, 95 % of the covariance would be the round one: nothing is learnt
MOST_REFERENCES = 2_400  # a minute and a half of simulated photos
_BATCH = 32


def learn_adapter(
    model: LoadedModel,
    images: Sequence[CatalogueImage],
    *,
    computing: Computing | None = None,
    progress: Progress = no_progress,
) -> Adapter:
    """Learn an adapter from a catalogue's images and one simulated photo of each reference.

    Args:
        model: The encoder, without an adapter.
        images: The catalogue's images.
        computing: Where the encoder runs; None for the processor.
        progress: Shows how far it is.

    Raises:
        SetupError: There are fewer than `LEAST_REFERENCES` references with a usable image.
    """
    from edge_identify.convert.export.towers import embed, image_tower, lying_on

    _check_enough(len({image.reference_id for image in images}))
    pairs = pair_with_photos(images, model.preprocessing, most=MOST_REFERENCES, progress=progress)
    computing = computing or Computing()
    with lying_on(image_tower(model), computing.device) as tower:
        embedded = partial(computing.batches.embed, partial(embed, tower))
        differences = [embedded(photos) - embedded(references) for references, photos in _stacked(pairs)]
    _check_enough(sum(map(len, differences)))
    strayed = np.concatenate(differences)
    return Adapter(matrix=whitening_matrix(strayed), space_id=model.space_id, references=len(strayed))


def _check_enough(count: int) -> None:
    if count < LEAST_REFERENCES:
        raise SetupError(
            f"{count} references are too few to learn an adapter from, {LEAST_REFERENCES} are needed; build without"
        )


def whitening_matrix(differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the matrix that makes the differences equally long in all directions, as far as they can be trusted.

    Args:
        differences: Of embeddings of a photo and of its reference, float32 [n, dim].

    Returns:
        float32 [dim, dim], symmetric; the inverse root of the shrunk covariance, whose mean variance is 1.
    """
    count, dim = differences.shape
    rows = differences.astype(np.float64)
    covariance = rows.T @ rows / count
    mean_variance = np.trace(covariance) / dim
    if not mean_variance > 0:
        raise ValueError("all differences are zero")
    shrunk = (count * covariance / mean_variance + ROUND_REFERENCES * np.eye(dim)) / (count + ROUND_REFERENCES)
    spread, directions = np.linalg.eigh(shrunk)
    matrix: NDArray[np.float32] = ((directions / np.sqrt(spread)) @ directions.T).astype(np.float32)
    return matrix


def _stacked(
    pairs: Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Join some pairs at a time: pixels of thousands would not fit into memory."""
    while some := list(islice(pairs, _BATCH)):
        yield np.stack([reference for reference, _ in some]), np.stack([photo for _, photo in some])
