"""Groups of images that are the same: the same file, the same pixels, or one made from the other.

Which images might be the same, an encoder says; whether they are, their pixels (see `image_comparison`). What a
newcomer would get wrong: sameness is not passed on. A is nearly B and B nearly C, and after some steps a group holds
things that have nothing in common. So each image of a group was compared with the one that is kept, and is the same
as that.

Measured by `benchmarks/duplicates.py`; its figures stand beside the constants.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.exploring.image_comparison import (
    CLOSER_COMPARED_PX,
    CLOSER_LOOK_PX,
    LOOK_PX,
    NOTHING_ALIKE,
    look_of,
    worst_difference,
)
from edge_identify.convert.exploring.images_to_keep import Candidate, best_first
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue import CatalogueImage

#: Compressed, resized and tinted copies have .81 and more, half of those that lost up to an eighth at each side .86;
#: of 200 that lost that and were resized, tinted and compressed as well, one had less than this. A lower limit would
#: have more images compared, at 1 to 30 ms each.
LEAST_SIMILARITY = 0.65
#: Of 1,600 copies .98 differ by no more, and of 900 look-alikes that differ in a tile or a colour .07, some of which
#: nobody would see; at 16 that is .82 and .02, at 44 1.00 and .13.
MOST_DIFFERENCE = 28.0
_NEIGHBOURS = 12  # of each image that are compared, and again while one of them is a copy
_LOOKS_KEPT = 512  # of up to 200 kB
_CLOSER_LOOKS_KEPT = 32  # of up to 1.2 MB
_CHUNK = 1024  # images that are looked up at once


class Sameness(StrEnum):
    """How an image is the same as another."""

    FILE = "same file"  # byte for byte
    PIXELS = "same pixels"  # upright
    NEAR = "near"  # another size, part, compression or tint


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An image that is the same as one that is kept.

    Attributes:
        image: The copy.
        sameness: How it is the same.
        similarity: Of their embeddings, -1 to 1.
        difference: At their worst place, 0 to 255; see `image_comparison`.
    """

    picture: Candidate
    sameness: Sameness
    similarity: float
    difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Images that are the same as one of them, either exactly or nearly.

    Attributes:
        kept: The one.
        copies: The others, at least one: all `NEAR`, or none.
    """

    kept: Candidate
    copies: tuple[Copy, ...]

    @property
    def is_exact(self) -> bool:
        """Whether the copies show nothing that the one does not, to the last pixel."""
        return all(copy.sameness is not Sameness.NEAR for copy in self.copies)


def find_duplicates(
    candidates: Iterable[Candidate],
    embeddings: Mapping[str, NDArray[np.float32]],
    *,
    most_difference: float = MOST_DIFFERENCE,
    progress: Callable[[Sequence[Sequence[Candidate]]], Iterable[Sequence[Candidate]]] = iter,
) -> list[Group]:
    """Return the groups of images that are the same, the one to keep first: those of exact copies, then near ones.

    An image may be kept in one of each. Of exact copies, only the kept one is in a group of near ones.

    Args:
        candidates: The images; those whose file cannot be used are the same as others by their hash alone.
        embeddings: Unit vectors, float32 [dim], by the hashes of the images.
        most_difference: From here on images are different; see `image_comparison`.
        progress: Wraps what is compared to show how far the run is.
    """
    by_hash: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in best_first(candidates):
        by_hash[candidate.image.sha256].append(candidate)
    search = _Search(by_hash, embeddings, most_difference)
    for kept, *same_file in progress(list(by_hash.values())):
        search.take(kept, same_file)
    return search.groups()


class _Search:
    """What was found to be the same so far."""

    def __init__(
        self,
        by_hash: Mapping[str, Sequence[Candidate]],
        embeddings: Mapping[str, NDArray[np.float32]],
        most_difference: float,
    ) -> None:
        self._by_hash = by_hash
        self._neighbours = _Neighbours([sha256 for sha256 in by_hash if sha256 in embeddings], embeddings)
        self._most_difference = most_difference
        self._looks = _Looks()
        self._exact: dict[str, list[Copy]] = {}  # by the hash of the kept one
        self._near: dict[str, list[Copy]] = {}
        self._exact_copies: set[str] = set()  # hashes of those that are not kept
        self._near_copies: set[str] = set()

    def take(self, kept: Candidate, same_file: Sequence[Candidate]) -> None:
        """Find the copies of an image, unless it is an exact copy itself."""
        own_hash = kept.image.sha256
        if own_hash in self._exact_copies:
            return
        exact = self._exact[own_hash] = [
            Copy(picture=each, sameness=Sameness.FILE, similarity=1.0, difference=0.0) for each in same_file
        ]
        near = self._near[own_hash] = []
        for copy in self._found_near(kept):
            other_hash = copy.picture.image.sha256
            if copy.sameness is Sameness.PIXELS:
                self._exact_copies.add(other_hash)
                exact.extend(replace(copy, picture=each) for each in self._by_hash[other_hash])
            else:
                self._near_copies.add(other_hash)
                near.append(copy)

    def groups(self) -> list[Group]:
        """Return all groups; see `find_duplicates`."""
        near = {
            own_hash: [copy for copy in copies if copy.picture.image.sha256 not in self._exact_copies]
            for own_hash, copies in self._near.items()
        }
        return [
            Group(kept=self._by_hash[own_hash][0], copies=tuple(copies))
            for found in (self._exact, near)
            for own_hash, copies in found.items()
            if copies
        ]

    def _found_near(self, kept: Candidate) -> Iterator[Copy]:
        """Yield the copies among an image's neighbours; while there are any, it has further neighbours."""
        own_hash = kept.image.sha256
        seen = {own_hash}
        is_found = True
        while is_found:
            is_found = False
            for other_hash, similarity in self._neighbours.of(own_hash, len(seen)).items():
                if other_hash in seen:
                    continue
                seen.add(other_hash)
                is_found |= other_hash in self._exact_copies
                copy = None if other_hash in self._exact_copies else self._compared(kept, other_hash, similarity)
                if copy is not None:
                    is_found = True
                    yield copy

    def _compared(self, kept: Candidate, other_hash: str, similarity: float) -> Copy | None:
        other = self._by_hash[other_hash][0]
        are_taken = not self._near_copies.isdisjoint((kept.image.sha256, other_hash))
        found = self._looks.compare(kept.image, other.image, 0.0 if are_taken else self._most_difference)
        return (
            None
            if found is None
            else Copy(picture=other, sameness=found[0], similarity=similarity, difference=found[1])
        )


