"""`edge-build evaluate`: how often a pack is right, and how often what it says of itself is."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import subcommand
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.output_files import check_nothing_lost, check_outside_pack, check_writable
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.evaluating.evaluation import Evaluation
    from edge_identify.edge_runtime.pack.pack_reader import Pack


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "evaluate",
        "measure a pack with photos whose answer is known",
        "edge-build evaluate street-art-pack --queries photos.csv --html report.html",
    )
    parser.add_argument("pack", type=Path, metavar="PACK", help="the pack's folder")
    parser.add_argument(
        "--queries",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="columns query (a path), id (empty: not in the pack)",
    )
    parser.add_argument(
        "--group-by",
        metavar="COLUMN",
        help="show the figures for each value of this column (default: each column that sorts the photos into a few)",
    )
    parser.add_argument(
        "--verify-geometry",
        action="store_true",
        help="ask as `edge-identify --verify-geometry` does; needs a pack with thumbnails and the extra [geometry]",
    )
    parser.add_argument(
        "--no-location",
        action="store_true",
        help="use nothing of what photos say of where they were taken, as `edge-identify --no-location` does",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report for people: one file, with pictures")
    parser.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="where the references' pictures lie, to show them in the report"
    )
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.evaluating import evaluation
    from edge_identify.convert.evaluating.evaluation_figures import grouping_columns, report_figures
    from edge_identify.convert.reporting.report_part import pack_facts
    from edge_identify.edge_runtime.pack.pack_reader import open_pack
    from edge_identify.edge_runtime.pack.references import ReferenceTable
    from edge_identify.edge_runtime.photos.exif_position import photo_position

    _check_report_options(options)
    pack = open_pack(options.pack)
    check_outside_pack({"--html": options.html}, pack.folder)
    queries = evaluation.read_queries(options.queries)
    if options.group_by is not None:
        evaluation.check_group_column(queries, options.group_by, where=str(options.queries))
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        evaluation.check_known_ids(queries, references.ids(), where=str(options.queries))
    pictures = _reference_pictures(options.catalogue)
    read = [options.queries, *(query.photo for query in queries), *pictures.values()]
    check_nothing_lost({"--html": options.html}, [*read, *([options.catalogue] if options.catalogue else [])])
    result = evaluation.evaluate_pack(
        pack,
        queries,
        progress=shown_progress,
        verify_geometry=options.verify_geometry,
        position_of=None if options.no_location else photo_position,
    )
    for left_out in result.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    if not result.outcomes:
        raise SetupError(f"{options.queries}: not one usable photo; the lines above say why")
    columns = (options.group_by,) if options.group_by is not None else grouping_columns(queries)
    figures = report_figures(result, columns=columns) | pack_facts(pack, result)
    _print_figures(figures, as_json=options.json)
    if options.html is not None:
        _write_report(options, pack, result, figures, pictures)
    return ExitCode.SOME_SKIPPED if result.left_out else ExitCode.DONE


def _check_report_options(options: argparse.Namespace) -> None:
    """Find out before the long run that the report could not be written after it.

    Raises:
        SetupError: Its folder is missing or refuses files, its name is a folder's, or a catalogue is given for nothing.
    """
    path: Path | None = options.html
    if path is None:
        if options.catalogue is not None:
            raise SetupError("--catalogue shows the references' pictures in a report; say where with --html FILE")
        return
    check_writable(path, "--html")


def _reference_pictures(catalogue: Path | None) -> dict[str, Path]:
    """Return one picture's file of each reference of a catalogue, by id."""
    from edge_identify.datasets.catalogue.catalogue import Catalogue

    if catalogue is None:
        return {}
    with Catalogue.open_existing(catalogue) as opened:
        images = opened.images()
    return {image.reference_id: image.path for image in reversed(images)}


def _write_report(
    options: argparse.Namespace, pack: Pack, result: Evaluation, figures: dict[str, Any], pictures: dict[str, Path]
) -> None:
    from edge_identify.convert.reporting.report_page import report_page
    from edge_identify.convert.reporting.report_part import evaluation_part
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.durable_writes import write_bytes

    part = evaluation_part(pack, result, figures, reference_images=pictures, asked_with=options.queries.name)
    page = report_page(f"How well {pack.manifest.title} names photos", [part])
    with disk_errors_explained(options.html.parent):
        write_bytes(options.html, page.encode())
    print(f"report: {printable(str(options.html))}", file=sys.stderr)


def _print_figures(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
        return
    groups = [
        (f"{column} {value}", group)
        for column, values in figures["by_column"].items()
        for value, group in values.items()
    ]
    for name, group in (("all", figures["all"]), *groups):
        recalls = "  ".join(
            f"{key} {value:.3f}" for key, value in group.items() if key.startswith("recall") and value is not None
        )
        print(f"{printable(name):<32} {group['queries']:5d} queries  {recalls}".rstrip())
        if "decisions" in group:
            print(_decisions_line(group["decisions"]))
    for reason in figures["absent"].values():
        print(reason, file=sys.stderr)
    if count := figures["location"]["photos"]:
        print(
            f"{count} photos were asked with where they say they were taken; --no-location leaves it out",
            file=sys.stderr,
        )


def _decisions_line(decisions: dict[str, Any]) -> str:
    known, others = decisions["known"], decisions["not_in_pack"]
    parts = [
        f"known: {known['identified_right']} identified, {known['identified_wrong']} identified wrongly, "
        f"{known['ambiguous']} ambiguous ({known['ambiguous_with_right']} with the right one), "
        f"{known['unknown']} unknown",
        f"not in pack: {others['identified'] + others['ambiguous']} of {others['photos']} accepted",
        *(
            f"{label} {decisions[key]:.3f}"
            for label, key in (("ECE", "ece"), ("AUROC", "auroc_evidence"))
            if decisions[key] is not None
        ),
    ]
    return f"  {' · '.join(parts)}"
