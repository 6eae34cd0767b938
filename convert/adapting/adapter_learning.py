"""Learns an adapter: within-class covariance normalisation (WCCN) of embeddings.

Source: Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker recognition",
Interspeech 2006. A class is a reference; its samples are the reference image and a simulated photo of it. The map
shrinks the directions in which photos differ from their reference image.

The covariance is shrunk towards the identity. The identity has the weight of `ROUND_REFERENCES` references. Without
shrinkage, a few hundred references teach the map the properties of the simulation rather than those of real photos.
Trap: cross-validation on simulated photos cannot choose that weight, because it uses the same simulation; it would
choose 100. The value was measured on real photos with the built-in encoder: see `benchmarks/decisions.py`.
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
from edge_identify.edge_runtime.io.counted import counted, plural

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

ROUND_REFERENCES = 3_000
LEAST_REFERENCES = 150  # with fewer, 95 % of the covariance would be the identity: nothing is learnt
MOST_REFERENCES = 2_400  # their simulated photos take 1.5 minutes
_BATCH = 32


def learn_adapter(
    model: LoadedModel,
    images: Sequence[CatalogueImage],
    *,
    computing: Computing | None = None,
    progress: Progress = no_progress,
) -> Adapter:
    """Learn an adapter from a catalogue's images and one simulated photo of each reference.

    At most `MOST_REFERENCES` references are used.

    Args:
        model: The encoder, without an adapter.
        images: The catalogue's images.
        computing: Device and batch size; None for the CPU.
        progress: Shows the progress over the references.

    Raises:
        SetupError: Fewer than `LEAST_REFERENCES` references have a usable image.
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
            f"{counted(count, 'reference')} {plural(count, 'is', 'are')} too few to learn an adapter from, "
            f"{LEAST_REFERENCES} are needed; build without one"
        )


def whitening_matrix(differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the whitening matrix of the differences, with shrinkage.

    C is the second moment of `differences`, divided by its mean variance. The matrix is
    ((n C + r I) / (n + r)) ** -0.5, with r = `ROUND_REFERENCES`.

    Args:
        differences: Embedding of a photo minus the embedding of its reference image, float32 [n, dim].

    Returns:
        float32 [dim, dim], symmetric.

    Raises:
        ValueError: All differences are zero.
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
    """Yield batches of at most `_BATCH` pairs; the pixels of thousands do not fit into memory."""
    while some := list(islice(pairs, _BATCH)):
        yield np.stack([reference for reference, _ in some]), np.stack([photo for _, photo in some])
