"""Parse and check the rows of an image list, in both dialects.

A comment may contain a quote character, and a quoted field may contain a line that begins with `#`. So comments are
dropped only at the beginning of a row, and each row is parsed by the csv module from there. To name a file that begins
with `#`, put its path in quotes.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError

PLAIN_COLUMNS = ("path", "label", "category", "subcategory")
MAX_LIST_BYTES = 512 * 2**20  # read whole into memory; at 100 bytes a row, five million images

_LIMITS = {"lat": 90.0, "lng": 180.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """One row of a list.

    Attributes:
        line: Its first line in the file, from 1.
        facts: Text by column, without surrounding blanks and without blank values. `path` is always present. `lat` and
            `lng` are both present, as valid numbers, or both absent.
    """

    line: int
    facts: Mapping[str, str]


def read_list_rows(file: Path) -> list[ListRow]:
    """Read and check all rows of a list.

    Raises:
        SetupError: The file cannot be read or is not UTF-8, or a row is malformed. The message names the line.
    """
    records = _records(file, read_text_file(file))
    first = next(records, None)
    if first is None:
        return []
    line, fields = first
    if "path" in fields:
        columns = _header(file, line, fields)
    else:
        columns, records = PLAIN_COLUMNS, chain([first], records)
    return [_row(file, line, columns, fields) for line, fields in records]


def read_text_file(file: Path) -> str:
    """Return the text of a list or a table, UTF-8, without its byte order mark.

    Raises:
        SetupError: The file is missing, a folder, too large, unreadable or not UTF-8.
    """
    try:
        if file.stat().st_size > MAX_LIST_BYTES:
            raise SetupError(f"{file}: larger than {MAX_LIST_BYTES // 2**20} MiB; split the list")
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise SetupError(f"{file}: no such file") from error
    except IsADirectoryError as error:
        raise SetupError(f"{file}: is a folder, not a list; for its images write images:{file}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: is not UTF-8 text (byte {error.start}); save it as CSV UTF-8") from error
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror})") from error


def _records(file: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    lines = enumerate(io.StringIO(text, newline=""), start=1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        # Each reader parses one row, and takes only this row's lines from the shared iterator.
        reader = csv.reader(chain([line], (more for _, more in lines)), strict=True, skipinitialspace=True)
        try:
            yield number, [value.strip() for value in next(reader)]
        except csv.Error as error:
            raise SetupError(f"{file}: line {number} is not a row of CSV ({error})") from error


def _header(file: Path, line: int, fields: list[str]) -> tuple[str, ...]:
    named = [name for name in fields if name]  # a table saved with row numbers has a column without a name
    repeated = sorted({name for name in named if named.count(name) > 1})
    if repeated:
        raise SetupError(f"{file}: line {line} has the column {repeated[0]!r} twice; rename one")
    return tuple(fields)


def _row(file: Path, line: int, columns: tuple[str, ...], fields: list[str]) -> ListRow:
    if len(fields) > len(columns):
        raise SetupError(
            f"{file}: line {line} has {len(fields)} fields, but there are {len(columns)} columns "
            f"({', '.join(columns)}); put a value that holds a comma in quotes"
        )
    facts = {column: text for column, text in zip(columns, fields, strict=False) if column and text}
    if "path" not in facts:
        raise SetupError(f"{file}: line {line} has no path")
    if "\0" in facts["path"]:
        raise SetupError(f"{file}: line {line} has a NUL character in its path; the list is damaged or not text")
    check_coordinates(f"{file}: line {line}", facts)
    return ListRow(line=line, facts=facts)


def check_coordinates(where: str, facts: dict[str, str]) -> None:
    """Check `lat` and `lng`, if present, and normalise the numbers.

    Args:
        where: The row, for the beginning of messages.
        facts: Changed in place, so that 2.50 and 2.5 in two rows of a reference agree.

    Raises:
        SetupError: A value is not a number, is out of range, or the other one is missing.
    """
    for column, limit in _LIMITS.items():
        if column in facts:
            facts[column] = repr(_degrees(where, column, facts[column], limit))
    if ("lat" in facts) != ("lng" in facts):
        raise SetupError(f"{where} has only one of lat and lng; give both or none")


def _degrees(where: str, column: str, text: str, limit: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -limit <= value <= limit:
        raise SetupError(f"{where} has {column} {text!r}; expected degrees from {-limit:.0f} to {limit:.0f}")
    return value
