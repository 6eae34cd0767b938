"""Which references go into a pack: not withdrawn, and, if a day is given, valid on that day.

The day is an argument and not the clock's, so that building again gives the same pack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from edge_identify.datasets.sources.rows.column_mapping import plain_name
from edge_identify.datasets.sources.rows.row_facts import BEGIN_ATTRIBUTES, EXPIRY_ATTRIBUTES, unreadable_date
from edge_identify.datasets.sources.rows.written_dates import Period, period_in
from edge_identify.edge_runtime.pack.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Packable:
    """The references for a pack.

    Attributes:
        references: The references that go into the pack.
        withdrawn: Number of withdrawn references.
        not_valid: Number of other references that are not valid on the day.
        unreadable: What is wrong with the dates of further references, which are left out: with a day only.
    """

    references: tuple[Reference, ...]
    withdrawn: int
    not_valid: int
    unreadable: tuple[str, ...] = ()


def packable(references: Iterable[Reference], *, withdrawn: Collection[str], as_of: date | None) -> Packable:
    """Return the references for a pack.

    Args:
        references: All references.
        withdrawn: Ids of withdrawn references.
        as_of: Keep only references that are valid on this day; None keeps all.
    """
    all_references = tuple(references)
    left = tuple(reference for reference in all_references if reference.id not in withdrawn)
    problems = {} if as_of is None else _unreadable_dates(left)
    dated = tuple(reference for reference in left if reference.id not in problems)
    valid = tuple(reference for reference in dated if as_of is None or is_valid(reference, as_of))
    return Packable(
        references=valid,
        withdrawn=len(all_references) - len(left),
        not_valid=len(dated) - len(valid),
        unreadable=tuple(problems.values()),
    )


def _unreadable_dates(references: Iterable[Reference]) -> dict[str, str]:
    told = ((reference.id, unreadable_date(reference.attributes)) for reference in references)
    return {identifier: f"{identifier} {problem}" for identifier, problem in told if problem is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The period in which a reference is valid.

    Attributes:
        since: First day; `date.min` if none is given.
        until: Last day; `date.max` if none is given.
    """

    since: date
    until: date


def validity_of(reference: Reference) -> Validity:
    """Return the validity of a reference. A date that cannot be read gives no limit; see `unreadable_date`."""
    return Validity(
        since=max((period.first for _, period in _periods(reference, BEGIN_ATTRIBUTES)), default=date.min),
        until=min((period.last for _, period in expiry_periods(reference)), default=date.max),
    )


def expiry_periods(reference: Reference) -> list[tuple[str, Period]]:
    """Return name and days of each attribute with the last valid day, without dates that cannot be read."""
    return _periods(reference, EXPIRY_ATTRIBUTES)


def _periods(reference: Reference, names: Collection[str]) -> list[tuple[str, Period]]:
    said = ((name, period_in(text)) for name, text in reference.attributes.items() if plain_name(name) in names)
    return [(name, period) for name, period in said if period is not None]


def is_valid(reference: Reference, day: date) -> bool:
    """Return whether a reference is valid on a day; see `validity_of`."""
    validity = validity_of(reference)
    return validity.since <= day <= validity.until