class _Neighbours:
    """The images that may be the same as each, by their embeddings."""

    def __init__(self, hashes: Sequence[str], embeddings: Mapping[str, NDArray[np.float32]]) -> None:
        import faiss

        self._hashes = hashes
        self._embeddings = embeddings
        self._near: dict[str, dict[str, float]] = defaultdict(dict)
        if len(hashes) < 2:
            return
        vectors = np.stack([embeddings[sha256] for sha256 in hashes])
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)
        for at in range(0, len(hashes), _CHUNK):
            found = self._nearest(vectors[at : at + _CHUNK], _NEIGHBOURS + 1)
            for sha256, alike in zip(hashes[at : at + _CHUNK], found, strict=True):
                for other, similarity in alike.items():
                    if other != sha256:
                        self._near[sha256][other] = self._near[other][sha256] = similarity

    def of(self, sha256: str, seen: int) -> Mapping[str, float]:
        """Return the similarities of an image's neighbours, by hash.

        Args:
            sha256: Of the image.
            seen: How many of the nearest are known, the image itself being one; that many and some more are returned.
        """
        if seen == 1 or sha256 not in self._embeddings or len(self._hashes) < 2:
            return self._near.get(sha256, {})
        return self._nearest(self._embeddings[sha256][np.newaxis], seen + _NEIGHBOURS)[0]

    def _nearest(self, vectors: NDArray[np.float32], count: int) -> list[dict[str, float]]:
        scores, rows = self._index.search(vectors, min(count, len(self._hashes)))
        return [
            {
                self._hashes[row]: min(score, 1.0)
                for row, score in zip(found, alike, strict=True)
                if score >= LEAST_SIMILARITY
            }
            for found, alike in zip(rows.tolist(), scores.tolist(), strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is kept of an image: a small one, what tells its pixels from others, and whether it is larger itself."""

    small: Image
    pixels: str
    has_more: bool


class _Looks:
    """Compares images, and remembers those that it opened last."""

    def __init__(self) -> None:
        self._look = lru_cache(maxsize=_LOOKS_KEPT)(_open_look)
        self._look_closer = lru_cache(maxsize=_CLOSER_LOOKS_KEPT)(_open_closer_look)

    def compare(
        self, one: CatalogueImage, other: CatalogueImage, most_difference: float
    ) -> tuple[Sameness, float] | None:
        """Return how two images are the same, and by how much they differ; None if they are not, or cannot be had."""
        first, second = self._look(one), self._look(other)
        if first is None or second is None:
            return None
        if first.pixels == second.pixels:
            return Sameness.PIXELS, 0.0
        if most_difference <= 0:  # exact copies alone: a smaller copy of a smooth image differs by nothing
            return None
        difference = worst_difference(first.small, second.small, enough=most_difference)
        if difference <= most_difference and first.has_more and second.has_more:
            difference = self._closer_difference(one, other, most_difference)
        return (Sameness.NEAR, difference) if difference <= most_difference else None

    def _closer_difference(self, one: CatalogueImage, other: CatalogueImage, most_difference: float) -> float:
        closer = self._look_closer(one), self._look_closer(other)
        if closer[0] is None or closer[1] is None:
            return NOTHING_ALIKE
        return worst_difference(closer[0], closer[1], enough=most_difference, compared_px=CLOSER_COMPARED_PX)


def _open_look(image: CatalogueImage) -> _Look | None:
    try:
        picture = open_reference_image(image)
    except PhotoError:  # embedded before, and gone since: the run over the embeddings has said so
        return None
    pixels = hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
    has_more = max(picture.size) > LOOK_PX
    return _Look(small=look_of(picture), pixels=pixels, has_more=has_more)


def _open_closer_look(image: CatalogueImage) -> Image | None:
    try:
        return look_of(open_reference_image(image), side_px=CLOSER_LOOK_PX)
    except PhotoError:  # gone in the moment between
        return None
