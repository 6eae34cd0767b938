"""`table:FILE`: one row for each image, in CSV, TSV, JSON Lines or Parquet, with any column names.

Tables have columns that nobody wants in a pack. So, unlike in an image list, an unknown column is ignored unless the
maker asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from edge_identify.datasets.sources.image_list import id_from_path, refuse_repeated_paths
from edge_identify.datasets.sources.rows.column_mapping import (
    PATH_KNOWN_AS,
    ColumnMapping,
    ResolvedColumns,
    resolve_columns,
)
from edge_identify.datasets.sources.rows.described_images import DescribedImage, gather
from edge_identify.datasets.sources.rows.list_rows import check_coordinates
from edge_identify.datasets.sources.rows.table_rows import TableRow, read_table
from edge_identify.datasets.sources.source import SourceImage, path_within
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

        Raises:
            SetupError: The table is missing, empty or malformed, lacks a column, has an image twice, or has
                contradictory facts about one reference. The message names the rows.
        """
        table = read_table(self.file)
        if not table.rows:
            raise SetupError(f"{self.file}: has no rows; write a header and one row for each image")
        columns = resolve_columns(
            self.file, table.columns, self.mapping, image_field="path", image_known_as=PATH_KNOWN_AS
        )
        unit = table.rows_are.removesuffix("s")
        described = [self._described(row, columns, unit=unit) for row in table.rows]
        refuse_repeated_paths(self.file, described, rows_are=table.rows_are)
        yield from gather(self.file, described, rows_are=table.rows_are)

    def _described(self, row: TableRow, columns: ResolvedColumns, *, unit: str) -> DescribedImage:
        where = f"{self.file}: {unit} {row.number}"
        text = row.values.get(columns.columns["image"], "")
        if not text:
            raise SetupError(f"{where}: the path in column {columns.columns['image']!r} is missing")
        if text.startswith(("http://", "https://")):
            raise SetupError(f"{where} has a URL in place of a file; for URLs write urls:{self.file}")
        if "\0" in text:
            raise SetupError(f"{where} has a NUL character in its path; the table is damaged")
        facts = columns.facts(row.values)
        check_coordinates(where, facts)
        written = PurePath(text)
        own_id = facts.pop("id", "")
        return DescribedImage(
            row=row.number,
            path=Path(os.path.normpath(self.file.parent.absolute() / written)),
            id=own_id or id_from_path(written),
            has_own_id=bool(own_id),
            stem=written.stem,
            source_path=path_within(written),
            facts=facts,
        )
