"""Which references may go into a pack: none that was withdrawn, and with a date none that is not valid on that day.

No clock is read here: a pack is the same whenever it is built, so the day is the maker's to give.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from edge_identify.edge_runtime.pack.references import Reference

#: Attributes whose value is the last day on which a reference should be in use, as dates begin in ISO 8601.
EXPIRY_ATTRIBUTES = ("expires", "expiry", "expiry_date", "expires_on", "valid_until", "valid_to", "end_date")

#: The same for the first day.
BEGIN_ATTRIBUTES = ("valid_from", "start_date")

_ISO_DATE_LENGTH = len("2026-01-31")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packable:
    """What may go into a pack, and how much may not.

    Attributes:
        references: Those that may.
        withdrawn: How many were withdrawn.
        not_valid: How many of the others are not valid on the day.
    """

    references: tuple[Reference, ...]
    withdrawn: int
    not_valid: int


def packable(references: Iterable[Reference], *, withdrawn: Collection[str], as_of: date | None) -> Packable:
    """Return the references that may go into a pack.

    Args:
        references: All.
        withdrawn: The ids of those that were withdrawn.
        as_of: The day on which they are to be valid; None asks for no date.
    """
    all_references = tuple(references)
    left = tuple(reference for reference in all_references if reference.id not in withdrawn)
    valid = tuple(reference for reference in left if as_of is None or is_valid(reference, as_of))
    return Packable(references=valid, withdrawn=len(all_references) - len(left), not_valid=len(left) - len(valid))


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The days on which a reference should be in use.

    Attributes:
        since: The first; `date.min` where none is said.
        until: The last; `date.max` where none is said.
    """

    since: date
    until: date


def validity_of(reference: Reference) -> Validity:
    """Return what a reference's dates allow, as far as it has any that can be read."""
    begins = (date_in(reference.attributes.get(name, "")) for name in BEGIN_ATTRIBUTES)
    ends = (date_in(reference.attributes.get(name, "")) for name in EXPIRY_ATTRIBUTES)
    return Validity(
        since=max((each for each in begins if each is not None), default=date.min),
        until=min((each for each in ends if each is not None), default=date.max),
    )


def is_valid(reference: Reference, day: date) -> bool:
    """Whether a reference's dates, as far as it has any that can be read, allow a day."""
    validity = validity_of(reference)
    return validity.since <= day <= validity.until


def date_in(text: str) -> date | None:
    """Return the date that a text begins with, in ISO 8601, or None."""
    try:
        return date.fromisoformat(text.strip()[:_ISO_DATE_LENGTH])
    except ValueError:
        return None
