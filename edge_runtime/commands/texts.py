"""`edge-identify search TEXT`: finds references by a description."""

from __future__ import annotations

import argparse

from edge_identify.edge_runtime.commands.answer_outputs import print_answers
from edge_identify.edge_runtime.commands.answers import Answer, Answerer, add_answer_options
from edge_identify.edge_runtime.commands.choosing import add_pack_options, chosen_pack
from edge_identify.edge_runtime.commands.running import EXIT_CODES_HELP, ExitCode, run_command
from edge_identify.edge_runtime.errors import SetupError

_DESCRIPTION = """\
example:
  edge-identify search "a red mosaic of a crab"

Finds references by a description, from a pack on this device."""


def search_main(words: list[str]) -> int:
    """Run `edge-identify search`."""
    parser = argparse.ArgumentParser(
        prog="edge-identify search",
        description=_DESCRIPTION,
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", metavar="TEXT", help="a description, in quotes")
    add_pack_options(parser)
    add_answer_options(parser)
    options = parser.parse_args(words)
    return run_command(lambda: _search(options))


def _search(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.identification import TextSearcher

    if not options.text.strip():
        raise SetupError('the text is empty; describe what you look for, such as "a red mosaic"')
    pack = chosen_pack(options)
    with TextSearcher(pack) as searcher:
        result = searcher.search(options.text, top_k=options.top_k)
    answers = [Answer(kind="text", question=options.text, result=result)]
    answerer = Answerer(pack_name=result.pack_name, pack_version=result.pack_version, variant_name=result.variant_name)
    print_answers(answers, answerer, as_json=options.json)
    return ExitCode.DONE
