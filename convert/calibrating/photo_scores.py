"""Scores of a pack's references for the photos of a calibration: genuine, siblings, strangers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.convert.calibrating.scored_photos import NEIGHBOURS, ScoredPhoto, ScoredPhotos

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.convert.calibrating.calibration_photos import CalibrationPhoto
    from edge_identify.edge_runtime.search.vector_search import VectorSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A reference among the nearest of a photo.

    Attributes:
        reference_id: The reference.
        index_id: Its nearest image.
        score: Cosine similarity of that image.
    """

    reference_id: str
    index_id: int
    score: float


def rank_candidates(
    embeddings: NDArray[np.float32],
    search: VectorSearch,
    *,
    reference_ids: Mapping[int, str],
    most_images_per_reference: int,
) -> list[list[Candidate]]:
    """Return the nearest references of each photo, best first: one more than a decision uses.

    Args:
        embeddings: Embeddings of the photos' views by the calibrated variant, float32 [n, views, dim].
        search: Search over the pack's index.
        reference_ids: Reference of each index id; at least two references.
        most_images_per_reference: Largest number of images of one reference. More rows are fetched accordingly, so that
            enough distinct references are found.
    """
    from edge_identify.edge_runtime.search.vector_search import nearest_of_views

    # One more than NEIGHBOURS: siblings are scored without the right reference.
    found = nearest_of_views(search, embeddings, (NEIGHBOURS + 1) * most_images_per_reference)
    rows = zip(found.ids.tolist(), found.scores.tolist(), strict=True)
    return [list(_distinct(ids, scores, reference_ids)) for ids, scores in rows]


def score_photos(
    photos: Sequence[CalibrationPhoto],
    candidates: Sequence[Sequence[Candidate]],
    points: Sequence[Mapping[int, int] | None] | None = None,
) -> ScoredPhotos:
    """Return the scores of photos with and without their reference, and of photos of strangers.

    Args:
        photos: The photos.
        candidates: The nearest references of each.
        points: Agreeing points of each photo by index id of the compared images; None for a photo whose points were not
            compared, or if no points were.
    """
    genuine, siblings, strangers = [], [], []
    for photo, ranked, counts in zip(photos, candidates, points or [None] * len(photos), strict=True):
        if photo.reference_id is None:
            strangers.append(_scored(photo, ranked, counts))
            continue
        names = [candidate.reference_id for candidate in ranked]
        right = names.index(photo.reference_id) if photo.reference_id in names else None
        genuine.append(_scored(photo, ranked, counts, right))
        others = [candidate for candidate in ranked if candidate.reference_id != photo.reference_id]
        siblings.append(_scored(photo, others, counts))
    return ScoredPhotos(genuine=genuine, siblings=siblings, strangers=strangers)


def _scored(
    photo: CalibrationPhoto, ranked: Sequence[Candidate], counts: Mapping[int, int] | None, right: int | None = None
) -> ScoredPhoto:
    return ScoredPhoto(
        scores=tuple(candidate.score for candidate in ranked),
        points=None if counts is None else tuple(counts.get(candidate.index_id, 0) for candidate in ranked),
        right=right,
        difficulty=photo.difficulty,
        is_realistic=photo.is_realistic,
    )


def _distinct(ids: list[int], scores: list[float], reference_ids: Mapping[int, str]) -> Iterator[Candidate]:
    """Yield distinct references, best first, each with its best image."""
    seen: set[str] = set()
    for index_id, score in zip(ids, scores, strict=True):
        reference = reference_ids[index_id]
        if reference not in seen:
            seen.add(reference)
            yield Candidate(reference_id=reference, index_id=index_id, score=score)
