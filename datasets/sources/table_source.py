"""`table:FILE`: a row for each picture, in CSV, TSV, JSON Lines or Parquet, whatever its columns are called.

What a newcomer would get wrong: tables come from elsewhere, with columns that nobody wanted in a pack. Other than in an
image list, a column that is no field of a reference is left out unless it is asked for.
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
    """A table of picture files.

    Paths are absolute or relative to the table's folder. Without an id, the relative path without its ending is one
    (of an absolute path, the file's stem).

    Attributes:
        file: The table; its ending says in which format.
        mapping: What the maker says about its columns.
    """

    file: Path
    mapping: ColumnMapping

    def images(self) -> Iterator[SourceImage]:
        """Yield the pictures in the order of the table, each with all that the table knows of its reference.

        Raises:
            SetupError: The table is missing, empty or malformed, lacks a column, names a picture twice, or says two
                different things of one reference. The message names the rows.
        """
        table = read_table(self.file)
        if not table.rows:
            raise SetupError(f"{self.file}: has no rows; write one for each picture, below a header")
        columns = resolve_columns(self.file, table.columns, self.mapping, picture="path", image_known_as=PATH_KNOWN_AS)
        unit = table.rows_are.removesuffix("s")
        pictures = [self._picture(row, columns, unit=unit) for row in table.rows]
        refuse_repeated_paths(self.file, pictures, rows_are=table.rows_are)
        yield from gather(self.file, pictures, rows_are=table.rows_are)

    def _picture(self, row: TableRow, columns: ResolvedColumns, *, unit: str) -> DescribedImage:
        where = f"{self.file}: {unit} {row.number}"
        text = row.values.get(columns.columns["picture"], "")
        if not text:
            raise SetupError(f"{where} is blank in {columns.columns['picture']!r}, which names the picture")
        if text.startswith(("http://", "https://")):
            raise SetupError(f"{where} names an address and not a file; for addresses write urls:{self.file}")
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
