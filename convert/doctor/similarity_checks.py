"""Checks of similarity: references that an encoder cannot tell apart, and references nearest to one of another label.

The threshold of "near duplicate" is measured: the median cosine similarity of an image and a careful photo of it
(`simulate_photo` at difficulty 0.25, `MEASURED_PHOTOS` photos). If two references are that similar, half of such photos
of the one are no nearer to it than the other reference is.

Measured with the built-in encoder: .94 for street mosaics, .945 for groceries (80 photos of each), .93 for drawn
things, which replace the reference images where these are not available (packs). For comparison, the median similarity
to the nearest other reference is .64 (4,204 mosaics) and .74 (81 groceries).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.calibrating.calibration_photos import long_side_px_of
from edge_identify.convert.doctor.findings import Case, DoctorFinding, Severity, finding_of
from edge_identify.convert.export.fidelity import sample_positions
from edge_identify.datasets.drawn.instances import draw_families
from edge_identify.datasets.drawn.simulated_photo import simulate_photo
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.pack.references import Reference
    from edge_identify.edge_runtime.search.vector_search import VectorSearch

Embed = Callable[["NDArray[np.uint8]"], "NDArray[np.float32]"]

MOST_COMPARED = 50_000  # images that are looked up; more would take hours in a pack of a million
MEASURED_PHOTOS = 48  # their median varies by less than .01 between draws
_DIFFICULTY = 0.25
_SEED = 20_261_121  # arbitrary; fixed, so that an examination can be repeated
_FURTHER_NEIGHBOURS = 8  # beyond a reference's own images; enough to report a cluster of similar references
_LEAST_GROUPED = 20
_MOST_OTHERS = 1 / 3  # share of references that are nearest to one of another group
_CHUNK = 1024  # images that are looked up at once


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedImage:
    """An image in an index.

    Attributes:
        index_id: Id of its vector in the index.
        reference_id: The reference that it belongs to.
        sha256: SHA-256 of its file, hexadecimal.
    """

    index_id: int
    reference_id: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A pair of a reference and another reference near it.

    Attributes:
        reference_id: The reference.
        other_id: The other reference.
        similarity: Cosine similarity of their nearest images among those compared.
    """

    reference_id: str
    other_id: str
    similarity: float


def same_image_finding(images: Sequence[IndexedImage]) -> DoctorFinding | None:
    """Return the references that share an image, byte for byte, as one finding; None if there are none."""
    sharing: dict[str, set[str]] = defaultdict(set)
    for image in images:
        sharing[image.sha256].add(image.reference_id)
    return finding_of(
        "same-picture",
        Severity.SERIOUS,
        "images that belong to several references; no photo can tell these apart",
        "keep the image with the reference that it shows, or merge the references",
        (Case(ids=tuple(sorted(ids))) for ids in sharing.values() if len(ids) > 1),
    )


def measure_sameness(embed: Embed, images: Sequence[Image], recipe: Preprocessing) -> float:
    """Return the median cosine similarity of an image and a careful photo of it, over `MEASURED_PHOTOS` photos.

    Args:
        embed: Turns pixels, uint8 [n, size, size, 3], into unit vectors, float32 [n, dim].
        images: Upright RGB images, at least one. Of many, `MEASURED_PHOTOS` are used; of few, each gets several photos.
        recipe: The encoder's preprocessing.
    """
    chosen = [images[at] for at in sample_positions(len(images), MEASURED_PHOTOS)]
    photos = [_photograph(chosen[copy % len(chosen)], recipe, copy) for copy in range(MEASURED_PHOTOS)]
    shown = embed(np.stack([preprocess(image, recipe) for image in chosen]))
    seen = embed(np.stack(photos))
    return float(np.median([photo @ shown[copy % len(chosen)] for copy, photo in enumerate(seen)]))


def drawn_images() -> list[Image]:
    """Return RGB images of drawn things, for `measure_sameness` where reference images are not available."""
    import PIL.Image

    families = islice(draw_families(np.random.default_rng(_SEED), ()), MEASURED_PHOTOS)
    return [_over_white(PIL.Image.fromarray(family[0].pixels)) for family in families]


def find_neighbours(
    images: Sequence[IndexedImage], embeddings: Callable[[slice], NDArray[np.float32]], search: VectorSearch
) -> Iterator[list[Neighbour]]:
    """Yield for each image the other references near it, nearest first; for at most `MOST_COMPARED` images.

    Args:
        images: All images of the index, in the order of its rows.
        embeddings: Returns the unit vectors of a slice of rows, float32 [n, dim].
        search: Search over the same index.
    """
    reference_ids = {image.index_id: image.reference_id for image in images}
    most_images = max(Counter(reference_ids.values()).values())
    step = _step(len(images))
    for at in range(0, len(images), _CHUNK * step):
        rows = slice(at, min(at + _CHUNK * step, len(images)), step)
        found = search.nearest(embeddings(rows), most_images + _FURTHER_NEIGHBOURS)
        for image, ids, scores in zip(images[rows], found.ids.tolist(), found.scores.tolist(), strict=True):
            others = [(reference_ids[index_id], score) for index_id, score in zip(ids, scores, strict=True)]
            yield list(_distinct(image.reference_id, others))


