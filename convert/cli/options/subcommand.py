"""What the subcommands of `edge-build` share: their help, counted progress, sizes for people."""

from __future__ import annotations

import argparse
import sys
from typing import Any, TypeVar

from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import EXIT_CODES_HELP

_Item = TypeVar("_Item")


def subcommand(commands: Any, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """Add a subcommand whose help begins with an example.

    Args:
        commands: What `add_subparsers` returned.
        name: The subcommand's word.
        summary: What it does, starting in lower case, without a full stop.
        example: A whole command line.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"example:\n  {example}\n\n{summary[0].upper()}{summary[1:]}.",
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def print_note(message: str) -> None:
    """Print a line on standard error, below what progress is shown there."""
    print(f"note: {printable(message)}", file=sys.stderr, flush=True)


def show_stage_progress(what: str, done: int, total: int) -> None:
    """Show on standard error, where that is a terminal, how far a stage is."""
    if sys.stderr.isatty():
        print(
            f"\r\033[K{what}: {done} of {total}",
            end="\n" if done == total else "",
            file=sys.stderr,
            flush=True,
        )


def megabytes(length_bytes: int) -> str:
    """Return a length for people, in units of 1,000,000 bytes."""
    return f"{length_bytes / 1e6:.1f} MB"
