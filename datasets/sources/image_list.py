"""`image-list:FILE`: images in a text file, with optional facts.

Two dialects. If the first row that is not a comment has a column named `path`, the file is a table with a header.
Otherwise each line is `path[,label[,category[,subcategory]]]`. A field that ends as an image file does is no column.

A missing image file is not an error of the list; the image is skipped later, with its path and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePath

from edge_identify.datasets.sources.rows.column_mapping import PATH_KNOWN_AS, plain_name
from edge_identify.datasets.sources.rows.delimited_text import (
    Record,
    checked_header,
    read_records,
    values_of,
    width_problem,
)
from edge_identify.datasets.sources.rows.described_images import (
    IMAGE_FIELDS,
    REFERENCE_FIELDS,
    DescribedImage,
    described_rows,
    gather,
    without_repeats,
)
from edge_identify.datasets.sources.rows.row_facts import checked_facts, given
from edge_identify.datasets.sources.rows.table_rows import TableRow
from edge_identify.datasets.sources.rows.text_files import read_text_file
from edge_identify.datasets.sources.rows.written_paths import WrittenPaths
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.images import SUFFIXES

PLAIN_COLUMNS = ("path", "label", "category", "subcategory")
_COLUMNS = ("path", *REFERENCE_FIELDS, *IMAGE_FIELDS)


@dataclass(frozen=True, slots=True)
class ImageList:
    """A list of images.

    Paths are absolute or relative to the list's folder. If `id` is absent or blank, the id is the relative path without
    its suffix (for an absolute path, the file's stem).

    Attributes:
        file: The list, UTF-8 or UTF-16, with commas, semicolons or tabs.
    """

    file: Path

    def images(self) -> Iterator[SourceImage]:
        """Yield the images in the order of the list, each with all facts about its reference.

        A row that cannot be used, repeats an image or contradicts an earlier row is an image with a problem.

        Raises:
            SetupError: The list is missing, empty or no text, or its header is malformed.
        """
        rows = _read_rows(self.file)
        if not rows:
            raise SetupError(f"{self.file}: contains no image; write one path on each line")
        paths = WrittenPaths(self.file.parent)

        def describe(row: TableRow) -> DescribedImage:
            facts = {column: text for column, text in row.values.items() if column != "path"}
            return describe_file(row.number, row.values.get("path", ""), facts, paths)

        described = described_rows(self.file, rows, describe, rows_are="lines")
        distinct = without_repeats(self.file, described, rows_are="lines", key=lambda row: row.path, what="path")
        yield from gather(self.file, distinct)


def describe_file(row: int, path: str, values: Mapping[str, str], paths: WrittenPaths) -> DescribedImage:
    """Return what a row says about an image file.

    Args:
        row: Number of the row.
        path: The path in the row.
        values: Its other values by field and attribute.
        paths: Finds the file.

    Raises:
        RowError: The row has no usable path, or a value that cannot be read.
    """
    found = paths.find(path if given(path) else "")
    facts = checked_facts(values)
    own_id = facts.pop("id", "")
    return DescribedImage(
        row=row,
        path=found.path,
        id=own_id or found.default_id,
        has_own_id=bool(own_id),
        stem=found.written.stem,
        source_path=found.source_path,
        facts=facts,
        problem=found.problem,
    )


def _read_rows(file: Path) -> list[TableRow]:
    records = read_records(file, read_text_file(file), _fitness, has_comments=True)
    first = next(records, None)
    if first is None:
        return []
    if _is_header(first.fields):
        columns = checked_header(file, _with_known_columns(first))
    else:
        _refuse_header_without_path(file, first)
        columns, records = PLAIN_COLUMNS, chain([first], records)
    return [
        TableRow(number=record.line, values=values_of(record, columns), problem=width_problem(record, columns))
        for record in records
    ]


def _fitness(records: Sequence[Sequence[str]]) -> float:
    """Count the known columns of a header; of a list without a header, the share of rows that begin with an image."""
    if _is_header(records[0]):
        return sum(name.lower() in _COLUMNS for name in records[0])
    return sum(_names_image(fields[0]) for fields in records) / len(records)


def _is_header(fields: Sequence[str]) -> bool:
    return any(name.lower() == "path" for name in fields) and not any(map(_names_image, fields))


def _names_image(text: str) -> bool:
    return PurePath(text).suffix.lower() in SUFFIXES


def _with_known_columns(header: Record) -> Record:
    """Return a header with the known columns in small letters; `ID` beside `id` remains an attribute."""
    names = header.fields
    return replace(
        header, fields=[low if (low := name.lower()) in _COLUMNS and low not in names else name for name in names]
    )


def _refuse_header_without_path(file: Path, first: Record) -> None:
    names = [plain_name(name) for name in first.fields]
    if len(names) > 1 and names[0] not in PLAIN_COLUMNS and "id" in names and not any(map(_names_image, first.fields)):
        named = " or ".join(f"`{name}`" for name in names if name in PATH_KNOWN_AS)
        raise SetupError(
            f"{file}: line {first.line} looks like a header, but no column is named `path`"
            f"{f'; rename {named}' if named else ''}; for other column names write table:{file}"
        )
