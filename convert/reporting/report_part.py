"""From an evaluated pack to its part of a report, and what the pack itself adds to the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.reporting.report_images import ReportImages
from edge_identify.convert.reporting.report_page import ReportPart
from edge_identify.edge_runtime.decisions.calibration import read_calibrations
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.convert.evaluating.evaluation import Evaluation
    from edge_identify.edge_runtime.pack.pack_reader import Pack


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
        figures: Of the evaluation, as `evaluation_figures` describes them.
        reference_pictures: One image's file of each reference, by id, as far as they are at hand; the pack's
            thumbnails, where it has any, stand in for others.
        asked_with: What the photos are called, such as the name of their table.
        title: Of the part; None for the pack's own.
    """
    manifest = pack.manifest
    about = (
        f"The pack {manifest.name} {manifest.version} knows {manifest.reference_count} things. It was asked "
        f"{len(evaluation.outcomes)} photos whose answer is known ({asked_with}), the way a user's photos go. "
        f"{_positions(figures)}"
    )
    with ReferenceTable(pack.file(manifest.references_file)) as references:
        mentioned = set(_mentioned(figures)) & set(references.ids())
        names = {each: references.reference(each).name for each in mentioned}
        thumbnails = _thumbnails(pack, references, mentioned)
    return ReportPart(
        title=title or manifest.title,
        about=about,
        figures=figures,
        names=names,
        pictures=ReportImages(reference_pictures, thumbnails),
        # A page is passed on, and where the photos lie on its maker's disk is not for it.
        left_out=tuple(one.reason.replace(str(one.path), one.path.name) for one in evaluation.left_out),
    )


def _positions(figures: Mapping[str, Any]) -> str:
    location = figures["location"]
    if not location["used"]:
        return "What photos say of where they were taken was left out."
    if not location["photos"]:
        return "None of them says where it was taken."
    return f"{location['photos']} of them say where they were taken, and were asked with that."


def pack_facts(pack: Pack, evaluation: Evaluation) -> dict[str, Any]:
    """Return the keys of the figures that only the pack knows: `pack`, and `absent` with what it cannot have."""
    manifest = pack.manifest
    rates: set[float] = set()
    if manifest.calibration_file is not None:
        calibrations = read_calibrations(pack.file(manifest.calibration_file))
        rates = {calibration.false_accept_rate for calibration in calibrations.values()}
    facts = {
        "name": manifest.name,
        "version": str(manifest.version),
        "title": manifest.title,
        "references": manifest.reference_count,
        "false_accept_rate": rates.pop() if len(rates) == 1 else None,
    }
    return {"absent": _absent(pack, evaluation), "pack": facts}


def _absent(pack: Pack, evaluation: Evaluation) -> dict[str, str]:
    if all(outcome.verdict is not None for outcome in evaluation.outcomes):
        return {}
    if pack.manifest.calibration_file is None:
        return {"decisions": "the pack is not calibrated: it decides nothing; build it again with `edge-build pack`"}
    return {"decisions": "the pack is calibrated for other variants than the one that runs here"}


def _thumbnails(pack: Pack, references: ReferenceTable, mentioned: AbstractSet[str]) -> dict[str, Image]:
    """Return a thumbnail of each reference that is mentioned and has one, by id."""
    opened = open_thumbnails(pack)
    if opened is None:
        return {}
    with opened as table:
        images = [image for image in references.images() if image.reference_id in mentioned]
        found = {image.reference_id: table.image_facts(image.index_id) for image in reversed(images)}
    return {name: picture for name, picture in found.items() if picture is not None}


def _mentioned(figures: Mapping[str, Any]) -> Iterator[str]:
    for pair in figures["confusable"]:
        yield from (pair["right"], pair["taken_for"])
    for photos in figures["worst"].values():
        for photo in photos:
            yield from (photo["id"], photo["nearest"])
