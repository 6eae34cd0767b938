"""Checks of the facts about references: licences, coordinates, expiry dates, number of images."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from statistics import median

from edge_identify.convert.doctor.findings import Case, DoctorFinding, Severity, finding_of
from edge_identify.datasets.catalogue.validity import expiry_periods
from edge_identify.datasets.sources.rows.row_facts import unreadable_date
from edge_identify.edge_runtime.pack.references import Reference

_MANY = 2  # least median number of images per reference at which a single image is reported


def fact_findings(
    references: Sequence[Reference], image_counts: Mapping[str, int], *, today: date
) -> list[DoctorFinding | None]:
    """Return the findings about the facts of references.

    Args:
        references: All references.
        image_counts: Number of images of each reference, by id; references without images may be missing.
        today: References whose last day is before it have expired.
    """
    return [
        finding_of(
            "impossible-coordinates",
            Severity.SERIOUS,
            "references with impossible coordinates",
            "correct lat and lng (WGS 84 degrees, -90 to 90 and -180 to 180), or leave both empty",
            _impossible(references),
        ),
        finding_of(
            "doubtful-coordinates",
            Severity.WARNING,
            "references at 0, 0, in the sea off Africa",
            "leave lat and lng empty if the position is not known",
            (Case(ids=(each.id,)) for each in references if each.latitude == 0 and each.longitude == 0),
        ),
        finding_of(
            "no-picture",
            Severity.WARNING,
            "references without an image; no pack will hold them",
            "add an image of each with `edge-build add`, or remove the reference",
            (Case(ids=(each.id,)) for each in references if not image_counts.get(each.id)),
        ),
        finding_of(
            "no-licence",
            Severity.WARNING,
            "references whose images have no stated licence",
            "fill the column `licence`; otherwise users of the pack cannot know what is allowed",
            (Case(ids=(each.id,)) for each in references if not (each.licence or "").strip()),
        ),
        finding_of(
            "expired",
            Severity.WARNING,
            "references that have expired",
            "leave them out of the next version of the pack, or correct the dates",
            _expired(references, today),
        ),
        finding_of(
            "unreadable-dates",
            Severity.WARNING,
            "references with a date of validity that cannot be read; `pack --as-of` leaves them out",
            "write the date as 2026-12-31",
            _unreadable(references),
        ),
        _single_images(references, image_counts),
    ]


def _impossible(references: Iterable[Reference]) -> Iterator[Case]:
    for each in references:
        if (each.latitude is None) != (each.longitude is None):
            yield Case(ids=(each.id,), detail="only one of lat and lng is given")
        elif each.latitude is not None and each.longitude is not None and not _exists(each.latitude, each.longitude):
            yield Case(ids=(each.id,), detail=f"lat {each.latitude:g}, lng {each.longitude:g}")


def _exists(latitude: float, longitude: float) -> bool:
    return math.isfinite(latitude) and abs(latitude) <= 90 and math.isfinite(longitude) and abs(longitude) <= 180


def _expired(references: Iterable[Reference], today: date) -> Iterator[Case]:
    for each in references:
        for name, period in expiry_periods(each):
            if period.last < today:
                yield Case(ids=(each.id,), detail=f"{name} {period.last}")
                break


def _unreadable(references: Iterable[Reference]) -> Iterator[Case]:
    for each in references:
        if problem := unreadable_date(each.attributes):
            yield Case(ids=(each.id,), detail=problem)


def _single_images(references: Sequence[Reference], image_counts: Mapping[str, int]) -> DoctorFinding | None:
    counts = Counter({each.id: image_counts.get(each.id, 0) for each in references})
    positive = [count for count in counts.values() if count]
    if not positive or median(positive) < _MANY:
        return None
    return finding_of(
        "one-picture",
        Severity.NOTE,
        f"references with one image, where half have {median(positive):g} or more: they will be found less often",
        "add images from other sides and in other light",
        (Case(ids=(each.id,)) for each in references if counts[each.id] == 1),
    )
