"""What an examination finds, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    SERIOUS = "serious"  # answers will be wrong or missing
    WARNING = "warning"  # answers may be wrong, or somebody may object
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One instance of a finding.

    Attributes:
        ids: The references that it is about; none where it is about the whole.
        detail: What was found there, in a few words; may be empty.
    """

    ids: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """Something that will go wrong.

    Attributes:
        kind: One word or two for programs, such as `near-duplicate`; never renamed.
        severity: How bad it is.
        what: What the cases are, in the plural.
        advice: What to do.
        cases: Where, at least one.
    """

    kind: str
    severity: Severity
    what: str
    advice: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was looked at, and what was found.

    Attributes:
        subject: `pack` or `catalogue`.
        reference_count: References in it.
        picture_count: Their images.
        findings: The worst first.
        not_checked: What could not be looked at, and why, a line for each.
        near_duplicate_similarity: From here on, two references count as nearly the same; None if not measured.
    """

    subject: str
    reference_count: int
    picture_count: int
    findings: tuple[DoctorFinding, ...]
    not_checked: tuple[str, ...]
    near_duplicate_similarity: float | None

    @property
    def is_serious(self) -> bool:
        """Whether anything serious was found."""
        return any(finding.severity is Severity.SERIOUS for finding in self.findings)


def worst_first(findings: Iterable[DoctorFinding | None]) -> tuple[DoctorFinding, ...]:
    """Return the findings that there are, by severity, and among equals in their order."""
    order = list(Severity)
    return tuple(sorted((each for each in findings if each is not None), key=lambda each: order.index(each.severity)))


def finding_of(kind: str, severity: Severity, what: str, advice: str, cases: Iterable[Case]) -> DoctorFinding | None:
    """Return a finding, or None where there is no case."""
    listed = tuple(cases)
    if not listed:
        return None
    return DoctorFinding(kind=kind, severity=severity, what=what, advice=advice, cases=listed)
