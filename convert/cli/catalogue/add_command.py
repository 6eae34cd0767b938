"""`edge-build add`: reference pictures into a catalogue."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import print_note, subcommand
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.datasets.sources import SourceOptions


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "add",
        "add reference pictures to a catalogue",
        "edge-build add images:my-pictures --catalogue my.catalogue",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="images:DIR, image-list:FILE (path per line, or CSV with a header), table:FILE (.csv, .tsv, .jsonl, "
        ".parquet), urls:FILE (address per line, or a table with a column url), or s3://BUCKET/PREFIX (also gs://, az://)",
    )
    parser.add_argument("--catalogue", type=Path, required=True, metavar="FILE", help="made if it is not there")
    parser.add_argument("--namespace", metavar="NAME", help="for references whose source gives none")
    parser.add_argument("--licence", metavar="TEXT", help="of pictures whose source gives none, such as CC-BY-4.0")
    parser.add_argument(
        "--provenance",
        metavar="TEXT",
        help="who made the pictures, or where they come from, where the source does not say; answers can show it",
    )
    parser.add_argument("--no-recursive", action="store_true", help="images: leave out the folders inside DIR")
    parser.add_argument(
        "--label-from-folder", action="store_true", help="images: label each picture with its folder's name"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN,...",
        help="tables: which column holds what, such as id=code,name=title,path=file,lat=latitude; fields that are not "
        "mapped are found by their names",
    )
    parser.add_argument(
        "--attributes",
        metavar="all|COLUMN,...",
        help="tables: keep these other columns as attributes (default: none)",
    )
    parser.add_argument(
        "--name-pattern",
        metavar="REGEX",
        help="take file names apart: (?P<id>\\d+)_(?P<name>.+) reads 1_cat.jpeg as id 1, name cat; the groups are id, "
        "name, namespace, label, category, subcategory, and any attribute",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="urls, buckets: where the pictures are kept (default: CATALOGUE.pictures)",
    )
    parser.add_argument(
        "--per-host",
        type=_count,
        default=8,
        metavar="N",
        help="urls: how many pictures are fetched from one server at once (default 8)",
    )
    parser.add_argument(
        "--allow-private",
        action="store_true",
        help="urls: fetch from private addresses, too: this machine, its network",
    )
    parser.add_argument(
        "--publish-queries",
        action="store_true",
        help="urls: let packs tell addresses with ?... or #... behind the path, too; without it they do not, since a "
        "key may be in there",
    )
    parser.add_argument("--endpoint", metavar="URL", help="s3: a server that is not Amazon's")
    parser.add_argument("--anonymous", action="store_true", help="buckets: ask without credentials")
    parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")
    parser.set_defaults(run=_add)


def _add(options: argparse.Namespace) -> ExitCode:
    from edge_identify.datasets.catalogue.catalogue import Catalogue
    from edge_identify.datasets.sources import ListedImages, parse_source

    source = parse_source(options.source, _source_options(options))
    # Read before the catalogue is made: a source that names nothing leaves none behind. One that was made is never
    # removed again, since another run may have it open.
    listed = ListedImages(tuple(source.images()))
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
                f"{options.catalogue} holds {len(catalogue.images())} pictures, with those just added; "
                "run the same command again to go on"
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
    }
    _print(counts, as_json=options.json)
    if report.usable == 0:
        raise SetupError(f"{options.source}: not one usable picture; the lines above say why")
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
        name_pattern=None if options.name_pattern is None else checked_pattern(options.name_pattern),
    )


def _print(counts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(counts))
        return
    print(", ".join(f"{value} {key.replace('_', ' ')}" for key, value in counts.items()))
