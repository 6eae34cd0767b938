"""Which references go into a pack: not withdrawn, and, if a day is given, valid on that day.

The day is an argument and not the clock's, so that building again gives the same pack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from edge_identify.edge_runtime.pack.references import Reference

#: Attributes with the last valid day of a reference. The value begins with an ISO 8601 date.
EXPIRY_ATTRIBUTES = ("expires", "expiry", "expiry_date", "expires_on", "valid_until", "valid_to", "end_date")

#: Attributes with the first valid day.
BEGIN_ATTRIBUTES = ("valid_from", "start_date")

_ISO_DATE_LENGTH = len("2026-01-31")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packable:
    """The references for a pack.

    Attributes:
        references: The references that go into the pack.
        withdrawn: Number of withdrawn references.
        not_valid: Number of other references that are not valid on the day.
    """

    references: tuple[Reference, ...]
    withdrawn: int
    not_valid: int


def packable(references: Iterable[Reference], *, withdrawn: Collection[str], as_of: date | None) -> Packable:
    """Return the references for a pack.

    Args:
        references: All references.
        withdrawn: Ids of withdrawn references.
        as_of: Keep only references that are valid on this day; None keeps all.
    """
    all_references = tuple(references)
    left = tuple(reference for reference in all_references if reference.id not in withdrawn)
    valid = tuple(reference for reference in left if as_of is None or is_valid(reference, as_of))
    return Packable(references=valid, withdrawn=len(all_references) - len(left), not_valid=len(left) - len(valid))


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
    """Return the validity of a reference. Attributes without a readable date are ignored."""
    begins = (date_in(reference.attributes.get(name, "")) for name in BEGIN_ATTRIBUTES)
    ends = (date_in(reference.attributes.get(name, "")) for name in EXPIRY_ATTRIBUTES)
    return Validity(
        since=max((each for each in begins if each is not None), default=date.min),
        until=min((each for each in ends if each is not None), default=date.max),
    )


def is_valid(reference: Reference, day: date) -> bool:
    """Return whether a reference is valid on a day; see `validity_of`."""
    validity = validity_of(reference)
    return validity.since <= day <= validity.until


def date_in(text: str) -> date | None:
    """Return the ISO 8601 date at the beginning of a text, or None."""
    try:
        return date.fromisoformat(text.strip()[:_ISO_DATE_LENGTH])
    except ValueError:
        return None
