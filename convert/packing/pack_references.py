"""The references of a pack: writes their table, and computes the hash of its data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.datasets.sources.rows.described_images import BETWEEN_LICENCES
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage, ReferenceImageFacts
from edge_identify.edge_runtime.pack.references_writing import write_references

if TYPE_CHECKING:
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

_FACTS = tuple(field.name for field in fields(Reference) if field.name not in ("labels", "attributes"))


def write_pack_references(
    path: Path, references: Sequence[Reference], images: Sequence[CatalogueImage], *, file_names: bool
) -> int:
    """Write the table of references and images of a pack.

    Args:
        path: The file to write.
        references: The catalogue's references; those without images are left out.
        images: The images that are in the pack.
        file_names: Whether each image's type and its path within the source are recorded.

    Returns:
        Number of references in the table.
    """
    kept = with_licences_of_images(references, images)
    rows = [
        ReferenceImage(
            index_id=image.index_id,
            reference_id=image.reference_id,
            sha256=image.sha256,
            facts=_facts_of(image, file_names=file_names),
        )
        for image in images
    ]
    write_references(path, kept, rows)
    return len(kept)


def with_licences_of_images(references: Sequence[Reference], images: Sequence[CatalogueImage]) -> list[Reference]:
    """Return the references that have images; the licence of each names the licences of all its images."""
    licences: dict[str, dict[str, None]] = {image.reference_id: {} for image in images}
    for image in images:
        licences[image.reference_id] |= {image.licence: None} if image.licence else {}
    return [
        replace(reference, licence=BETWEEN_LICENCES.join(licences[reference.id]))
        if licences[reference.id]
        else reference
        for reference in references
        if reference.id in licences
    ]


def hash_of_data(references: Sequence[Reference], images: Sequence[CatalogueImage]) -> str:
    """Return a SHA-256, hexadecimal, of a pack's references and of the content and facts of its images."""
    digest = hashlib.sha256()
    for reference in sorted(with_licences_of_images(references, images), key=lambda each: each.id):
        # Not `asdict` and `canonical_json`: both are written in Python, and took half of a build with nothing new.
        facts = [getattr(reference, name) for name in _FACTS]
        digest.update(json.dumps([*facts, dict(reference.labels), dict(reference.attributes)], sort_keys=True).encode())
    for image in sorted(images, key=lambda each: each.index_id):
        shown = [image.index_id, image.reference_id, image.sha256, image.licence, image.provenance]
        digest.update(json.dumps({"image": shown}).encode())
    return digest.hexdigest()


def _facts_of(image: CatalogueImage, *, file_names: bool) -> ReferenceImageFacts:
    # Never `image.path`: local folders are private.
    return ReferenceImageFacts(
        path=image.public_path if file_names else None,
        type=image.type if file_names else None,
        licence=image.licence,
        provenance=image.provenance,
    )
