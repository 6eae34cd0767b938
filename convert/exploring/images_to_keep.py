"""Which of several images of the same to keep, and which references could then go.

What a newcomer would get wrong: an image that is a copy is no reason to remove its reference. That may have other
images, which show what no other does; it can go only if each of its images is a copy of one that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from edge_identify.datasets.catalogue.catalogue import CatalogueImage, ImageFacts
from edge_identify.datasets.catalogue.validity import Validity, validity_of
from edge_identify.edge_runtime.pack.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An image that may be kept.

    Attributes:
        facts: Of its file.
        reference: What it shows.
        is_withdrawn: Whether its reference stays out of packs.
        is_lost: Whether its file is gone, broken or another one since it was added.
    """

    facts: ImageFacts
    reference: Reference
    is_withdrawn: bool = False
    is_lost: bool = False

    @property
    def image(self) -> CatalogueImage:
        """The image."""
        return self.facts.image

    @property
    def validity(self) -> Validity:
        """From when to when its reference should be in use."""
        return validity_of(self.reference)


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return images in the order in which they are kept: see `why_kept`."""
    return sorted(candidates, key=_standing)


def why_kept(kept: Candidate, others: Sequence[Candidate]) -> str:
    """Return in words why an image is kept rather than others, which follow it in `best_first`: what decided."""
    second = min(others, key=_standing)
    if kept.is_lost != second.is_lost:
        return "its file is there"
    if kept.is_withdrawn != second.is_withdrawn:
        return "its reference is not withdrawn"
    if kept.validity.until != second.validity.until:
        until = kept.validity.until
        return "its reference does not expire" if until == date.max else f"its reference is valid longer, until {until}"
    if kept.validity.since != second.validity.since:
        return "its reference is valid earlier"
    if _pixels(kept) > _pixels(second):
        return f"the largest, {kept.facts.width_px} x {kept.facts.height_px} pixels"
    if kept.facts.length_bytes > second.facts.length_bytes:
        return f"as many pixels, and the least compressed, {kept.facts.length_bytes} bytes"
    if known_facts(kept.reference) > known_facts(second.reference):
        return f"as large, and the most is known of its reference, {known_facts(kept.reference)} facts"
    return "as large, as much is known of it, and it was added first"


def known_facts(reference: Reference) -> int:
    """Return how many things are known of a reference beside its id."""
    said = (
        reference.name != reference.id,
        reference.namespace,
        reference.latitude is not None,
        reference.url,
        reference.licence,
    )
    return sum(map(bool, said)) + len(reference.labels) + len(reference.attributes)


def is_replaced_by(copy: Candidate, kept: Candidate) -> bool:
    """Whether an image would be missed nowhere if its exact copy stayed: that is there whenever the image is."""
    if kept.is_lost or (kept.is_withdrawn and not copy.is_withdrawn):
        return False
    return kept.validity.since <= copy.validity.since and kept.validity.until >= copy.validity.until


def removable(pictures_of: Mapping[str, AbstractSet[int]], replaced: AbstractSet[int]) -> list[str]:
    """Return the ids of references that show nothing but copies of images that stay, sorted.

    Args:
        pictures_of: The index ids of all images of each reference.
        replaced: Those of images whose exact copy stays; see `is_replaced_by`.
    """
    return sorted(name for name, pictures in pictures_of.items() if pictures and pictures <= replaced)


def _pixels(candidate: Candidate) -> int:
    return candidate.facts.width_px * candidate.facts.height_px


def _standing(candidate: Candidate) -> tuple[bool, bool, int, int, int, int, int, int]:
    return (
        candidate.is_lost,
        candidate.is_withdrawn,
        -candidate.validity.until.toordinal(),
        candidate.validity.since.toordinal(),
        -_pixels(candidate),
        -candidate.facts.length_bytes,
        -known_facts(candidate.reference),
        candidate.image.index_id,
    )
