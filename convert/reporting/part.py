"""From an evaluated pack to its part of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.reporting.page import ReportPart
from edge_identify.convert.reporting.pictures import ReportPictures
from edge_identify.edge_runtime.pack.references import ReferenceTable

if TYPE_CHECKING:
    from edge_identify.convert.evaluation import Evaluation
    from edge_identify.edge_runtime.pack.reader import Pack


def evaluation_part(
    pack: Pack,
    evaluation: Evaluation,
    figures: Mapping[str, Any],
    *,
    reference_pictures: Mapping[str, Path],
    asked_with: str,
    title: str | None = None,
) -> ReportPart:
    """Return a pack's part of a report.

    Args:
        pack: What was asked.
        evaluation: What it said.
        figures: Of the evaluation, as `figures` describes them.
        reference_pictures: One picture's file of each reference, by id, as far as they are at hand.
        asked_with: What the photos are called, such as the name of their table.
        title: Of the part; None for the pack's own.
    """
    manifest = pack.manifest
    about = (
        f"The pack {manifest.name} {manifest.version} knows {manifest.reference_count} things. It was asked "
        f"{len(evaluation.outcomes)} photos whose answer is known ({asked_with}), the way a user's photos go."
    )
    with ReferenceTable(pack.file(manifest.references_file)) as references:
        known = set(references.ids())
        names = {each: references.reference(each).name for each in set(_mentioned(figures)) & known}
    return ReportPart(
        title=title or manifest.title,
        about=about,
        figures=figures,
        names=names,
        pictures=ReportPictures(reference_pictures),
        left_out=tuple(left_out.reason for left_out in evaluation.left_out),
    )


def _mentioned(figures: Mapping[str, Any]) -> Iterator[str]:
    for pair in figures["confusable"]:
        yield from (pair["right"], pair["taken_for"])
    for photos in figures["worst"].values():
        for photo in photos:
            yield from (photo["id"], photo["nearest"])
