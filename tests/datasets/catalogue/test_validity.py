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
        ({"valid_until": "some day"}, True),
        ({"valid_until": "2027-01-01", "end_date": "2026-01-01"}, False),
    ],
)
def test_the_first_and_the_last_day_are_valid_and_what_is_no_date_says_nothing(
    attributes: dict[str, str], expected: bool
) -> None:
    assert is_valid(Reference(id="a", name="a", attributes=attributes), DAY) is expected


def test_without_a_day_only_withdrawals_count() -> None:
    old = Reference(id="old", name="old", attributes={"valid_until": "1999-01-01"})
    gone = Reference(id="gone", name="gone")
    chosen = packable([old, gone], withdrawn={"gone"}, as_of=None)
    assert (chosen.references, chosen.withdrawn, chosen.not_valid) == ((old,), 1, 0)
    assert packable([old, gone], withdrawn=(), as_of=DAY).not_valid == 1
