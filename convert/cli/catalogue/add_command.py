"""`edge-build add`: add reference images to a catalogue."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.catalogue_option import add_catalogue_option
from edge_identify.convert.cli.options.subcommand import add_json_option, print_note, subcommand
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.datasets.sources import SourceOptions


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "add",
        "add reference images to a catalogue",
        "edge-build add images:my-pictures --catalogue my.catalogue",
        "edge-build add table:references.csv --map name=title,path=file --catalogue my.catalogue",
        about="Adding again is safe: unchanged images are skipped, changed ones are updated.",
        exit_codes=[ExitCode.SOME_SKIPPED, ExitCode.NETWORK],
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="images:DIR; image-list:FILE (one path per line, or CSV with a header); table:FILE (.csv, .tsv, .jsonl, "
        ".parquet); urls:FILE (one URL per line, or a table with a column url); or s3://BUCKET/PREFIX (also gs://, az://)",
    )
    add_catalogue_option(parser, help_text="catalogue file; created if missing")
    _add_default_options(parser)
    _add_folder_options(parser)
    _add_table_options(parser)
    _add_download_options(parser)
    add_json_option(parser, "the counts as one JSON object")
    parser.set_defaults(run=_add)


def _add_default_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("defaults", "For images whose source does not give a value.")
    group.add_argument("--namespace", metavar="NAME", help="namespace of the references")
    group.add_argument("--licence", metavar="TEXT", help="licence of the images, such as CC-BY-4.0")
    group.add_argument(
        "--provenance", metavar="TEXT", help="author or origin of the images; packs contain it and answers can show it"
    )


def _add_folder_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("folders and file names")
    group.add_argument("--no-recursive", action="store_true", help="images: do not search subfolders of DIR")
    group.add_argument(
        "--label-from-folder", action="store_true", help="images: use the name of an image's folder as its label"
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="images and buckets: leave out files and folders of this name, such as '*_small.jpg'; a pattern with / is "
        "compared with the path, such as 'raw/*'; repeatable",
    )
    group.add_argument(
        "--name-pattern",
        metavar="REGEX",
        help="read facts from file names with named groups: (?P<id>\\d+)_(?P<name>.+) reads 1_cat.jpeg as id 1, name "
        "cat; groups: id, name, namespace, label, category, subcategory, any attribute",
    )


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tables")
    group.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN,...",
        help="which column holds which field, such as id=code,name=title,path=file,lat=latitude; other fields are "
        "found by their names",
    )
    group.add_argument(
        "--attributes", metavar="all|COLUMN,...", help="keep these other columns as attributes (default: none)"
    )


def _add_download_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("URLs and buckets")
    group.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder for downloaded images (default: CATALOGUE.pictures)"
    )
    group.add_argument(
        "--per-host", type=_count, default=8, metavar="N", help="urls: parallel downloads per server (default: 8)"
    )
    group.add_argument(
        "--allow-private", action="store_true", help="urls: allow private addresses: this machine and its network"
    )
    group.add_argument(
        "--publish-queries",
        action="store_true",
        help="urls: write image URLs with query strings or fragments into packs (they may hold secrets)",
    )
    group.add_argument("--endpoint", metavar="URL", help="buckets: an S3-compatible server other than Amazon's")
    group.add_argument("--anonymous", action="store_true", help="buckets: read without credentials")


def _add(options: argparse.Namespace) -> ExitCode:
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.sources import ListedImages, parse_source

    source_options = _source_options(options)
    passed_over = source_options.passed_over
    source = parse_source(options.source, source_options)
    # The source is read first: an empty one creates no catalogue. A created catalogue is never removed again, because
    # another run may have it open.
    listed = ListedImages(tuple(shown_progress("listing images", source.images())))
    with Catalogue.open(options.catalogue) as catalogue:
        try:
            report = catalogue.add(
                listed,
                namespace=options.namespace,
                licence=options.licence,
                provenance=options.provenance,
                progress=lambda items: shown_progress("adding", items),
            )
        except KeyboardInterrupt:
            print_note(
                f"{options.catalogue} holds {counted(len(catalogue.images()), 'image')}, including those just added; "
                "run the same command again to continue"
            )
            raise
    for skipped in report.skipped:
        print(f"skipped: {printable(skipped.reason)}", file=sys.stderr)
    counts = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "skipped": len(report.skipped),
        "references_added": report.references_added,
        "passed_over": passed_over.total,
    }
    if passed_over.total:
        print_note(f"passed over: {passed_over}")
    _print(counts, as_json=options.json)
    if report.usable == 0:
        raise SetupError(f"{options.source}: no usable image; the lines above give the reasons")
    return ExitCode.SOME_SKIPPED if report.skipped else ExitCode.DONE


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 999")
    return int(text)


def _source_options(options: argparse.Namespace) -> SourceOptions:
    from edge_identify.datasets.sources import SourceOptions
    from edge_identify.datasets.sources.fetching.bulk_fetching import FetchPolicy
    from edge_identify.datasets.sources.name_pattern import checked_pattern
    from edge_identify.datasets.sources.rows.column_mapping import ColumnMapping, parse_mapping

    wants_all = options.attributes == "all"
    named = [] if wants_all else [name.strip() for name in (options.attributes or "").split(",")]
    return SourceOptions(
        recursive=not options.no_recursive,
        label_from_folder=options.label_from_folder,
        mapping=ColumnMapping(
            columns=parse_mapping(options.map),
            attributes=tuple(name for name in named if name),
            all_attributes=wants_all,
        ),
        cache=options.cache or options.catalogue.with_name(f"{options.catalogue.name}.pictures"),
        policy=FetchPolicy(per_host=options.per_host, allow_private=options.allow_private),
        publishes_queries=options.publish_queries,
        endpoint=options.endpoint,
        anonymous=options.anonymous,
        progress=lambda outcomes: shown_progress("fetching", outcomes),
        exclude=tuple(pattern for pattern in options.exclude if pattern.strip("/")),
        name_pattern=None if options.name_pattern is None else checked_pattern(options.name_pattern),
    )


def _print(counts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(counts))
        return
    told = {key: count for key, count in counts.items() if key not in ("references_added", "passed_over")}
    parts = [f"{count} {key}" for key, count in told.items()]
    print(", ".join([*parts, f"{counted(counts['references_added'], 'reference')} added"]))
