"""`edge-serve carry`: a published pack in one signed file, to be carried by hand."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.cli.signing_commands import add_place, opened_tree

if TYPE_CHECKING:
    from edge_identify.edge_runtime.terminal.command_parser import CommandParser


def add_carry_command(commands: argparse._SubParsersAction[CommandParser]) -> None:
    """Add `edge-serve carry` to the subcommands."""
    parser = commands.add_parser(
        "carry",
        help="write a published pack as one signed file",
        examples=["edge-serve carry --pack street-art --repo ./repo --out street-art.edgepack"],
        description="Writes the newest version of a pack, with its signatures, into one file. `edge-identify install` "
        "takes it without a network, on devices that pinned the root. No keys are needed.",
        exit_codes=(ExitCode.PACK, ExitCode.NETWORK),
    )
    group = parser.add_argument_group("pack")
    group.add_argument("--pack", required=True, metavar="NAME", help="name of the pack")
    group.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file; its name ends in .edgepack")
    group.add_argument("--replace", action="store_true", help="replace an existing file")
    add_place(parser)


def run_carry(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve carry`."""
    from edge_identify.sync_server.publishing.signing.carried_file import write_signed_file

    written = write_signed_file(opened_tree(options), options.pack, options.out, replace=options.replace)
    print(
        f"{options.pack} {written.version} in {options.out}, {written.length_bytes / 1e6:.1f} MB, signed, as of "
        f"{written.signed_utc[:10]}; devices that pinned the root install it without a network until "
        f"{written.usable_until_utc[:10]}"
    )
    return ExitCode.DONE
