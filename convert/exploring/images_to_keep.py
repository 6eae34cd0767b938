"""Which image of a group of duplicates to keep, and which references become removable.

Trap: a reference is not removable because one of its images is a copy. It is removable only if each of its images is an
exact copy of an image that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage, ImageFacts
from edge_identify.datasets.catalogue.validity import Validity, validity_of
from edge_identify.edge_runtime.pack.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An image of a group of duplicates.

    Attributes:
        facts: Facts about the image file.
        reference: The reference that it belongs to.
        is_withdrawn: Whether the reference is withdrawn and stays out of packs.
        is_lost: Whether the file is missing, broken or changed since it was added.
    """

    facts: ImageFacts
    reference: Reference
    is_withdrawn: bool = False
    is_lost: bool = False

    @property
    def image(self) -> CatalogueImage:
        """The image's entry in the catalogue."""
        return self.facts.image

    @property
    def validity(self) -> Validity:
        """The period in which its reference is valid."""
        return validity_of(self.reference)


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the images sorted by precedence, the one to keep first.

    Order of precedence: file present, reference not withdrawn, valid until later, valid since earlier, more pixels,
    more bytes, more known facts, lower index id.
    """
    return sorted(candidates, key=_standing)


def why_kept(kept: Candidate, others: Sequence[Candidate]) -> str:
    """Return in words the criterion that put an image before the others.

    Args:
        kept: The first image of `best_first`.
        others: The other images of the group, at least one.
    """
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
    """Return the number of facts about a reference besides its id."""
    said = (
        reference.name != reference.id,
        reference.namespace,
        reference.latitude is not None,
        reference.url,
        reference.licence,
    )
    return sum(map(bool, said)) + len(reference.labels) + len(reference.attributes)


def is_replaced_by(copy: Candidate, kept: Candidate) -> bool:
    """Return whether an exact copy replaces an image: it is in use whenever the image would be.

    Args:
        copy: The image that may go.
        kept: The exact copy that stays.
    """
    if kept.is_lost or (kept.is_withdrawn and not copy.is_withdrawn):
        return False
    return kept.validity.since <= copy.validity.since and kept.validity.until >= copy.validity.until


def removable(image_ids_of: Mapping[str, AbstractSet[int]], replaced: AbstractSet[int]) -> list[str]:
    """Return the ids, sorted, of references all of whose images have an exact copy that stays.

    Args:
        image_ids_of: Index ids of all images of each reference.
        replaced: Index ids of images whose exact copy stays; see `is_replaced_by`.
    """
    return sorted(name for name, ids in image_ids_of.items() if ids and ids <= replaced)


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
