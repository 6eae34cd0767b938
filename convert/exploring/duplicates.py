"""Groups of duplicate images in a catalogue: same file, same pixels, or a changed copy.

Embeddings give the candidate pairs; pixels decide (see `image_comparison`).

Trap: "is a copy of" is not transitive. Chains of near copies would join images that have nothing in common. So each
image of a group was compared with the image that is kept, and is a copy of that one.

`benchmarks/duplicates.py` measures it; its figures stand beside the constants.
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
from edge_identify.convert.exploring.images_to_keep import Candidate, best_first, original_of
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

#: Least cosine similarity of a candidate pair. Compressed, resized and tinted copies have .81 and more. Copies cropped
#: by up to 1/8 at each side have a median of .86. Of 200 copies that were cropped, resized, tinted and compressed, one
#: was below this limit. A lower limit means more comparisons, at 1 to 30 ms each.
LEAST_SIMILARITY = 0.65
#: Largest difference of a copy, 0 to 255. It accepts .98 of 1,600 copies, and .07 of 900 images that differ in a tile
#: or a colour, some of them invisibly. At 16 these shares are .82 and .02, at 44 they are 1.00 and .13.
MOST_DIFFERENCE = 28.0
_NEIGHBOURS = 12  # neighbours of an image that are compared; 12 more as long as one of them is a copy
_LOOKS_KEPT = 512  # of up to 200 kB
_CLOSER_LOOKS_KEPT = 32  # of up to 1.2 MB
_CHUNK = 1024  # images that are looked up at once


class Sameness(StrEnum):
    """In which way an image is a copy of another."""

    FILE = "same file"  # byte for byte
    PIXELS = "same pixels"  # after EXIF orientation
    NEAR = "near"  # another size, crop, compression or tint


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy of an image that is kept.

    Attributes:
        candidate: The copy.
        sameness: In which way it is a copy.
        similarity: Cosine similarity of the embeddings, -1 to 1.
        difference: Difference at the worst place, 0 to 255; see `image_comparison`.
    """

    candidate: Candidate
    sameness: Sameness
    similarity: float
    difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An image and its copies, either all exact or all near.

    Attributes:
        kept: The image to keep.
        copies: Its copies, at least one; all of them `NEAR`, or none.
    """

    kept: Candidate
    copies: tuple[Copy, ...]

    @property
    def is_exact(self) -> bool:
        """Whether all copies have the same pixels as the kept image."""
        return all(copy.sameness is not Sameness.NEAR for copy in self.copies)


def find_duplicates(
    candidates: Iterable[Candidate],
    embeddings: Mapping[str, NDArray[np.float32]],
    *,
    most_difference: float = MOST_DIFFERENCE,
    progress: Callable[[Sequence[Sequence[Candidate]]], Iterable[Sequence[Candidate]]] = iter,
) -> list[Group]:
    """Return the groups of duplicates: first the groups of exact copies, then those of near copies.

    An image may be the kept one of an exact and of a near group. Exact copies are not in near groups; only the kept
    image is.

    Args:
        candidates: The images. Images whose file cannot be used are compared by hash only.
        embeddings: Unit vectors, float32 [dim], by SHA-256 of the image file.
        most_difference: Largest difference of a near copy, 0 to 255; see `image_comparison`.
        progress: Wraps the images to show the progress.
    """
    by_hash: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in best_first(candidates):
        by_hash[candidate.image.sha256].append(candidate)
    search = _Search(by_hash, embeddings, most_difference)
    for kept, *same_file in progress(list(by_hash.values())):
        search.take(kept, same_file)
    return search.groups()


class _Search:
    """The state of a search for duplicates."""

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
            Copy(candidate=each, sameness=Sameness.FILE, similarity=1.0, difference=0.0) for each in same_file
        ]
        near = self._near[own_hash] = []
        for copy in self._found_near(kept):
            other_hash = copy.candidate.image.sha256
            if copy.sameness is Sameness.PIXELS:
                self._exact_copies.add(other_hash)
                exact.extend(replace(copy, candidate=each) for each in self._by_hash[other_hash])
            else:
                self._near_copies.add(other_hash)
                near.append(copy)

    def groups(self) -> list[Group]:
        """Return all groups; see `find_duplicates`."""
        near = {
            own_hash: [copy for copy in copies if copy.candidate.image.sha256 not in self._exact_copies]
            for own_hash, copies in self._near.items()
        }
        exact = {own_hash: self._exact_group(own_hash, copies) for own_hash, copies in self._exact.items()}
        originals = {own_hash: group.kept for own_hash, group in exact.items()}
        return [
            *(group for group in exact.values() if group.copies),
            *(Group(kept=originals[own_hash], copies=tuple(copies)) for own_hash, copies in near.items() if copies),
        ]

    def _exact_group(self, own_hash: str, copies: Sequence[Copy]) -> Group:
        """Return the images with the same pixels; the kept one may be another than the one they were compared with."""
        first = Copy(candidate=self._by_hash[own_hash][0], sameness=Sameness.FILE, similarity=1.0, difference=0.0)
        images = [first, *copies]
        kept = original_of(copy.candidate for copy in images)
        return Group(
            kept=kept,
            copies=tuple(
                replace(copy, sameness=_sameness_of_exact(copy.candidate, kept))
                for copy in images
                if copy.candidate is not kept
            ),
        )

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
            else Copy(candidate=other, sameness=found[0], similarity=similarity, difference=found[1])
        )


def _sameness_of_exact(copy: Candidate, kept: Candidate) -> Sameness:
    return Sameness.FILE if copy.image.sha256 == kept.image.sha256 else Sameness.PIXELS


class _Neighbours:
    """Nearest neighbours of each image by its embedding."""

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
        """Return the cosine similarities of an image's neighbours, by hash.

        Args:
            sha256: Hash of the image file.
            seen: Number of nearest images already seen, the image itself included. The result has up to
                `_NEIGHBOURS` more.
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
    """An opened image: a small version, the hash of its pixels, and whether the original is larger than that."""

    small: Image
    pixels: str
    has_more: bool


class _Looks:
    """Compares images; keeps the last opened ones in memory."""

    def __init__(self) -> None:
        self._look = lru_cache(maxsize=_LOOKS_KEPT)(_open_look)
        self._look_closer = lru_cache(maxsize=_CLOSER_LOOKS_KEPT)(_open_closer_look)

    def compare(
        self, one: CatalogueImage, other: CatalogueImage, most_difference: float
    ) -> tuple[Sameness, float] | None:
        """Return sameness and difference of two images; None if they are no copies or cannot be opened."""
        first, second = self._look(one), self._look(other)
        if first is None or second is None:
            return None
        if first.pixels == second.pixels:
            return Sameness.PIXELS, 0.0
        if most_difference <= 0:  # only exact copies: a smaller copy of a smooth image can have a difference of 0
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
        opened = open_reference_image(image)
    except PhotoError:  # the step that embeds the images reports it
        return None
    pixels = hashlib.sha256(f"{opened.size}".encode() + opened.tobytes()).hexdigest()
    has_more = max(opened.size) > LOOK_PX
    return _Look(small=look_of(opened), pixels=pixels, has_more=has_more)


def _open_closer_look(image: CatalogueImage) -> Image | None:
    try:
        return look_of(open_reference_image(image), side_px=CLOSER_LOOK_PX)
    except PhotoError:  # vanished since it was opened before
        return None
