"""Rows that each describe one image, gathered into references.

Rows with the same id are several images of one reference. Its facts may be in any of these rows, so all rows are read
before the first image is yielded. A blank value neither gives a fact nor contradicts one. Licences belong to images:
one image's licence is not applied to another.

A row that cannot be used, repeats another or contradicts one is refused: it becomes an image with a problem, which is
skipped and listed as a broken image is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_identify.datasets.sources.rows.row_facts import RowError
from edge_identify.datasets.sources.rows.table_rows import TableRow
from edge_identify.datasets.sources.source import SourceImage, unusable_image
from edge_identify.edge_runtime.io.counted import plural
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

_MOST_NAMED = 3  # rows in one message


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that cannot be used.

    Attributes:
        row: Number of the line or record in the file, from 1.
        problem: Why, in one line that names file and row.
    """

    row: int
    problem: str


def described_rows(
    file: Path, rows: Iterable[TableRow], describe: Callable[[TableRow], DescribedImage], *, rows_are: str
) -> list[DescribedImage | RefusedRow]:
    """Return what each row describes.

    Args:
        file: The file of the rows, for messages.
        rows: The rows.
        describe: Describes one row, or raises `RowError`.
        rows_are: Plural noun for the rows in messages: `lines` or `rows`.
    """
    described: list[DescribedImage | RefusedRow] = []
    for row in rows:
        try:
            if row.problem is not None:
                raise RowError(row.problem)
            described.append(describe(row))
        except RowError as error:
            described.append(_refused(file, row.number, str(error), rows_are))
    return described


def without_repeats(
    file: Path,
    described: Iterable[DescribedImage | RefusedRow],
    *,
    rows_are: str,
    key: Callable[[DescribedImage], object],
    what: str,
) -> list[DescribedImage | RefusedRow]:
    """Return the rows; one that names the same image as an earlier one is refused.

    Args:
        file: The file of the rows, for messages.
        described: The rows.
        rows_are: Plural noun for the rows.
        key: Returns the image of a row, a path or a URL.
        what: What `key` returns, for messages.
    """
    first: dict[object, DescribedImage] = {}
    told: list[DescribedImage | RefusedRow] = []
    for row in described:
        if isinstance(row, RefusedRow):
            told.append(row)
            continue
        other = first.setdefault(key(row), row)
        if other is row:
            told.append(row)
        else:
            unit = rows_are.removesuffix("s")
            ids = "" if other.id == row.id else f", but other ids ({other.id!r} and {row.id!r})"
            problem = f"has the same {what} as {unit} {other.row}, {key(row)}{ids}; delete one"
            told.append(_refused(file, row.row, problem, rows_are))
    return told


def without_contradictions(
    file: Path, described: Sequence[DescribedImage | RefusedRow], *, rows_are: str, image_column: str
) -> list[DescribedImage | RefusedRow]:
    """Return the rows; those that `gather` refuses are refused already. See `gather` for the arguments."""
    return _Groups(file=file, rows_are=rows_are, image_column=image_column).take_all(described)


def _refused(file: Path, row: int, problem: str, rows_are: str) -> RefusedRow:
    return RefusedRow(row=row, problem=f"{file}: {rows_are.removesuffix('s')} {row} {problem}")


def gather(
    file: Path,
    described: Iterable[DescribedImage | RefusedRow],
    *,
    rows_are: str = "lines",
    image_column: str = "path",
) -> Iterator[SourceImage]:
    """Yield the images in order, each with the facts of all rows of its reference.

    A row that contradicts an earlier one of its reference is refused. Rows that have the same default id are all
    refused: a file name does not say that two images show one thing.

    Args:
        file: The file of the rows, for messages.
        described: The rows, with distinct paths.
        rows_are: Plural noun for the rows in messages: `lines` or `rows`.
        image_column: The image's column, for messages.
    """
    groups = _Groups(file=file, rows_are=rows_are, image_column=image_column)
    told = groups.take_all(list(described))
    references = {identifier: group.as_reference() for identifier, group in groups.by_id.items()}
    for row in told:
        if isinstance(row, RefusedRow):
            yield unusable_image(file, row.problem)
            continue
        yield SourceImage(
            path=row.path,
            reference=references[row.id],
            origin=row.origin,
            problem=row.problem,
            source_path=row.source_path,
            licence=row.facts.get("licence") or ("" if groups.by_id[row.id].licences else None),
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

    def contradiction(self, described: DescribedImage) -> str | None:
        """Return the first field in which a row contradicts an earlier one; None if there is none."""
        facts = self._shared(described)
        return next((column for column, text in facts.items() if self.facts.get(column, text) != text), None)

    def take(self, described: DescribedImage) -> None:
        licence = described.facts.get("licence")
        if licence and licence not in self.licences:
            self.licences.append(licence)
        for column, text in self._shared(described).items():
            self.facts.setdefault(column, text)
            self.rows.setdefault(column, described.row)

    def _shared(self, described: DescribedImage) -> dict[str, str]:
        return {
            column: text
            for column, text in described.facts.items()
            # The first image's URL stays.
            if text and column not in ("id", *IMAGE_FIELDS) and not (column == IMAGE_URL and column in self.facts)
        }

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


@dataclass(slots=True, kw_only=True)
class _Groups:
    # The references of a file's rows so far.
    file: Path
    rows_are: str
    image_column: str
    by_id: dict[str, _Group] = field(default_factory=dict)

    def take_all(self, rows: Sequence[DescribedImage | RefusedRow]) -> list[DescribedImage | RefusedRow]:
        """Take all rows into their references; return them, in order, or why they are refused."""
        settled = self._without_shared_defaults(rows)
        return [row if isinstance(row, RefusedRow) else self._take(row) for row in settled]

    def _without_shared_defaults(
        self, rows: Sequence[DescribedImage | RefusedRow]
    ) -> Iterator[DescribedImage | RefusedRow]:
        same: dict[str, list[DescribedImage]] = {}
        for row in rows:
            if isinstance(row, DescribedImage):
                same.setdefault(row.id, []).append(row)
        for row in rows:
            if isinstance(row, RefusedRow) or row.has_own_id or len(same[row.id]) == 1:
                yield row
                continue
            # A few others: all of them in the message of each would be quadratic.
            others = [str(other.row) for other in same[row.id][: _MOST_NAMED + 1] if other is not row][:_MOST_NAMED]
            more = len(same[row.id]) - 1 - len(others)
            unit = plural(len(others) + more, self.rows_are.removesuffix("s"))
            named = ", ".join(others) + (f" and {more} more" if more else "")
            problem = (
                f"has the id {row.id!r} from a file name, as {unit} {named}; write a CSV with the columns "
                f"{self.image_column} and id to say whether they show the same thing"
            )
            yield _refused(self.file, row.row, problem, self.rows_are)

    def _take(self, row: DescribedImage) -> DescribedImage | RefusedRow:
        group = self.by_id.setdefault(row.id, _Group(row.id, row))
        column = group.contradiction(row)
        if column is None:
            group.take(row)
            return row
        problem = (
            f"differs from {self.rows_are.removesuffix('s')} {group.rows[column]} in {column}, and both describe "
            f"{row.id!r} ({group.facts[column]!r} and {row.facts[column]!r}); make them agree, or give them "
            "different ids"
        )
        return _refused(self.file, row.row, problem, self.rows_are)
