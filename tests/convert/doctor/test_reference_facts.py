"""Findings about the facts of references, one fault each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from edge_identify.convert.doctor.findings import Case, DoctorFinding, Severity
from edge_identify.convert.doctor.reference_facts import fact_findings
from edge_identify.edge_runtime.pack.references import Reference

TODAY = date(2026, 11, 21)
SOUND = Reference(
    id="a", name="A", latitude=48.85, longitude=2.35, licence="CC0-1.0", attributes={"expires": "2026-11-21"}
)


def found(reference: Reference, counts: dict[str, int] | None = None) -> dict[str, DoctorFinding]:
    findings = fact_findings([reference], {"a": 1} if counts is None else counts, today=TODAY)
    return {finding.kind: finding for finding in findings if finding is not None}


def test_a_sound_reference_gives_no_finding_and_neither_does_one_without_a_position() -> None:
    assert found(SOUND) == {}
    assert found(replace(SOUND, latitude=None, longitude=None)) == {}
    assert found(replace(SOUND, latitude=-90.0, longitude=180.0)) == {}


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(91.0, 2.0), (-90.1, 0.0), (48.0, 180.1), (float("nan"), 2.0), (1.0, float("inf"))]
)
def test_a_place_that_does_not_exist_is_serious(latitude: float, longitude: float) -> None:
    (finding,) = found(replace(SOUND, latitude=latitude, longitude=longitude)).values()

    assert (finding.kind, finding.severity) == ("impossible-coordinates", Severity.SERIOUS)
    assert finding.cases[0].ids == ("a",)


def test_half_a_position_and_the_point_of_origin_are_found() -> None:
    assert found(replace(SOUND, latitude=None))["impossible-coordinates"].cases == (
        Case(ids=("a",), detail="only one of lat and lng is given"),
    )
    assert list(found(replace(SOUND, latitude=0.0, longitude=0.0))) == ["doubtful-coordinates"]


@pytest.mark.parametrize("licence", [None, "", "  "])
def test_a_missing_licence_is_found(licence: str | None) -> None:
    assert list(found(replace(SOUND, licence=licence))) == ["no-licence"]


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"expires": "2026-11-20"}, "expires 2026-11-20"),
        ({"valid_until": "2020-01-01T12:00:00Z"}, "valid_until 2020-01-01"),
        ({"expires": "2026-12-01"}, None),
        ({"Valid until": "46022"}, "Valid until 2025-12-31"),
        ({"made": "1999-01-01"}, None),
    ],
)
def test_what_was_valid_until_yesterday_has_expired(attributes: dict[str, str], detail: str | None) -> None:
    findings = found(replace(SOUND, attributes=attributes))

    assert [case.detail for finding in findings.values() for case in finding.cases] == ([detail] if detail else [])


def test_a_date_that_cannot_be_read_is_found_with_its_attribute() -> None:
    (finding,) = found(replace(SOUND, attributes={"valid_until": "next year"})).values()
    assert (finding.kind, finding.severity) == ("unreadable-dates", Severity.WARNING)
    assert "valid_until 'next year'" in finding.cases[0].detail


def test_a_reference_without_an_image_is_found() -> None:
    assert list(found(SOUND, counts={})) == ["no-picture"]


def test_one_image_is_few_only_where_others_have_many() -> None:
    references = [replace(SOUND, id=name) for name in "abc"]

    def kinds(*counts: int) -> list[str]:
        counted = dict(zip("abc", counts, strict=True))
        return [each.kind for each in fact_findings(references, counted, today=TODAY) if each]

    assert kinds(1, 1, 9) == []
    assert kinds(1, 4, 5) == ["one-picture"]
    assert kinds(2, 4, 5) == []
