"""Agreeing points of the calibration's photos with their nearest references, as a device counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.search.geometry.cascade import CANDIDATES

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.convert.calibrating.calibration_photos import CalibrationPhoto
    from edge_identify.convert.calibrating.photo_scores import Candidate

_KIND = "agreeing points"
_COUNT_BYTES = 4


class Counts(Protocol):
    """Counts the agreeing points of photos."""

    def count_points(self, photo: Image, index_ids: Sequence[int | None]) -> list[int]:
        """Return how many points of a photo agree with each reference image; see `PointCounter`."""


def count_candidate_points(
    photos: Sequence[CalibrationPhoto],
    candidates: Sequence[Sequence[Candidate]],
    counter: Counts,
    *,
    image_key: Callable[[int], str],
    cache: BuildCache,
    progress: Progress = no_progress,
) -> list[dict[int, int] | None]:
    """Return the agreeing points of each photo, by index id; computes what the cache does not hold.

    One more reference is compared than on a device, because siblings are scored without the right one.

    Args:
        photos: The photos; those without `has_points` are not compared.
        candidates: The nearest references of each.
        counter: Counts as a device does.
        image_key: Returns, by index id, a key of all that the points of that image depend on, the net included.
        cache: Keeps the counts.
        progress: Shows the progress over the photos to compare.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    compared = {
        at: {each.index_id: _key(photos[at], image_key(each.index_id)) for each in ranked[: CANDIDATES + 1]}
        for at, ranked in enumerate(candidates)
        if photos[at].has_points
    }
    known = cache.read(_KIND, [key for keys in compared.values() for key in keys.values()])
    missing = [at for at, keys in compared.items() if any(key not in known for key in keys.values())]
    for at in progress("comparing points", missing):
        lacking = [index_id for index_id, key in compared[at].items() if key not in known]
        counts = counter.count_points(photos[at].draw(), lacking)
        new = {
            compared[at][index_id]: count.to_bytes(_COUNT_BYTES, "little")
            for index_id, count in zip(lacking, counts, strict=True)
        }
        cache.keep(_KIND, new)
        known |= new
    return [
        {index_id: int.from_bytes(known[key], "little") for index_id, key in compared[at].items()}
        if at in compared
        else None
        for at in range(len(photos))
    ]


def _key(photo: CalibrationPhoto, image_key: str) -> str:
    return cache_key(photo.key, image_key, code_fingerprint())
