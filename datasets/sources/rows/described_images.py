"""Rows that each describe one image, gathered into references.

Rows with the same id are several images of one reference. Its facts may be in any of these rows, so all rows are read
before the first image is yielded. A blank value neither gives a fact nor contradicts one. Licences belong to images:
one image's licence is not applied to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

LABELS = ("label", "category", "subcategory")

#: Fields of a reference in a row. Other columns are attributes.
REFERENCE_FIELDS = ("id", "name", "namespace", *LABELS, "lat", "lng", "url", "licence")

#: Fields of the image itself. Two images of one reference may differ in them. The reference's licence then joins all
#: licences with `BETWEEN_LICENCES`.
IMAGE_FIELDS = ("licence", "provenance")

BETWEEN_LICENCES = "; "

#: The attribute with the public URL of a reference's first image.
IMAGE_URL = "image_url"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedImage:
    """One row: an image and its facts.

    Attributes:
        row: Number of the line or record in the file, from 1.
        path: Absolute path of the image.
        id: Id of the reference that it shows.
        has_own_id: Whether the id is in the row. Otherwise it comes from the path.
        stem: Name of the reference if there is neither a name nor an id.
        facts: Text by field of `REFERENCE_FIELDS` or by attribute. No value is blank; `lat` and `lng` are checked.
        origin: URL or object address of the image, or None.
        problem: Why the image cannot be used, in one line, if known already.
        source_path: See `SourceImage.source_path`.
    """

    row: int
    path: Path
    id: str
    has_own_id: bool
    stem: str
    facts: Mapping[str, str]
    origin: str | None = None
    problem: str | None = None
    source_path: str | None = None


def gather(
    file: Path, described: Iterable[DescribedImage], *, rows_are: str = "lines", image_column: str = "path"
) -> Iterator[SourceImage]:
    """Yield the images in order, each with the facts of all rows of its reference.

    Args:
        file: The file of the rows, for messages.
        described: The rows, with distinct paths.
        rows_are: Plural noun for the rows in messages: `lines` or `rows`.
        image_column: The image's column, for messages.

    Raises:
        SetupError: Two rows contradict each other, or have the same default id. The message names both.
    """
    rows = tuple(described)
    groups = {group.id: group for group in _group_by_id(file, rows, rows_are, image_column)}
    references = {identifier: group.as_reference() for identifier, group in groups.items()}
    for row in rows:
        yield SourceImage(
            path=row.path,
            reference=references[row.id],
            origin=row.origin,
            problem=row.problem,
            source_path=row.source_path,
            licence=row.facts.get("licence") or ("" if groups[row.id].licences else None),
            provenance=row.facts.get("provenance"),
        )


@dataclass(slots=True)
class _Group:
    # The rows of one reference so far: the text of each field, and the row that gave it first.
    id: str
    first: DescribedImage
    facts: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    licences: list[str] = field(default_factory=list)

    def take(self, described: DescribedImage, *, file: Path, rows_are: str) -> None:
        for column, text in described.facts.items():
            if column == "id" or not text:
                continue
            if column in IMAGE_FIELDS:
                if column == "licence" and text not in self.licences:
                    self.licences.append(text)
                continue
            if column == IMAGE_URL and column in self.facts:
                continue  # the first image's URL stays
            known = self.facts.setdefault(column, text)
            row = self.rows.setdefault(column, described.row)
            if known != text:
                raise SetupError(
                    f"{file}: {rows_are} {row} and {described.row} both describe {self.id!r} but differ in {column} "
                    f"({known!r} and {text!r}); make them agree, or give them different ids"
                )

    def as_reference(self) -> Reference:
        facts = self.facts
        own_name = self.id if self.first.has_own_id else self.first.stem
        return Reference(
            id=self.id,
            name=facts.get("name", own_name),
            namespace=facts.get("namespace", ""),
            labels={kind: facts[kind] for kind in LABELS if kind in facts},
            latitude=float(facts["lat"]) if "lat" in facts else None,
            longitude=float(facts["lng"]) if "lng" in facts else None,
            url=facts.get("url"),
            licence=BETWEEN_LICENCES.join(self.licences) or None,
            attributes={column: text for column, text in facts.items() if column not in REFERENCE_FIELDS},
        )


def _group_by_id(file: Path, rows: Iterable[DescribedImage], rows_are: str, image_column: str) -> Iterable[_Group]:
    groups: dict[str, _Group] = {}
    for row in rows:
        group = groups.setdefault(row.id, _Group(row.id, row))
        # Only an explicit id says that two images show one thing: /a/front.jpg and /b/front.jpg do not.
        if group.first is not row and not (row.has_own_id and group.first.has_own_id):
            raise SetupError(
                f"{file}: {rows_are} {group.first.row} and {row.row} both have the id {row.id!r} from a "
                f"file name; write a CSV with the columns {image_column} and id to say whether they show the same thing"
            )
        group.take(row, file=file, rows_are=rows_are)
    return groups.values()
