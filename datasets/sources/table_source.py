"""`table:FILE`: one row for each image, in CSV, TSV, JSON Lines or Parquet, with any column names.

Tables have columns that nobody wants in a pack. So, unlike in an image list, an unknown column is ignored unless the
maker asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_identify.datasets.sources.image_list import describe_file
from edge_identify.datasets.sources.rows.column_mapping import (
    PATH_KNOWN_AS,
    ColumnMapping,
    known_columns,
    resolve_columns,
)
from edge_identify.datasets.sources.rows.described_images import DescribedImage, described_rows, gather, without_repeats
from edge_identify.datasets.sources.rows.table_rows import TableRow, read_table
from edge_identify.datasets.sources.rows.written_paths import WrittenPaths
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError


@dataclass(frozen=True, slots=True)
class Table:
    """A table of image files.

    Paths are absolute or relative to the table's folder. The default id is the relative path without its suffix (for an
    absolute path, the file's stem).

    Attributes:
        file: The table; its suffix is the format.
        mapping: The meaning of its columns.
    """

    file: Path
    mapping: ColumnMapping

    def images(self) -> Iterator[SourceImage]:
        """Yield the images in the order of the table, each with all facts about its reference.

        A row that cannot be used, repeats an image or contradicts an earlier row is an image with a problem.

        Raises:
            SetupError: The table is missing, empty or malformed as a whole, or lacks a column.
        """
        table = read_table(self.file, known_columns(self.mapping, PATH_KNOWN_AS))
        if not table.rows:
            raise SetupError(f"{self.file}: has no rows; write a header and one row for each image")
        columns = resolve_columns(
            self.file, table.columns, self.mapping, image_field="path", image_known_as=PATH_KNOWN_AS
        )
        paths = WrittenPaths(self.file.parent)

        def describe(row: TableRow) -> DescribedImage:
            path = row.values.get(columns.columns["image"], "")
            return describe_file(row.number, path, columns.facts(row.values), paths)

        described = described_rows(self.file, table.rows, describe, rows_are=table.rows_are)
        distinct = without_repeats(self.file, described, rows_are=table.rows_are, key=lambda row: row.path, what="path")
        yield from gather(self.file, distinct, rows_are=table.rows_are)
