"""What the subcommands of `edge-build` share: their parser, notes and progress on standard error, sizes as text."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from edge_identify.edge_runtime.io.output_files import standard_output_reserved
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.step_progress import shown_progress


def subcommand(
    commands: Any,
    name: str,
    summary: str,
    *examples: str,
    about: str = "",
    exit_codes: Iterable[ExitCode] = (),
    meanings: Mapping[ExitCode, str] | None = None,
) -> CommandParser:
    """Add a subcommand.

    Args:
        commands: What `add_subparsers` returned.
        name: Its name.
        summary: What it does, starting in lower case, without a full stop.
        examples: Whole command lines, at least one.
        about: More sentences for its own help.
        exit_codes: See `CommandParser`.
        meanings: See `CommandParser`.
    """
    parser: CommandParser = commands.add_parser(
        name,
        help=summary,
        examples=examples,
        description=f"{summary[0].upper()}{summary[1:]}. {about}".rstrip(),
        exit_codes=exit_codes,
        meanings=meanings,
    )
    return parser


def add_json_option(parser: argparse.ArgumentParser, what: str = "one JSON object") -> argparse._ArgumentGroup:
    """Add `--json` in the group of output options, and return the group."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help=f"print {what}")
    return group


def with_page_output(run: Callable[[argparse.Namespace], ExitCode]) -> Callable[[argparse.Namespace], ExitCode]:
    """Return a command with `--html` and `--json` that leaves standard output to the page of `--html -`.

    Raises:
        SetupError: `--html -` and `--json` are both given.
    """

    def run_beside_page(options: argparse.Namespace) -> ExitCode:
        others = ["--json"] if options.json else []
        with standard_output_reserved({"--html": options.html}, *others):
            return run(options)

    return run_beside_page


def print_note(message: str) -> None:
    """Print one line on standard error."""
    shown_progress.note(f"note: {printable(message)}")


def megabytes(length_bytes: int) -> str:
    """Return a length as text, in units of 1,000,000 bytes."""
    return f"{length_bytes / 1e6:.1f} MB"
