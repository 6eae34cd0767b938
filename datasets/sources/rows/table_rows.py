"""Read the rows of a table as text by column: CSV, TSV, JSON Lines or Parquet, by the file's suffix.

Numbers keep the spelling of the file: a float would change it, and `007` would lose its zeros. Nested objects get
dotted names: `location.lat`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from edge_identify.datasets.sources.rows.delimited_text import (
    Fitness,
    checked_header,
    read_records,
    values_of,
    width_problem,
)
from edge_identify.datasets.sources.rows.text_files import MAX_LIST_BYTES, read_text_file
from edge_identify.edge_runtime.errors import SetupError

_MAX_ROWS = 20_000_000  # Parquet only: few bytes can encode any number of rows
_MAX_DEPTH = 8  # nesting of objects


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row.

    Attributes:
        number: Its first line in the file, from 1; for Parquet, the number of the row.
        values: Text by column, without surrounding blanks and without blank values.
        problem: Why it cannot be read, in words that follow the name of the row; None if it can.
        width: Number of its cells, blank ones too, in delimited text; 0 in other formats.
    """

    number: int
    values: Mapping[str, str]
    problem: str | None = None
    width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """The content of a table.

    Attributes:
        columns: Column names, in order.
        rows: Rows in order, without blank ones.
        rows_are: Plural noun for the rows in messages: `lines` or `rows`.
        cell_at: Position of each column's cell in a row of delimited text, unnamed columns counted; else empty.
    """

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    rows_are: str
    cell_at: Mapping[str, int] = field(default_factory=dict)


def read_table(file: Path, fitness: Fitness) -> TableRows:
    """Read a table. A row that cannot be read has a problem in place of values.

    Args:
        file: The table.
        fitness: Judges a header of delimited text; see `column_mapping.known_columns`.

    Raises:
        SetupError: The suffix is unknown, the file cannot be read or has no form of a table, or pyarrow is missing.
    """
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise SetupError(f"{file}: tables end with {', '.join(_READERS)}; rename it, or save it as CSV UTF-8")
    return read(file, fitness)


def read_delimited(file: Path, fitness: Fitness, *, likeliest: str = ",") -> TableRows:
    """Read a table of delimited text, whatever its suffix; see `read_table`.

    Args:
        file: The table.
        fitness: Judges a header.
        likeliest: The separator if several fit equally.

    Raises:
        SetupError: As `read_table`.
    """
    records = read_records(file, read_text_file(file), fitness, likeliest=likeliest)
    header = next(records, None)
    if header is None:
        return TableRows(columns=(), rows=(), rows_are="lines")
    columns = checked_header(file, header)
    rows = tuple(
        TableRow(
            number=record.line,
            values=values_of(record, columns),
            problem=width_problem(record, columns),
            width=len(record.fields),
        )
        for record in records
    )
    cell_at = {name: at for at, name in enumerate(columns) if name}
    return TableRows(columns=tuple(cell_at), rows=rows, rows_are="lines", cell_at=cell_at)


def _read_jsonl(file: Path, _fitness: Fitness) -> TableRows:
    rows: list[TableRow] = []
    for number, line in enumerate(read_text_file(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            rows.append(TableRow(number=number, values={}, problem=f"is not JSON ({error}); write one object"))
            continue
        if isinstance(values, dict):
            rows.append(TableRow(number=number, values=_as_texts(values)))
        else:
            rows.append(TableRow(number=number, values={}, problem="is not an object; write it as {...}"))
    if rows and all(row.problem for row in rows):
        raise SetupError(f"{file}: line {rows[0].number} {rows[0].problem}")
    return TableRows(columns=_columns_of(rows), rows=tuple(rows), rows_are="lines")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _read_parquet(file: Path, _fitness: Fitness) -> TableRows:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise SetupError(f"{file}: Parquet needs pyarrow; pip install 'edge-identify[parquet]'") from error
    if not file.is_file():
        raise SetupError(f"{file}: no such file")
    try:
        with ParquetFile(file) as table:
            _check_size(file, table.metadata)
            columns = tuple(table.schema_arrow.names)
            records = (record for batch in table.iter_batches() for record in batch.to_pylist())
            rows = [TableRow(number=number, values=_as_texts(record)) for number, record in enumerate(records, start=1)]
    except (ArrowException, OSError, ValueError) as error:
        raise SetupError(f"{file}: is not a readable Parquet file ({error})") from error
    return TableRows(columns=_columns_of(rows) or columns, rows=tuple(rows), rows_are="rows")


def _check_size(file: Path, metadata: Any) -> None:
    length_bytes = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
    if metadata.num_rows > _MAX_ROWS or length_bytes > MAX_LIST_BYTES:
        raise SetupError(
            f"{file}: {metadata.num_rows} rows of {length_bytes} bytes, over the limit of {_MAX_ROWS} rows or "
            f"{MAX_LIST_BYTES // 2**20} MiB; keep only the needed columns, or split the file"
        )


def _columns_of(rows: list[TableRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.values))


def _as_texts(record: Mapping[str, Any], *, within: str = "", depth: int = 0) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in record.items():
        name = f"{within}{key}".strip()
        if isinstance(value, Mapping) and depth < _MAX_DEPTH:
            texts |= _as_texts(value, within=f"{name}.", depth=depth + 1)
        elif name and (text := _as_text(value).strip()):
            texts[name] = text
    return texts


def _as_text(value: Any) -> str:
    match value:
        case None | bytes():  # images inside Parquet are not text
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return "" if math.isnan(value) else repr(value)  # pandas writes NaN for a missing value
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)


_READERS: Mapping[str, Callable[[Path, Fitness], TableRows]] = {
    ".csv": read_delimited,
    ".tsv": partial(read_delimited, likeliest="\t"),
    ".tab": partial(read_delimited, likeliest="\t"),
    ".txt": partial(read_delimited, likeliest="\t"),  # "Unicode text" of Excel
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}

#: The suffixes of tables. A `.txt` may be a plain list too.
TABLE_SUFFIXES = frozenset(_READERS)
