"""Groups of pictures that are the same: the same file, the same pixels, or one made from the other.

Which pictures might be the same, an encoder says; whether they are, their pixels (see `comparing`). What a newcomer
would get wrong: sameness is not passed on. A is nearly B and B nearly C, and after some steps a group holds things that
have nothing in common. So each picture of a group was compared with the one that is kept, and is the same as that.

Measured by `benchmarks/duplicates.py`; its figures stand beside the constants.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.exploring.comparing import look_of, worst_difference
from edge_identify.convert.exploring.keeping import Candidate, best_first
from edge_identify.convert.packing.pictures import open_reference_picture
from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue import CatalogueImage

#: Compressed, resized and tinted copies have .81 and more, half of those that lost up to an eighth at each side .86;
#: of 200 that lost that and were resized, tinted and compressed as well, one had less than this. A lower limit would
#: have more pictures compared, at 1 to 30 ms each.
LEAST_SIMILARITY = 0.65
#: Of 1,600 copies .98 differ by no more, and of 900 look-alikes that differ in a tile or a colour .07, some of which
#: nobody would see; at 16 that is .82 and .02, at 44 1.00 and .13.
MOST_DIFFERENCE = 28.0
_NEIGHBOURS = 12  # of each picture that are compared at most; its copies are among its nearest
_LOOKS_KEPT = 512  # of up to 200 kB
_CHUNK = 1024  # pictures that are looked up at once


class Sameness(StrEnum):
    """How a picture is the same as another."""

    FILE = "same file"  # byte for byte
    PIXELS = "same pixels"  # upright
    NEAR = "near"  # another size, part, compression or tint


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A picture that is the same as one that is kept.

    Attributes:
        picture: The copy.
        sameness: How it is the same.
        similarity: Of their embeddings, -1 to 1.
        difference: At their worst place, 0 to 255; see `comparing`.
    """

    picture: Candidate
    sameness: Sameness
    similarity: float
    difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pictures that are the same as one of them.

    Attributes:
        kept: The one.
        copies: The others, at least one.
    """

    kept: Candidate
    copies: tuple[Copy, ...]


def find_duplicates(
    candidates: Iterable[Candidate],
    embeddings: Mapping[str, NDArray[np.float32]],
    *,
    most_difference: float = MOST_DIFFERENCE,
    progress: Callable[[Sequence[Sequence[Candidate]]], Iterable[Sequence[Candidate]]] = iter,
) -> list[Group]:
    """Return the groups of pictures that are the same, the one to keep first.

    Args:
        candidates: The pictures; those whose file cannot be used are the same as others by their hash alone.
        embeddings: Unit vectors, float32 [dim], by the hashes of the pictures.
        most_difference: From here on pictures are different; see `comparing`.
        progress: Wraps what is compared to show how far the run is.
    """
    by_hash: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in best_first(candidates):
        by_hash[candidate.image.sha256].append(candidate)
    near = _neighbours([sha256 for sha256 in by_hash if sha256 in embeddings], embeddings)
    looks = _Looks()
    taken: set[str] = set()
    groups = []
    for kept, *same_file in progress(list(by_hash.values())):
        if kept.image.sha256 in taken:
            continue
        copies = [_copy(each, Sameness.FILE, 1.0, 0.0) for each in same_file]
        for sha256, similarity in near.get(kept.image.sha256, {}).items():
            if sha256 in taken:
                continue
            files = by_hash[sha256]
            found = looks.compare(kept.image, files[0].image, most_difference)
            if found is not None:
                taken.add(sha256)
                copies.extend(_copy(each, found[0], similarity, found[1]) for each in files)
        taken.add(kept.image.sha256)
        if copies:
            groups.append(Group(kept=kept, copies=tuple(copies)))
    return groups


def _copy(picture: Candidate, sameness: Sameness, similarity: float, difference: float) -> Copy:
    return Copy(picture=picture, sameness=sameness, similarity=similarity, difference=difference)


def _neighbours(
    hashes: Sequence[str], embeddings: Mapping[str, NDArray[np.float32]]
) -> Mapping[str, Mapping[str, float]]:
    """Return the pictures that may be the same as each, with their similarity, nearest first."""
    import faiss

    near: dict[str, dict[str, float]] = defaultdict(dict)
    if len(hashes) < 2:
        return near
    vectors = np.stack([embeddings[sha256] for sha256 in hashes])
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    for at in range(0, len(hashes), _CHUNK):
        scores, rows = index.search(vectors[at : at + _CHUNK], min(_NEIGHBOURS + 1, len(hashes)))
        for sha256, found, alike in zip(hashes[at : at + _CHUNK], rows.tolist(), scores.tolist(), strict=True):
            for row, score in zip(found, alike, strict=True):
                if score >= LEAST_SIMILARITY and hashes[row] != sha256:
                    near[sha256][hashes[row]] = near[hashes[row]][sha256] = min(score, 1.0)
    return near


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is kept of a picture: a small one, and what tells its pixels from any others."""

    small: Image
    pixels: str


class _Looks:
    """Compares pictures, and remembers those that it opened last."""

    def __init__(self) -> None:
        self._look = lru_cache(maxsize=_LOOKS_KEPT)(_open_look)

    def compare(
        self, one: CatalogueImage, other: CatalogueImage, most_difference: float
    ) -> tuple[Sameness, float] | None:
        """Return how two pictures are the same, and by how much they differ; None if they are not, or cannot be had."""
        first, second = self._look(one), self._look(other)
        if first is None or second is None:
            return None
        if first.pixels == second.pixels:
            return Sameness.PIXELS, 0.0
        if most_difference <= 0:  # exact copies alone: a smaller copy of a smooth picture differs by nothing
            return None
        difference = worst_difference(first.small, second.small, enough=most_difference)
        return (Sameness.NEAR, difference) if difference <= most_difference else None


def _open_look(image: CatalogueImage) -> _Look | None:
    try:
        picture = open_reference_picture(image)
    except PhotoError:  # embedded before, and gone since: the run over the embeddings has said so
        return None
    pixels = hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
    return _Look(small=look_of(picture), pixels=pixels)
