"""References that are valid on a given day."""

from __future__ import annotations

from datetime import date

import pytest

from edge_identify.datasets.catalogue.validity import is_valid, packable
from edge_identify.edge_runtime.pack.references import Reference

DAY = date(2026, 6, 15)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, True),
        ({"valid_from": "2026-06-15", "valid_until": "2026-06-15T23:59:00"}, True),
        ({"valid_from": "2026-06-16"}, False),
        ({"valid_until": "2026-06-14"}, False),
        ({"expires": "2026-06-14"}, False),
        ({"Valid Until": "14.06.2026"}, False),
        ({"valid_until": "46022"}, False),
        ({"valid_until": "2026-06"}, True),
        ({"valid_until": "2026-05"}, False),
        ({"valid_from": "2026"}, True),
        ({"valid_until": "never"}, True),
        ({"valid_until": "2027-01-01", "end_date": "2026-01-01"}, False),
    ],
)
def test_the_first_and_the_last_day_are_valid(attributes: dict[str, str], expected: bool) -> None:
    assert is_valid(Reference(id="a", name="a", attributes=attributes), DAY) is expected


def test_without_a_day_only_withdrawals_count() -> None:
    old = Reference(id="old", name="old", attributes={"valid_until": "1999-01-01"})
    gone = Reference(id="gone", name="gone")
    chosen = packable([old, gone], withdrawn={"gone"}, as_of=None)
    assert (chosen.references, chosen.withdrawn, chosen.not_valid) == ((old,), 1, 0)
    assert packable([old, gone], withdrawn=(), as_of=DAY).not_valid == 1


def test_a_reference_whose_date_cannot_be_read_is_left_out_by_name_where_a_day_is_given() -> None:
    odd = Reference(id="odd", name="odd", attributes={"valid_until": "31/12/25"})
    fine = Reference(id="fine", name="fine")
    chosen = packable([odd, fine], withdrawn=(), as_of=DAY)
    assert (chosen.references, chosen.not_valid) == ((fine,), 0)
    [problem] = chosen.unreadable
    assert problem.startswith("odd has valid_until '31/12/25', which is no date or may be several")
    assert packable([odd, fine], withdrawn=(), as_of=None).references == (odd, fine)


def test_a_date_that_says_that_there_is_none_is_none() -> None:
    references = [Reference(id=text, name=text, attributes={"expires": text}) for text in ("-", "n/a", "none")]
    assert packable(references, withdrawn=(), as_of=DAY).references == tuple(references)
