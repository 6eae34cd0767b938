"""`edge-identify search TEXT`: finds references by a text.

A namespace named in the text is suggested, not applied, unless `--auto-namespace` is given: "paris" may be a city, a
plant or a person.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from edge_identify.edge_runtime.cli.options.answer_options import add_answer_options
from edge_identify.edge_runtime.cli.options.pack_options import add_pack_options, chosen_pack
from edge_identify.edge_runtime.cli.outputs.answer_outputs import print_answer
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.filter_options import add_filter_options, chosen_filters

_EXAMPLES = (
    "edge-identify search avocdo  # finds the reference named Avocado",
    'edge-identify search "a red mosaic of a crab"',
    'edge-identify search "mosaics in Paris" --auto-namespace',
)


def search_main(words: list[str]) -> int:
    """Run `edge-identify search`."""
    options = search_parser().parse_args(words)
    return run_command(lambda: _search(options))


def search_parser() -> CommandParser:
    """Return the parser of `edge-identify search`."""
    parser = CommandParser(
        prog="edge-identify search",
        examples=_EXAMPLES,
        description="Finds references by a text, in a pack on this device: by their ids, names, labels, namespaces and "
        "attributes, typing errors allowed, and by what they look like if the pack has a text encoder. An exact id or "
        "name is first.",
        exit_codes=[ExitCode.UNKNOWN, ExitCode.PACK],
    )
    parser.add_argument(
        "text", metavar="TEXT", help="an id, a name, a part of one, or a description in English, in quotes"
    )
    add_pack_options(parser)
    filters = add_filter_options(parser)
    filters.add_argument(
        "--auto-namespace", action="store_true", help="search only the namespaces named in TEXT, if there are any"
    )
    add_answer_options(parser)
    return parser


def _search(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.search.filtering import pack_namespaces_named_in
    from edge_identify.edge_runtime.search.text_searcher import TextSearcher, check_text

    check_text(options.text)
    pack = chosen_pack(options)
    filters, named = chosen_filters(options), pack_namespaces_named_in(options.text, pack)
    if options.auto_namespace and not filters.namespaces:
        filters = replace(filters, namespaces=named)
    suggested = () if filters.namespaces else named
    with TextSearcher(pack, filters=filters) as searcher:
        result = searcher.search(options.text, top_k=options.top_k)
    print_answer(replace(result, suggested_namespaces=suggested), as_json=options.json)
    if suggested and not options.json:
        import shlex

        words = " ".join(f"--namespace {shlex.quote(name)}" for name in suggested)
        print(f"the text names a namespace; to search only there: {printable(words)}", file=sys.stderr)
    return ExitCode.DONE if result.matches else ExitCode.UNKNOWN
