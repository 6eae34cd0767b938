"""`edge-identify search TEXT`: finds references by a text.

A namespace named in the text is suggested, not applied, unless `--auto-namespace` is given: "paris" may be a city, a
plant or a person.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.cli.options.answer_options import add_answer_options
from edge_identify.edge_runtime.cli.options.pack_options import LeftOutPacks, add_pack_options, chosen_packs
from edge_identify.edge_runtime.cli.outputs.answer_outputs import print_answer
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.filter_options import add_filter_options, chosen_filters

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.pack.pack_reader import Pack

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
        description="Finds references by a text, in the packs on this device: by their ids, names, labels, namespaces "
        "and attributes, typing errors allowed, and by what they look like if the pack has a text encoder. An exact id "
        "or name is first. Of several packs, the one whose references fit best answers.",
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
    from edge_identify.edge_runtime.search.text_searcher import check_text

    check_text(options.text)
    chosen, left_out = chosen_packs(options), LeftOutPacks()
    left_out.report_all(chosen.damaged)
    if chosen.are_several:
        found = _search_in_all(chosen.packs, options, left_out)
    else:
        found = _search_in(chosen.packs[0], options)
    print_answer(found, as_json=options.json, names_pack=chosen.are_several)
    if found.suggested_namespaces and not options.json:
        import shlex

        words = " ".join(f"--namespace {shlex.quote(name)}" for name in found.suggested_namespaces)
        print(f"the text names a namespace; to search only there: {printable(words)}", file=sys.stderr)
    return left_out.code_of(ExitCode.DONE if found.matches else ExitCode.UNKNOWN)


def _search_in(pack: Pack, options: argparse.Namespace) -> Identification:
    from edge_identify.edge_runtime.search.filtering import pack_namespaces_named_in
    from edge_identify.edge_runtime.search.text_searcher import TextSearcher

    filters, named = chosen_filters(options), pack_namespaces_named_in(options.text, pack)
    if options.auto_namespace and not filters.namespaces:
        filters = replace(filters, namespaces=named)
    suggested = () if filters.namespaces else named
    with TextSearcher(pack, filters=filters) as searcher:
        result = searcher.search(options.text, top_k=options.top_k)
    return replace(result, suggested_namespaces=suggested)


def _search_in_all(packs: Sequence[Pack], options: argparse.Namespace, left_out: LeftOutPacks) -> Identification:
    """Return the answer of the pack whose first match fits best."""
    from edge_identify.edge_runtime.search.most_certain import best_fitting
    from edge_identify.edge_runtime.search.packs_identifier import those_that_can

    makers = [(pack.manifest.name, partial(_search_in, pack, options)) for pack in packs]
    found = those_that_can(makers, chosen_filters(options), left_out.report)
    best = best_fitting(found)
    others = [f"{one.pack_name} ({one.best.reference.name})" for one in found if one is not best and one.matches]
    if others and not options.json:
        print(f"other packs, and what is nearest there: {printable(', '.join(others))}", file=sys.stderr)
    return best
