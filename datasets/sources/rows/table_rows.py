"""Read the rows of a table as text by column: CSV, TSV, JSON Lines or Parquet, by the file's suffix.

Many European spreadsheets write CSV with semicolons, so the delimiter is detected. Numbers keep the spelling of the
file: a float would change it, and `007` would lose its zeros. Nested objects get dotted names: `location.lat`.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from edge_identify.datasets.sources.rows.list_rows import MAX_LIST_BYTES, read_text_file
from edge_identify.edge_runtime.errors import SetupError

_DELIMITERS = ",;\t"
_MAX_FIELD_CHARACTERS = 2**20  # csv's default of 128 KiB is too small for long descriptions
_MAX_ROWS = 20_000_000  # Parquet only: few bytes can encode any number of rows
_MAX_DEPTH = 8  # nesting of objects


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row.

    Attributes:
        number: Its last line in the file, from 1; for Parquet, the number of the row.
        values: Text by column, without surrounding blanks and without blank values.
    """

    number: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """The content of a table.

    Attributes:
        columns: Column names, in order.
        rows: Rows in order, without blank ones.
        rows_are: Plural noun for the rows in messages: `lines` or `rows`.
    """

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    rows_are: str


def read_table(file: Path) -> TableRows:
    """Read a table.

    Raises:
        SetupError: The suffix is unknown, the file cannot be read or is malformed, or pyarrow is missing. The message
            names the row.
    """
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise SetupError(f"{file}: tables end with {', '.join(_READERS)}; rename it, or save it as CSV UTF-8")
    return read(file)


def _read_csv(file: Path) -> TableRows:
    text = read_text_file(file)
    return _read_delimited(file, text, _delimiter(text))


def _read_tsv(file: Path) -> TableRows:
    return _read_delimited(file, read_text_file(file), "\t")


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=header.count)  # the first of equals: comma


def _read_delimited(file: Path, text: str, delimiter: str) -> TableRows:
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    columns: tuple[str, ...] = ()
    rows: list[TableRow] = []
    try:
        for fields in reader:
            stripped = [value.strip() for value in fields]
            if not any(stripped):
                continue
            if not columns:
                columns = _checked_header(file, stripped)
                continue
            _check_width(file, reader.line_num, columns, stripped)
            values = {name: text for name, text in zip(columns, stripped, strict=False) if name and text}
            rows.append(TableRow(number=reader.line_num, values=values))
    except csv.Error as error:
        raise SetupError(f"{file}: line {reader.line_num} is not a row of the table ({error})") from error
    return TableRows(columns=tuple(name for name in columns if name), rows=tuple(rows), rows_are="lines")


def _checked_header(file: Path, names: list[str]) -> tuple[str, ...]:
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise SetupError(f"{file}: has the column {repeated[0]!r} twice; rename one")
    return tuple(names)


def _check_width(file: Path, line: int, columns: tuple[str, ...], fields: list[str]) -> None:
    if len(fields) > len(columns) and any(fields[len(columns) :]):
        raise SetupError(
            f"{file}: line {line} has {len(fields)} fields, but there are {len(columns)} columns "
            f"({', '.join(columns)}); put a value that holds the separator in quotes"
        )


def _read_jsonl(file: Path) -> TableRows:
    rows: list[TableRow] = []
    for number, line in enumerate(read_text_file(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise SetupError(f"{file}: line {number} is not JSON ({error}); write one object on each line") from error
        if not isinstance(values, dict):
            raise SetupError(f"{file}: line {number} is not an object; write one on each line, as {{...}}")
        rows.append(TableRow(number=number, values=_as_texts(values)))
    return TableRows(columns=_columns_of(rows), rows=tuple(rows), rows_are="lines")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _read_parquet(file: Path) -> TableRows:
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


_READERS: Mapping[str, Callable[[Path], TableRows]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".tab": _read_tsv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}

#: The suffixes of tables.
TABLE_SUFFIXES = frozenset(_READERS)