def compared_count(image_count: int) -> int:
    """Return for how many images `find_neighbours` yields neighbours."""
    return -(-image_count // _step(image_count))


def _step(image_count: int) -> int:
    return -(-image_count // MOST_COMPARED)


def near_duplicate_finding(
    neighbours: Sequence[Sequence[Neighbour]], similarity: float, known: DoctorFinding | None
) -> DoctorFinding | None:
    """Return the pairs of references that are near duplicates, as one finding; None if there are none.

    Args:
        neighbours: The neighbours of each image, as `find_neighbours` yields them.
        similarity: The threshold, as `measure_sameness` returns it.
        known: The result of `same_image_finding`; its pairs are not reported again.
    """
    told = {ids for case in (known.cases if known else ()) for ids in _pairs_of(case.ids)}
    pairs: dict[tuple[str, str], float] = {}
    for neighbour in (each for near in neighbours for each in near if each.similarity >= similarity):
        first, second = sorted((neighbour.reference_id, neighbour.other_id))
        if (first, second) not in told:
            pairs[first, second] = max(neighbour.similarity, pairs.get((first, second), -1.0))
    return finding_of(
        "near-duplicate",
        Severity.WARNING,
        "pairs of references that are as similar as an image and a careful photo of it "
        f"(similarity {similarity:.2f}): photos of one will be identified as the other",
        "merge them, remove one, or add images that show the difference to each",
        (
            Case(ids=pair, detail=f"similarity {alike:.3f}")
            for pair, alike in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
    )


def other_label_findings(
    neighbours: Sequence[Sequence[Neighbour]], references: Mapping[str, Reference]
) -> list[DoctorFinding | None]:
    """Return the references that are nearest to one of another label, and those nearest to another namespace.

    Labels and namespaces with a single reference are skipped: for those, every neighbour has another one. If more than
    a third of many references are nearest to another group, the groups say little about looks, and one note says so.

    Args:
        neighbours: The neighbours of each image, as `find_neighbours` yields them.
        references: All references, by id.
    """
    nearest: dict[str, Neighbour] = {}
    for each in (near[0] for near in neighbours if near):
        known = nearest.get(each.reference_id)
        if known is None or each.similarity > known.similarity:
            nearest[each.reference_id] = each
    return [
        _other_group(nearest, {name: each.labels.get("label", "") for name, each in references.items()}, "label"),
        _other_group(nearest, {name: each.namespace for name, each in references.items()}, "namespace"),
    ]


def _other_group(nearest: Mapping[str, Neighbour], groups: Mapping[str, str], word: str) -> DoctorFinding | None:
    sizes = Counter(groups.values())
    grouped = [each for each in nearest.values() if groups[each.reference_id] and sizes[groups[each.reference_id]] > 1]
    others = [each for each in grouped if groups[each.other_id] not in ("", groups[each.reference_id])]
    if len(grouped) >= _LEAST_GROUPED and len(others) > _MOST_OTHERS * len(grouped):
        return finding_of(  # each case would be chance
            f"{word}-not-of-looks",
            Severity.NOTE,
            f"the {word} says little about looks: most references have a neighbour of another {word}, and they are "
            "not listed",
            f"nothing, if the {word} is something like a city; otherwise check it",
            [Case(detail=f"{len(others)} of {len(grouped)} references are most similar to one of another {word}")],
        )
    return finding_of(
        f"other-{word}",
        Severity.WARNING,
        f"references that are most similar to one of another {word}",
        f"check the {word}; if it is right, photos of these references are the most likely to be mistaken",
        (
            Case(
                ids=(each.reference_id, each.other_id),
                detail=f"{groups[each.reference_id]} / {groups[each.other_id]}, similarity {each.similarity:.3f}",
            )
            for each in sorted(others, key=lambda each: (-each.similarity, each.reference_id))
        ),
    )


def _distinct(reference_id: str, others: Sequence[tuple[str, float]]) -> Iterator[Neighbour]:
    seen = {reference_id}
    for other, score in others:
        if other not in seen:
            seen.add(other)
            yield Neighbour(reference_id=reference_id, other_id=other, similarity=score)


def _pairs_of(ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    ordered = sorted(ids)
    for at, first in enumerate(ordered):
        yield from ((first, second) for second in ordered[at + 1 :])


def _photograph(image: Image, recipe: Preprocessing, copy: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng([_SEED, copy])
    return preprocess(simulate_photo(image, rng, difficulty=_DIFFICULTY, long_side_px=long_side_px_of(recipe)), recipe)


def _over_white(image: Image) -> Image:
    import PIL.Image

    cut = image.convert("RGBA")
    return PIL.Image.alpha_composite(PIL.Image.new("RGBA", cut.size, (255, 255, 255, 255)), cut).convert("RGB")
