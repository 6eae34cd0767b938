"""Export the catalogue as a table, to edit it in a spreadsheet and add it again.

The table is an image list with a header, so `edge-build add image-list:FILE` reads it. Images keep their index ids,
since their files are the same.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.datasets.sources.rows.described_images import IMAGE_FIELDS, LABELS, REFERENCE_FIELDS
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference


def write_table(references: Iterable[Reference], images: Sequence[CatalogueImage], file: TextIO) -> int:
    """Write one row for each image, and return the number of rows.

    Args:
        references: The references to write.
        images: Images of the catalogue. Images of other references are ignored.
        file: Open for text, with `newline=""`.

    Raises:
        SetupError: An attribute has the name of a column with another meaning.
    """
    by_id = {reference.id: reference for reference in references}
    attributes = sorted({name for reference in by_id.values() for name in reference.attributes})
    columns = list(dict.fromkeys(("path", *REFERENCE_FIELDS, *IMAGE_FIELDS)))
    if taken := [name for name in attributes if name in columns]:
        raise SetupError(f"the attribute {taken[0]!r} cannot be written: the table uses this column name already")
    writer = csv.DictWriter(file, [*columns, *attributes], restval="", lineterminator="\n")
    writer.writeheader()
    have_own = {image.reference_id for image in images if image.licence}
    rows = [
        {
            "path": str(image.path),
            **row_of(by_id[image.reference_id]),
            "provenance": image.provenance or "",
            **({"licence": image.licence or ""} if image.reference_id in have_own else {}),
        }
        for image in images
        if image.reference_id in by_id
    ]
    writer.writerows(rows)
    return len(rows)


def row_of(reference: Reference) -> Mapping[str, str]:
    """Return the facts of a reference as text by column, without unknown ones."""
    known = {
        "id": reference.id,
        "name": reference.name,
        "namespace": reference.namespace,
        **{kind: reference.labels[kind] for kind in LABELS if kind in reference.labels},
        "lat": "" if reference.latitude is None else repr(reference.latitude),
        "lng": "" if reference.longitude is None else repr(reference.longitude),
        "url": reference.url or "",
        "licence": reference.licence or "",
        **reference.attributes,
    }
    return {name: text for name, text in known.items() if text}
