"""Dates as people and spreadsheets write them."""

from __future__ import annotations

from datetime import date

import pytest

from edge_identify.datasets.sources.rows.row_facts import RowError, checked_facts
from edge_identify.datasets.sources.rows.written_dates import ALWAYS, Period, period_in

NEW_YEARS_EVE = date(2025, 12, 31)


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-31", " 2025-12-31 ", "20251231", "2025-12-31T23:59:59Z", "2025-12-31 23:59", "20251231T235959",
        "2025-12-31 (the end)", "31.12.2025", "31. 12. 2025", "31.12.2025 00:00:00", "31/12/2025", "12/31/2025",
        "12/31/2025 11:59 PM", "2025/12/31", "2025.12.31", "2025/12/31 0:00", "31-12-2025", "31 Dec 2025",
        "31-Dec-2025", "December 31, 2025", "Dec 31st 2025", "46022", "46022,5", "2025. 12. 31.",
        "31.12.2025.", "2025年12月31日", "2026-W01-3",
    ],
)  # fmt: skip
def test_an_unambiguous_day_is_read(text: str) -> None:
    assert period_in(text) == Period(first=NEW_YEARS_EVE, last=NEW_YEARS_EVE)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025-1-5", date(2025, 1, 5), date(2025, 1, 5)),
        ("5.1.2025", date(2025, 1, 5), date(2025, 1, 5)),  # with dots the day is first
        ("5/5/2025", date(2025, 5, 5), date(2025, 5, 5)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025", date(2025, 1, 1), NEW_YEARS_EVE),
        ("2025-W52", date(2025, 12, 22), date(2025, 12, 28)),
        ("9999-12-31", date(9999, 12, 31), date(9999, 12, 31)),
        ("never", ALWAYS.first, ALWAYS.last),
    ],
)
def test_a_month_and_a_year_are_all_their_days(text: str, first: date, last: date) -> None:
    assert period_in(text) == Period(first=first, last=last)


@pytest.mark.parametrize(
    "text",
    ["05/06/2025", "5-6-2025", "12/31/25", "31.12.25", "some day", "", "31/02/2025", "2025-13-01", "31 Dez 2025", "7",
     "12345", "99999", "31/12/2568", "2568-12-31", "1404/10/10", "0025-12-31", "2568",
     "460221", "31/12", "12.2025", "2025-12-311"],
)  # fmt: skip
def test_what_is_no_date_or_may_be_several_is_not_read(text: str) -> None:
    assert period_in(text) is None


@pytest.mark.parametrize("column", ["valid_until", "Valid Until", "EXPIRES", "valid_from", "end-date"])
def test_a_row_with_such_a_date_is_refused_whatever_the_spelling_of_its_column(column: str) -> None:
    with pytest.raises(RowError, match=rf"has {column} '05/06/2025', which is no date or may be several"):
        checked_facts({column: "05/06/2025"})
    assert checked_facts({column: "31.12.2025"}) == {column: "31.12.2025"}
    assert checked_facts({column: "-"}) == {}


def test_cells_that_say_that_there_is_no_value_are_blank_where_no_value_is_such_a_word() -> None:
    facts = checked_facts(
        {"id": "N/A", "lat": "-", "lng": "#N/A", "valid_until": "n/a", "name": "N/A", "namespace": "NA"}
    )
    assert facts == {"name": "N/A", "namespace": "NA"}


def test_dates_of_other_columns_are_not_judged() -> None:
    assert checked_facts({"built": "05/06/2025", "name": "-"}) == {"built": "05/06/2025", "name": "-"}
