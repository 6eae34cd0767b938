"""Scores of a pack's references for the photos of a calibration: genuine, left out, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from edge_identify.convert.calibrating.calibration_fitting import NEIGHBOURS, ScoredPhoto, ScoredPhotos

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.convert.calibrating.calibration_photos import CalibrationPhotos
    from edge_identify.edge_runtime.search.vector_search import VectorSearch


def score_photos(
    photos: CalibrationPhotos,
    embeddings: NDArray[np.float32],
    search: VectorSearch,
    *,
    reference_ids: Mapping[int, str],
    most_images_per_reference: int,
) -> ScoredPhotos:
    """Search the index for all photos.

    Args:
        photos: The photos, with the references that they show.
        embeddings: Embeddings of the photos' views by the calibrated variant, float32 [n, views, dim].
        search: Search over the pack's index.
        reference_ids: Reference of each index id; at least two references.
        most_images_per_reference: Largest number of images of one reference. More rows are fetched accordingly, so that
            enough distinct references are found.
    """
    from edge_identify.edge_runtime.search.vector_search import nearest_of_views

    # One more than NEIGHBOURS: `left_out` removes the right reference.
    found = nearest_of_views(search, embeddings, (NEIGHBOURS + 1) * most_images_per_reference)
    genuine, left_out, drawn = [], [], []
    known = zip(photos.reference_ids, photos.difficulties, strict=True)
    for (shown, difficulty), ids, scores in zip(known, found.ids.tolist(), found.scores.tolist(), strict=True):
        ranked = dict(_distinct(ids, scores, reference_ids))
        if shown is None:
            drawn.append(ScoredPhoto(scores=tuple(ranked.values()), difficulty=difficulty))
            continue
        right = next((position for position, name in enumerate(ranked) if name == shown), None)
        genuine.append(ScoredPhoto(scores=tuple(ranked.values()), right=right, difficulty=difficulty))
        others = tuple(score for name, score in ranked.items() if name != shown)
        left_out.append(ScoredPhoto(scores=others, difficulty=difficulty))
    return ScoredPhotos(genuine=genuine, left_out=left_out, drawn=drawn)


def _distinct(ids: list[int], scores: list[float], reference_ids: Mapping[int, str]) -> Iterator[tuple[str, float]]:
    """Yield distinct references, best first, each with the score of its best image."""
    seen: set[str] = set()
    for index_id, score in zip(ids, scores, strict=True):
        reference = reference_ids[index_id]
        if reference not in seen:
            seen.add(reference)
            yield reference, score
