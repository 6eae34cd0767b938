"""Which image of a group of duplicates to keep, and which references become removable.

Trap: a reference is not removable because one of its images is a copy. It is removable only if each of its images is an
exact copy of an image that stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage, ImageFacts
from edge_identify.datasets.catalogue.validity import Validity, validity_of
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.pack.references import Reference

#: Pillow's names of formats that photos are taken in, and that lose something each time they are written.
_LOSSY = frozenset({"JPEG", "MPO", "HEIF", "AVIF"})

#: How Windows, macOS, browsers and people name copies, in some languages.
_WORDS = "copy|copies|kopie|kopien|copie|copia|cópia|kopia|kopio|kópia|копия|副本|コピー"
_COPY = re.compile(
    rf"\(\d+\)$|\w \d$|^(?:{_WORDS}) (?:of|von|de|di|van)\b|(?:^|[ _.-])(?:{_WORDS})(?: ?\(?\d+\)?)?$"
    "|(?:^|[ _.-])(?:edited|bearbeitet|backups?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An image of a group of duplicates.

    Attributes:
        facts: Facts about the image file.
        reference: The reference that it belongs to.
        is_withdrawn: Whether the reference is withdrawn and stays out of packs.
        is_lost: Whether the file is missing, broken or changed since it was added.
        is_from_camera: Whether its EXIF names a camera or when it was taken.
    """

    facts: ImageFacts
    reference: Reference
    is_withdrawn: bool = False
    is_lost: bool = False
    is_from_camera: bool = False

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
    with facts of a camera, not named as a copy, more bytes, more known facts, lower index id.
    """
    return sorted(candidates, key=_standing)


def original_of(same_pixels: Iterable[Candidate]) -> Candidate:
    """Return which of several images with the same pixels to keep.

    The precedence is that of `best_first`, but a JPEG goes before a PNG: the PNG was made from it. A JPEG made from a
    PNG would have other pixels. The lengths of files without loss are not compared: a bitmap is larger than a PNG.
    """
    return min(same_pixels, key=_standing_of_same_pixels)


def why_kept(kept: Candidate, others: Sequence[Candidate], *, is_exact: bool = False) -> str:
    """Return in words the criterion that put an image before the others.

    Args:
        kept: The first image of `best_first`, or of exact copies the `original_of`.
        others: The other images of the group, at least one.
        is_exact: Whether all images have the same pixels.
    """
    standing = _standing_of_same_pixels if is_exact else _standing
    second = min(others, key=standing)
    if standing(second) < standing(kept):  # `find_duplicates` put it in the place of an exact copy
        return "the original of its exact copies, one of which is the best of these"
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
    if is_exact and _is_lossy(kept) != _is_lossy(second):
        return f"the {second.image.type} has the same pixels, so it was made from this {kept.image.type}"
    if kept.is_from_camera != second.is_from_camera:
        return "it has the facts of the camera that took it"
    if is_named_as_copy(kept.image) != is_named_as_copy(second.image):
        return "the others are named as copies"
    if kept.facts.length_bytes > second.facts.length_bytes and (_is_lossy(kept) or not is_exact):
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


def is_named_as_copy(image: CatalogueImage) -> bool:
    """Return whether a file or its folder is named as a copy: `cat (1).jpg`, `cat - Copy.jpg`, `backup/`."""
    path = PurePosixPath(composed(image.source_path or image.file_name))
    return any(_COPY.search(name) for name in (*path.parent.parts, path.stem))


def _pixels(candidate: Candidate) -> int:
    return candidate.facts.width_px * candidate.facts.height_px


def _standing(candidate: Candidate) -> tuple[int, ...]:
    return (*_use(candidate), -_pixels(candidate), *_likeness(candidate, candidate.facts.length_bytes))


def _standing_of_same_pixels(candidate: Candidate) -> tuple[int, ...]:
    is_lossy = _is_lossy(candidate)
    return (*_use(candidate), not is_lossy, *_likeness(candidate, candidate.facts.length_bytes if is_lossy else 0))


def _is_lossy(candidate: Candidate) -> bool:
    return candidate.image.type in _LOSSY


def _use(candidate: Candidate) -> tuple[int, ...]:
    return (
        candidate.is_lost,
        candidate.is_withdrawn,
        -candidate.validity.until.toordinal(),
        candidate.validity.since.toordinal(),
    )


def _likeness(candidate: Candidate, length_bytes: int) -> tuple[int, ...]:
    return (
        not candidate.is_from_camera,  # before the name: `IMG 2` may be one, and its EXIF is no guess
        is_named_as_copy(candidate.image),
        -length_bytes,
        -known_facts(candidate.reference),
        candidate.image.index_id,
    )
