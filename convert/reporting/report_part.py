"""Makes a pack's part of a report, and the figures that come from the pack itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.reporting.report_images import ReportImages
from edge_identify.convert.reporting.report_page import ReportPart
from edge_identify.edge_runtime.decisions.calibration import read_calibrations
from edge_identify.edge_runtime.io.counted import counted
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
    todo: Sequence[str] = (),
    reference_images: Mapping[str, Path],
    asked_with: str,
    title: str | None = None,
) -> ReportPart:
    """Return a pack's part of a report.

    Args:
        pack: The evaluated pack.
        evaluation: The evaluation.
        figures: Its figures; see `evaluation_figures`.
        todo: What to do next; see `report_advice`.
        reference_images: An image file of each reference, by id, as far as available. For other references, the pack's
            thumbnails are used.
        asked_with: Describes the photos, such as the name of their table.
        title: Title of the part; None for the pack's title.
    """
    manifest = pack.manifest
    about = (
        f"The pack {manifest.name} {manifest.version} has {counted(manifest.reference_count, 'reference')}. "
        f"It was evaluated on {counted(len(evaluation.outcomes), 'photo')} whose answer is known ({asked_with}), "
        f"processed like a user's photos. {_positions(figures)}"
    )
    with ReferenceTable(pack.file(manifest.references_file)) as references:
        mentioned = set(_mentioned(figures)) & set(references.ids())
        names = {each: references.reference(each).name for each in mentioned}
        thumbnails = _thumbnails(pack, references, mentioned)
    return ReportPart(
        title=title or manifest.title,
        about=about,
        figures=figures,
        todo=todo,
        names=names,
        images=ReportImages(reference_images, thumbnails),
        # A page is passed on, so it does not tell local folders.
        left_out=tuple(one.reason.replace(str(one.path), one.path.name) for one in evaluation.left_out),
    )


def _positions(figures: Mapping[str, Any]) -> str:
    location = figures["location"]
    if not location["used"]:
        return "The photos' positions were not used."
    if not location["photos"]:
        return "None of the photos has a position."
    return f"{location['photos']} of the photos have a position, and it was used."


def pack_facts(pack: Pack, evaluation: Evaluation) -> dict[str, Any]:
    """Return the keys of `evaluation_figures` that come from the pack: `pack` and `absent`."""
    manifest = pack.manifest
    rates: set[float] = set()
    real_photos = 0
    if manifest.calibration_file is not None:
        calibrations = read_calibrations(pack.file(manifest.calibration_file))
        rates = {calibration.false_accept_rate for calibration in calibrations.values()}
        real_photos = max((each.real_photos.count for each in calibrations.values() if each.real_photos), default=0)
    facts = {
        "name": manifest.name,
        "version": str(manifest.version),
        "title": manifest.title,
        "references": manifest.reference_count,
        "false_accept_rate": rates.pop() if len(rates) == 1 else None,
        "real_photos": real_photos,
    }
    return {"absent": _absent(pack, evaluation), "pack": facts}


def _absent(pack: Pack, evaluation: Evaluation) -> dict[str, str]:
    if all(outcome.verdict is not None for outcome in evaluation.outcomes):
        return {}
    if pack.manifest.calibration_file is None:
        return {"decisions": "the pack is not calibrated and decides nothing; build it again with `edge-build pack`"}
    return {"decisions": "the pack is calibrated for other variants than the one that runs here"}


def _thumbnails(pack: Pack, references: ReferenceTable, mentioned: AbstractSet[str]) -> dict[str, Image]:
    """Return a thumbnail of each mentioned reference that has one, by id."""
    opened = open_thumbnails(pack)
    if opened is None:
        return {}
    with opened as table:
        images = [image for image in references.images() if image.reference_id in mentioned]
        found = {image.reference_id: table.image(image.index_id) for image in reversed(images)}
    return {name: thumbnail for name, thumbnail in found.items() if thumbnail is not None}


def _mentioned(figures: Mapping[str, Any]) -> Iterator[str]:
    for pair in figures["confusable"]:
        yield from (pair["right"], pair["taken_for"])
    for photos in figures["worst"].values():
        for photo in photos:
            yield from (photo["id"], photo["nearest"])
