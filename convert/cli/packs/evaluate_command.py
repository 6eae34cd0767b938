"""`edge-build evaluate`: measure the accuracy and the calibration of a pack on labelled photos."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import add_json_option, subcommand, with_page_output
from edge_identify.convert.progress import during, shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted, plural
from edge_identify.edge_runtime.io.output_files import check_nothing_lost, check_outside_pack, check_writable
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.geometry_option import add_geometry_mode

if TYPE_CHECKING:
    from edge_identify.convert.evaluating.evaluation import Evaluation
    from edge_identify.edge_runtime.pack.pack_reader import Pack


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "evaluate",
        "measure the accuracy of a pack on labelled photos",
        "edge-build evaluate --pack ./street-art-pack --queries photos.csv --html report.html",
        exit_codes=[ExitCode.SOME_SKIPPED, ExitCode.PACK],
    )
    pack = parser.add_argument_group("pack")
    pack.add_argument("--pack", type=Path, required=True, metavar="DIR", help="folder of the pack")
    queries = parser.add_argument_group("queries")
    queries.add_argument(
        "--queries",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="table of photos; columns: query (a path), id (of the right reference; empty: not in the pack)",
    )
    queries.add_argument(
        "--group-by",
        metavar="COLUMN",
        help="show figures for each value of this column (default: every column with few values)",
    )
    add_geometry_mode(queries)
    queries.add_argument(
        "--no-location", action="store_true", help="ignore EXIF positions, like edge-identify --no-location"
    )
    output = add_json_option(parser, "the figures as one JSON object")
    output.add_argument(
        "--html", type=Path, metavar="FILE", help="write an HTML report with images: one file; - is standard output"
    )
    output.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="catalogue whose reference images the report shows"
    )
    parser.set_defaults(run=with_page_output(_evaluate))


def _evaluate(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.evaluating import evaluation
    from edge_identify.convert.evaluating.evaluation_figures import grouping_columns, report_figures
    from edge_identify.convert.reporting.report_advice import advice
    from edge_identify.convert.reporting.report_part import pack_facts
    from edge_identify.edge_runtime.pack.pack_reader import open_pack
    from edge_identify.edge_runtime.pack.references import ReferenceTable
    from edge_identify.edge_runtime.photos.prepared_photos import exif_position_of
    from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode

    _check_report_options(options)
    pack = open_pack(options.pack)
    check_outside_pack({"--html": options.html}, pack.folder)
    queries = evaluation.read_queries(options.queries)
    if options.group_by is not None:
        evaluation.check_group_column(queries, options.group_by, where=str(options.queries))
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        evaluation.check_known_ids(queries, references.ids(), where=str(options.queries))
    image_files = _reference_image_files(options.catalogue)
    read = [options.queries, *(query.photo for query in queries), *image_files.values()]
    check_nothing_lost({"--html": options.html}, [*read, *([options.catalogue] if options.catalogue else [])])
    result = evaluation.evaluate_pack(
        pack,
        queries,
        progress=shown_progress,
        geometry=GeometryMode(options.verify_geometry),
        position_of=None if options.no_location else exif_position_of,
    )
    for left_out in result.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    if not result.outcomes:
        raise SetupError(f"{options.queries}: no usable photo; the lines above give the reasons")
    columns = (options.group_by,) if options.group_by is not None else grouping_columns(queries)
    figures = during(shown_progress, "computing figures", lambda: report_figures(result, columns=columns))
    figures |= pack_facts(pack, result)
    compared = pack.manifest.local_features is not None or options.verify_geometry == GeometryMode.ALWAYS
    todo = advice(figures, with_geometry=compared, has_page=options.html is not None)
    _print_figures(figures, todo, as_json=options.json)
    if options.html is not None:
        _write_report(options, pack, result, figures, todo, image_files)
    return ExitCode.SOME_SKIPPED if result.left_out else ExitCode.DONE


def _check_report_options(options: argparse.Namespace) -> None:
    """Check before the evaluation that the report can be written.

    Raises:
        SetupError: The folder of `--html` is missing or not writable, `--html` is a folder, or `--catalogue` is given
            without `--html`.
    """
    path: Path | None = options.html
    if path is None:
        if options.catalogue is not None:
            raise SetupError("--catalogue needs --html FILE: the report shows the catalogue's images")
        return
    check_writable(path, "--html")


def _reference_image_files(catalogue: Path | None) -> dict[str, Path]:
    """Return one image file per reference of a catalogue, by id."""
    from edge_identify.datasets.catalogue.catalogue import Catalogue

    if catalogue is None:
        return {}
    with Catalogue.open_existing(catalogue) as opened:
        images = opened.images()
    return {image.reference_id: image.path for image in reversed(images)}


def _write_report(
    options: argparse.Namespace,
    pack: Pack,
    result: Evaluation,
    figures: dict[str, Any],
    todo: Sequence[str],
    image_files: dict[str, Path],
) -> None:
    from edge_identify.convert.reporting.report_page import report_page
    from edge_identify.convert.reporting.report_part import evaluation_part
    from edge_identify.edge_runtime.io.disk import disk_errors_explained
    from edge_identify.edge_runtime.io.output_writes import write_output

    page = during(
        shown_progress,
        "drawing the report",
        lambda: report_page(
            f"How well {pack.manifest.title} names photos",
            [
                evaluation_part(
                    pack,
                    result,
                    figures,
                    todo=todo,
                    reference_images=image_files,
                    asked_with=options.queries.name,
                )
            ],
        ),
    )
    with disk_errors_explained(options.html.parent):
        write_output(options.html, page.encode())
    print(f"report: {printable(str(options.html))}", file=sys.stderr)


def _print_figures(figures: dict[str, Any], todo: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
        return
    from edge_identify.convert.reporting.report_screen import report_lines
    from edge_identify.edge_runtime.terminal.terminal_text import screen_of

    for line in report_lines(figures, todo, width=screen_of(sys.stdout).width):
        print(printable(line))
    if count := figures["location"]["photos"]:
        print(
            f"{counted(count, 'photo')} {plural(count, 'was', 'were')} identified with "
            f"{plural(count, 'its', 'their')} EXIF position; --no-location ignores it",
            file=sys.stderr,
        )
