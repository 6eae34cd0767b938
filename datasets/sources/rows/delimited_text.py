"""Split the text of a table into records, whatever separates their fields.

Spreadsheets write the separator of their locale, so it is found in the text, not assumed. `csv.Sniffer` is not used: it
guesses from how often characters occur, takes commas in names for separators, and fails on one column. Here the csv
module parses the first records once for each separator. The best parse has the most known column names, then the
rows with as many fields as the header, then the most columns. A first line `sep=;`, which Excel reads, goes before.

A comment may contain a quote character, and a quoted field may contain a line that begins with `#`. So comments are
dropped only at the beginning of a record, and each record is parsed by the csv module from there.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError

_SEPARATORS = ",;\t|"
_MAX_FIELD_CHARACTERS = 2**20  # csv's default of 128 KiB is too small for long descriptions
_SAMPLE_RECORDS = 20
_SEP_LINE = re.compile(r'"?sep=(?P<separator>\\t|[^\r\n])"?[,;\t ]*(?=\r|\n|\Z)', re.IGNORECASE)

#: How shops and other programs write a text that a spreadsheet must not turn into a number: `="007"`.
_AS_TEXT = re.compile(r'="([^"]*)"')

#: How well records, the first of them perhaps a header, fit what the caller expects; more is better.
Fitness = Callable[[Sequence[Sequence[str]]], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record.

    Attributes:
        line: Its first line in the file, from 1.
        fields: Its fields without surrounding blanks; not all are blank, unless there is a problem.
        problem: Why it cannot be read, in words that follow the name of the row; None if it can.
    """

    line: int
    fields: list[str]
    problem: str | None = None


def read_records(
    file: Path, text: str, fitness: Fitness, *, has_comments: bool = False, likeliest: str = ","
) -> Iterator[Record]:
    """Yield the records of a text, without blank ones.

    Args:
        file: The file of the text, for messages.
        text: The text.
        fitness: Judges the first records of a parse.
        has_comments: Whether records that begin with `#` are comments.
        likeliest: The separator if several fit equally.

    Raises:
        SetupError: A quote is never closed, so that the records behind it cannot be told apart.
    """
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    named = _SEP_LINE.match(text)
    if named is not None:
        text = text[named.end() :]  # its line break stays, so that lines keep their numbers
        separator = named["separator"].replace("\\t", "\t")
    else:
        separators = sorted(_SEPARATORS, key=lambda each: each != likeliest)
        separator = max(separators, key=lambda each: _standing(text, each, fitness, has_comments))
    yield from _records(file, text, separator, has_comments=has_comments)


def _standing(text: str, separator: str, fitness: Fitness, has_comments: bool) -> tuple[float, float, int]:
    records: list[list[str]] = []
    try:
        for record in islice(_records(Path(), text, separator, has_comments=has_comments), _SAMPLE_RECORDS):
            if record.problem is None:
                records.append(record.fields)
    except SetupError:
        pass  # a quote that is not closed ends the sample
    if not records:
        return 0.0, 0.0, 0
    width = len(records[0])
    agreeing = sum(len(fields) == width for fields in records) / len(records)
    return fitness(records), agreeing if width > 1 else 0.0, width


def _records(file: Path, text: str, separator: str, *, has_comments: bool) -> Iterator[Record]:
    lines = enumerate(io.StringIO(text, newline=""), start=1)
    for number, line in lines:
        if not line.strip() or (has_comments and line.lstrip().startswith("#")):
            continue
        # Each reader parses one record, and takes only this record's lines from the shared iterator.
        more = (further for _, further in lines)
        reader = csv.reader(chain([line], more), delimiter=separator, strict=True, skipinitialspace=True)
        try:
            fields = [_cell(value) for value in next(reader)]
        except csv.Error as error:
            if reader.line_num > 1 or "unexpected end" in str(error):
                raise SetupError(f"{file}: line {number} is not a row of CSV ({error})") from error
            yield Record(line=number, fields=[], problem=f"is not a row of CSV ({error})")
            continue
        if any("\0" in field for field in fields):
            problem = "has a NUL character; the table is damaged or not text"
            yield Record(line=number, fields=[], problem=problem)
        elif any(fields):
            yield Record(line=number, fields=fields)


def _cell(text: str) -> str:
    text = text.strip()
    as_text = _AS_TEXT.fullmatch(text)
    return text if as_text is None else as_text[1].strip()


def checked_header(file: Path, record: Record) -> tuple[str, ...]:
    """Return the column names of a header; a table saved with row numbers has a column without a name.

    Raises:
        SetupError: The header is malformed, or has a name twice.
    """
    if record.problem is not None:
        raise SetupError(f"{file}: line {record.line} {record.problem}")
    named = [name for name in record.fields if name]
    repeated = sorted({name for name in named if named.count(name) > 1})
    if repeated:
        raise SetupError(f"{file}: line {record.line} has the column {repeated[0]!r} twice; rename one")
    return tuple(record.fields)


def values_of(record: Record, columns: Sequence[str]) -> dict[str, str]:
    """Return a record's fields by column, without blank ones; empty for a record with a problem."""
    return {name: text for name, text in zip(columns, record.fields, strict=False) if name and text}


def width_problem(record: Record, columns: Sequence[str]) -> str | None:
    """Return what is wrong with a record that has more fields than there are columns; None if nothing is."""
    if not any(record.fields[len(columns) :]):
        return record.problem
    return (
        f"has {len(record.fields)} fields, but there are {len(columns)} columns ({', '.join(columns)}); "
        "put a value that holds the separator in quotes"
    )
