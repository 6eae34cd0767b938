"""The facts of one row: one Unicode form, no words for "not given", and values that can be read.

A row that cannot be read is refused with its reason. The other rows of its table are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edge_identify.datasets.sources.rows.column_mapping import plain_name
from edge_identify.datasets.sources.rows.written_dates import period_in
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.composed_text import composed

#: Attributes with the last valid day of a reference, as `plain_name` returns them.
EXPIRY_ATTRIBUTES = ("expires", "expiry", "expiry_date", "expires_on", "valid_until", "valid_to", "end_date")

#: Attributes with the first valid day.
BEGIN_ATTRIBUTES = ("valid_from", "start_date")

_DATES = frozenset((*EXPIRY_ATTRIBUTES, *BEGIN_ATTRIBUTES))

#: What people and spreadsheets write into a cell without a value: for paths, addresses, ids, coordinates and dates.
#: `NA` is not among them: it is Namibia.
_NOT_GIVEN = frozenset({"n/a", "#n/a", "#na", "n.a."})

#: The same for coordinates and dates, which are never such a word.
_NO_NUMBER = frozenset({"-", "–", "—", "?", "na", "none", "null"})

_LIMITS = {"lat": 90.0, "lng": 180.0}
_SHORTENED = re.compile(r"[+-]?\d+([.,]\d+)?E\+\d+")  # what spreadsheets make of a bar code
_DECIMAL_COMMA = re.compile(r"([+-]?\d+),(\d+)")


class RowError(SetupError):
    """A row that cannot be used. The message follows the name of the row: `has no path`."""


def _is_not_given(name: str, text: str) -> bool:
    """Return whether a cell has no value. A name, a label or an attribute may well be `n/a`; the others are never."""
    if name in _LIMITS or plain_name(name) in _DATES:
        return not given(text) or text.lower() in _NO_NUMBER
    return name == "id" and not given(text)


def given(text: str) -> str:
    """Return a cell's text in composed form; empty if it says that there is no value."""
    return "" if text.strip().lower() in _NOT_GIVEN else composed(text)


def checked_facts(values: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of a row, composed, without those that are not given.

    `lat` and `lng` are both present, as numbers in Python's spelling, or both absent: so 2,50 and 2.5 in two rows of a
    reference agree. Dates keep their spelling.

    Raises:
        RowError: The id is a shortened number. A coordinate is not a number, is out of range, or the other one is
            missing. The date of a validity cannot be read.
    """
    if _SHORTENED.fullmatch(values.get("id", "")):
        raise RowError(
            f"has the id {values['id']!r}, a number that a spreadsheet has shortened; give the column the format "
            "Text there, and write the id again"
        )
    facts = {composed(name): composed(text) for name, text in values.items() if not _is_not_given(name, text)}
    for column, limit in _LIMITS.items():
        if column in facts:
            facts[column] = repr(_degrees(column, facts[column], limit))
    if ("lat" in facts) != ("lng" in facts):
        raise RowError("has only one of lat and lng; give both or none")
    if problem := unreadable_date(facts):
        raise RowError(problem)
    return facts


def unreadable_date(attributes: Mapping[str, str]) -> str | None:
    """Return which date of a validity cannot be read, in words that follow a name; None if all can."""
    for name, text in attributes.items():
        if plain_name(name) in _DATES and not _is_not_given(name, text) and period_in(text) is None:
            return f"has {name} {text!r}, which is no date or may be several; write it as 2026-12-31"
    return None


def _degrees(column: str, text: str, limit: float) -> float:
    try:
        value = float(_DECIMAL_COMMA.sub(r"\1.\2", text) if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        value = float("nan")
    if not -limit <= value <= limit:
        raise RowError(f"has {column} {text!r}; expected degrees from {-limit:.0f} to {limit:.0f}")
    return value
