"""The values of an examination: cases, findings and their severity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Severity of a finding, the worst first."""

    SERIOUS = "serious"  # answers will be wrong or missing
    WARNING = "warning"  # answers may be wrong, or a right may be violated
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One instance of a finding.

    Attributes:
        ids: References that the case is about; empty if it is about the whole pack or catalogue.
        detail: What was found, in a few words; may be empty.
    """

    ids: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """A problem of a pack or a catalogue, with all its cases.

    Attributes:
        kind: Identifier for programs, such as `near-duplicate`; never renamed.
        severity: Severity of each case.
        what: Describes the cases, in the plural.
        advice: What to do.
        cases: The cases, at least one.
    """

    kind: str
    severity: Severity
    what: str
    advice: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """The result of examining a pack or a catalogue.

    Attributes:
        subject: `pack` or `catalogue`.
        reference_count: Number of references.
        picture_count: Number of reference images.
        findings: The findings, the worst first.
        not_checked: What could not be checked, and why; one line each.
        near_duplicate_similarity: Cosine similarity from which two references count as near duplicates; None if it was
            not measured.
    """

    subject: str
    reference_count: int
    picture_count: int
    findings: tuple[DoctorFinding, ...]
    not_checked: tuple[str, ...]
    near_duplicate_similarity: float | None

    @property
    def is_serious(self) -> bool:
        """Whether there is a serious finding."""
        return any(finding.severity is Severity.SERIOUS for finding in self.findings)


def worst_first(findings: Iterable[DoctorFinding | None]) -> tuple[DoctorFinding, ...]:
    """Return the findings that are not None, sorted by severity; the sort is stable."""
    order = list(Severity)
    return tuple(sorted((each for each in findings if each is not None), key=lambda each: order.index(each.severity)))


def finding_of(kind: str, severity: Severity, what: str, advice: str, cases: Iterable[Case]) -> DoctorFinding | None:
    """Return a finding, or None if there is no case."""
    listed = tuple(cases)
    if not listed:
        return None
    return DoctorFinding(kind=kind, severity=severity, what=what, advice=advice, cases=listed)
