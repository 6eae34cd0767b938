"""Dates as people and spreadsheets write them: what is unambiguous is read, the rest is not.

`05/06/2026` is two days, and a year of two digits is several: neither is read. Nor is a year that is more likely of
another calendar: 2568 is 2025 in Thailand, and 1404 is 2025 in Iran. A date with dots has the day first wherever it is
used. A number of five digits is the serial number of a day in Excel (days since 30 December 1899).
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

_EXCEL_DAY_0 = date(1899, 12, 30)
_EXCEL_DAYS = range(32874, 73051)  # 1990 to 2099; other numbers are more likely something else
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
         "november", "december"), start=1,
    )
    for name in (names, names[:3])
} | {"sept": 9}  # fmt: skip

_YEARS = range(1900, 2200)
_FAR_YEARS = frozenset({2222, 2999, 3000, 9999})  # what databases hold for "no last day"

#: What people write for "no last day".
_NO_END = frozenset({"never", "unlimited", "forever", "indefinite", "indefinitely", "permanent", "open", "open-ended"})

_ISO_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?!\d)")
_TIME = re.compile(
    r"(?:T\d{2}:?\d{2}(?::?\d{2}(?:[.,]\d+)?)?|[ ,]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)"
    r"\s*(?:[AP]M)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])\s?(\d{1,2})\2\s?(\d{1,2})\.?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4})\.?")
_EAST_ASIAN = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"(\d{5})(?:[.,]\d+)?")
_NAMED_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.?[ -]([a-z]+)\.?,?[ -](\d{4})", re.IGNORECASE)
_MONTH_NAMED_FIRST = re.compile(r"([a-z]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.IGNORECASE)
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})")
_WEEK = re.compile(r"\d{4}-?W\d{2}")
_YEAR = re.compile(r"[12]\d{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days that a text names: one day, a week, a month or a year.

    Attributes:
        first: First day.
        last: Last day.
    """

    first: date
    last: date


#: The period of a text that sets no limit.
ALWAYS = Period(first=date.min, last=date.max)


def period_in(text: str) -> Period | None:
    """Return the days that a text names, or None if it is no date or may be several.

    A time of day behind the date is ignored. `never` and the like are `ALWAYS`.
    """
    text = text.strip()
    if text.lower() in _NO_END:
        return ALWAYS
    try:
        period = _period(text)
    except (ValueError, OverflowError):  # such as 31 February
        return None
    return period if period is not None and _is_likely(period.first.year) else None


def _is_likely(year: int) -> bool:
    return year in _YEARS or year in _FAR_YEARS


def _period(text: str) -> Period | None:
    if found := _ISO_DAY.match(text):  # whatever follows
        return _day(date.fromisoformat(found[1]))
    text = _TIME.sub("", text)
    if found := _YEAR_FIRST.fullmatch(text):
        return _day(date(int(found[1]), int(found[3]), int(found[4])))
    if found := _EAST_ASIAN.fullmatch(text):
        return _day(date(int(found[1]), int(found[2]), int(found[3])))
    if found := _YEAR_LAST.fullmatch(text):
        return _day_with_year_last(int(found[1]), int(found[3]), int(found[4]), separator=found[2])
    if found := _COMPACT.fullmatch(text):
        return _day(date(int(found[1]), int(found[2]), int(found[3])))
    if (found := _SERIAL.fullmatch(text)) and int(found[1]) in _EXCEL_DAYS:
        return _day(_EXCEL_DAY_0 + timedelta(days=int(found[1])))
    if found := _NAMED_MONTH.fullmatch(text):
        return _day_with_month_name(found[1], found[2], found[3])
    if found := _MONTH_NAMED_FIRST.fullmatch(text):
        return _day_with_month_name(found[2], found[1], found[3])
    if found := _MONTH.fullmatch(text):
        return _month(int(found[1]), int(found[2]))
    if _YEAR.fullmatch(text):
        return Period(first=date(int(text), 1, 1), last=date(int(text), 12, 31))
    if _WEEK.fullmatch(text):
        monday = date.fromisoformat(text)
        return Period(first=monday, last=monday + timedelta(days=6))
    return _iso_day(text)


def _day(day: date) -> Period:
    return Period(first=day, last=day)


def _day_with_year_last(one: int, other: int, year: int, *, separator: str) -> Period | None:
    if separator != "." and one <= 12 and other <= 12 and one != other:
        return None
    day, month = (other, one) if separator != "." and other > 12 else (one, other)
    return _day(date(year, month, day))


def _day_with_month_name(day: str, month: str, year: str) -> Period | None:
    number = _MONTHS.get(month.lower())
    return None if number is None else _day(date(int(year), number, int(day)))


def _month(year: int, month: int) -> Period:
    return Period(first=date(year, month, 1), last=date(year, month, monthrange(year, month)[1]))


def _iso_day(text: str) -> Period | None:
    return _day(date.fromisoformat(text))  # such as 2026-W05-3; raises ValueError
