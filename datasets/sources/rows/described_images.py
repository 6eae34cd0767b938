"""Rows that each describe one picture, gathered into the references that they speak of.

What a newcomer would get wrong: rows that name one id are several pictures of *one* reference, whose facts may stand
in any of the rows, so that all are read before the first picture comes out. A blank says nothing, and contradicts
nothing. Licences are of pictures: one is not said of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

LABELS = ("label", "category", "subcategory")

#: What a row may say of a reference; anything else that it says is an attribute.
REFERENCE_FIELDS = ("id", "name", "namespace", *LABELS, "lat", "lng", "url", "licence")

#: What it may say of the picture itself. Two pictures of one reference may differ in these; the reference's licence
#: then names all.
IMAGE_FIELDS = ("licence", "provenance")

BETWEEN_LICENCES = "; "

#: The attribute that holds the public address of a reference's first picture.
IMAGE_URL = "image_url"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedImage:
    """One row.

    Attributes:
        row: Its number in the file, from 1: a line, or a record.
        path: The picture, absolute.
        id: Of the reference that it shows.
        has_own_id: Whether the row gave the id; otherwise it was made from the path.
        stem: What the reference is called where nothing gives it a name or an id.
        facts: Text by field of `REFERENCE_FIELDS`, and by attribute; none is blank, and `lat` and `lng` are checked.
        origin: The public address that the picture came from, or None.
        problem: Why the picture cannot be used, in one line, if that is known already.
        source_path: As `SourceImage.source_path`.
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
    file: Path, pictures: Iterable[DescribedImage], *, rows_are: str = "lines", image_column: str = "path"
) -> Iterator[SourceImage]:
    """Yield the pictures in their order, each with all that any row knows of its reference.

    Args:
        file: Where the rows come from, for messages.
        pictures: The rows, with distinct paths.
        rows_are: What messages call the rows, in the plural.
        image_column: The column that names a picture, for messages.

    Raises:
        SetupError: Two rows contradict each other, or two pictures would get one id by chance. The message names both.
    """
    rows = tuple(pictures)
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
    # The rows of one reference so far: each field's text, and the row it was first read in.
    id: str
    first: DescribedImage
    facts: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    licences: list[str] = field(default_factory=list)

    def take(self, picture: DescribedImage, *, file: Path, rows_are: str) -> None:
        for column, text in picture.facts.items():
            if column == "id" or not text:
                continue
            if column in IMAGE_FIELDS:
                if column == "licence" and text not in self.licences:
                    self.licences.append(text)
                continue
            if column == IMAGE_URL and column in self.facts:
                continue  # it is the first picture's
            known = self.facts.setdefault(column, text)
            row = self.rows.setdefault(column, picture.row)
            if known != text:
                raise SetupError(
                    f"{file}: {rows_are} {row} and {picture.row} both describe {self.id!r} but differ in {column} "
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
        # Only an id that was written down says that two pictures show one thing: /a/front.jpg and
        # /b/front.jpg do not.
        if group.first is not row and not (row.has_own_id and group.first.has_own_id):
            raise SetupError(
                f"{file}: {rows_are} {group.first.row} and {row.row} would both get the id {row.id!r} from a "
                f"file name; write a CSV with the columns {image_column} and id to say whether they show one thing"
            )
        group.take(row, file=file, rows_are=rows_are)
    return groups.values()
