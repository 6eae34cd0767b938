"""`docs/cli.md` is what the parsers say today, and every help text keeps its promises."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from edge_identify.edge_runtime.terminal.command_parser import CommandParser

DOCS = Path(__file__).parents[1] / "docs"
WRITER = runpy.run_path(str(DOCS / "write_cli_reference.py"))


def parsers() -> list[CommandParser]:
    return list(WRITER["_parsers"]())


def test_the_reference_is_what_the_parsers_say() -> None:
    written = (DOCS / "cli.md").read_text(encoding="utf-8")

    assert written == WRITER["cli_reference"](), "run: python docs/write_cli_reference.py"


@pytest.mark.parametrize("parser", parsers(), ids=lambda parser: parser.prog)
def test_help_begins_with_an_example_of_the_command_and_explains_every_option(parser: CommandParser) -> None:
    lines = parser.help_text(80).splitlines()

    assert lines[0] in ("example:", "examples:")
    assert lines[1].startswith(f"  {parser.prog.removesuffix(' --benchmark')}")
    assert [action.dest for action in parser._actions if not action.help and action.metavar != "COMMAND"] == [
        "tower" for _ in range(parser.prog == "edge-build train-builtin")
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("parser", parsers(), ids=lambda parser: parser.prog)
def test_help_fits_the_terminal_but_for_what_is_there_to_be_copied(parser: CommandParser, columns: int) -> None:
    text = parser.help_text(columns)
    written_by_hand = text[: text.index("usage:")].splitlines()  # examples and the list of other commands
    wide = [line for line in text.splitlines() if len(line) > columns and line not in written_by_hand]

    assert [line for line in wide if columns >= 80 or not line.startswith("  ")] == []


@pytest.mark.parametrize("parser", parsers(), ids=lambda parser: parser.prog)
def test_an_example_has_only_options_that_exist(parser: CommandParser) -> None:
    subcommands = parser._subparsers is not None
    words = [word for example in parser._examples for word in example.split() if example.startswith(parser.prog)]

    assert (
        subcommands
        or [
            word
            for word in words
            if word.startswith("--") and word not in {*parser._option_string_actions, "--benchmark"}
        ]
        == []
    )
