"""`edge-identify install`, `rollback`, `remove` and `prune`: change the packs on this device without a server."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.cli.options.byte_amounts import byte_amount
from edge_identify.edge_runtime.cli.options.pack_options import add_store_option, chosen_store
from edge_identify.edge_runtime.cli.sync_commands import report_as_json, report_in_words
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.edge_runtime.store.pack_store import PackStore

_MEGABYTE = 1e6


def install_main(words: list[str]) -> int:
    """Run `edge-identify install`."""
    options = install_parser().parse_args(words)
    return run_command(lambda: _install(options))


def install_parser() -> CommandParser:
    """Return the parser of `edge-identify install`."""
    parser = CommandParser(
        prog="edge-identify install",
        examples=["edge-identify install street-art.edgepack"],
        description="Installs a pack from an .edgepack file, without a network. It is checked and tested as one from a "
        "server. Its signatures are checked against the roots that edge-identify trust pinned. An installed pack is "
        "updated, and keeps the server it came from.",
        exit_codes=[ExitCode.PACK],
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the .edgepack file")
    add_store_option(parser.add_argument_group("pack"))
    parser.add_argument_group("trust").add_argument(
        "--unsigned", action="store_true", help="accept a file that is not signed, this time"
    )
    _add_json(parser, "print one JSON object, as sync does")
    return parser


def rollback_main(words: list[str]) -> int:
    """Run `edge-identify rollback`."""
    options = rollback_parser().parse_args(words)
    return run_command(lambda: _rollback(options))


def rollback_parser() -> CommandParser:
    """Return the parser of `edge-identify rollback`."""
    parser = CommandParser(
        prog="edge-identify rollback",
        examples=["edge-identify rollback", "edge-identify rollback street-art"],
        description="Goes back to the version of a pack that was installed before, after checking and testing it. "
        "Until a newer version is published, sync keeps it. A second rollback goes forward again.",
        exit_codes=[ExitCode.PACK],
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of the pack; required if several are installed")
    add_store_option(parser.add_argument_group("pack"))
    _add_json(parser, "print one JSON object: name and version")
    return parser


def remove_main(words: list[str]) -> int:
    """Run `edge-identify remove`."""
    options = remove_parser().parse_args(words)
    return run_command(lambda: _remove(options))


def remove_parser() -> CommandParser:
    """Return the parser of `edge-identify remove`."""
    parser = CommandParser(
        prog="edge-identify remove",
        examples=["edge-identify remove street-art"],
        description="Removes a pack from this device, with the version before and what a download has left. What you "
        "taught beside it (edge-identify taught) stays, and counts again when the pack is installed again.",
        exit_codes=[ExitCode.PACK],
    )
    parser.add_argument("name", metavar="NAME", help="name of the pack")
    add_store_option(parser.add_argument_group("pack"))
    _add_json(parser, "print one JSON object: name and freed bytes")
    return parser


def prune_main(words: list[str]) -> int:
    """Run `edge-identify prune`."""
    options = prune_parser().parse_args(words)
    return run_command(lambda: _prune(options))


def prune_parser() -> CommandParser:
    """Return the parser of `edge-identify prune`."""
    parser = CommandParser(
        prog="edge-identify prune",
        examples=["edge-identify prune --keep 1", "edge-identify prune --max-size 500M"],
        description="Makes room: removes versions before the active ones, unfinished downloads and caches. Every pack "
        "still answers, and cannot be rolled back until its next update.",
        exit_codes=[],
    )
    group = parser.add_argument_group("what to keep")
    group.add_argument(
        "--keep", type=int, choices=(1, 2), metavar="N", default=2, help="versions of each pack: 1 or 2 (default: 2)"
    )
    group.add_argument(
        "--max-size",
        type=byte_amount,
        metavar="SIZE",
        help="remove versions before, those of the largest pack first, until all packs together have at most SIZE, "
        "such as 500M or 2G",
    )
    add_store_option(group)
    _add_json(parser, "print one JSON object: packs and freed bytes")
    return parser


def _add_json(parser: CommandParser, what: str) -> None:
    parser.add_argument_group("output").add_argument("--json", action="store_true", help=what)


def _install(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.io.progress import during
    from edge_identify.edge_runtime.sync.device_sync import install_on_device
    from edge_identify.edge_runtime.terminal.step_progress import shown_progress

    store = chosen_store(options)
    with shown_progress.closing():
        report = during(
            shown_progress,
            "checking files",
            lambda: install_on_device(
                store,
                options.file,
                unsigned=options.unsigned,
                progress=partial(shown_progress.report_bytes, "copying"),
            ),
        )
    _print(report_as_json(report), report_in_words(report), as_json=options.json)
    return ExitCode.DONE


def _rollback(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits
    from edge_identify.edge_runtime.store.version_changes import roll_back

    store = chosen_store(options)
    name = options.name or _only_name(store)
    now = roll_back(store, name, self_test_within_limits)
    said = {"name": now.name, "version": str(now.version), "other_version": str(now.previous)}
    _print(said, f"{name}: {now.version} answers now; {now.previous} is kept", as_json=options.json)
    return ExitCode.DONE


def _remove(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.store.version_changes import remove_pack

    freed_bytes = remove_pack(chosen_store(options), options.name)
    said = {"name": options.name, "freed_bytes": freed_bytes}
    _print(said, f"{options.name} was removed; {freed_bytes / _MEGABYTE:.1f} MB are free again", as_json=options.json)
    return ExitCode.DONE


def _prune(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.store.version_changes import prune

    if options.keep == 2 and options.max_size is None:  # both versions of each pack stay
        raise SetupError("nothing to remove; say --keep 1 or --max-size SIZE")
    freed = prune(chosen_store(options), keep=options.keep, max_bytes=options.max_size)
    said = {"packs": list(freed.packs), "freed_bytes": freed.freed_bytes, "store_bytes": freed.store_bytes}
    words = (
        f"{freed.freed_bytes / _MEGABYTE:.1f} MB are free again; the packs have {freed.store_bytes / _MEGABYTE:.1f} MB"
    )
    _print(said, words, as_json=options.json)
    return ExitCode.DONE


def _only_name(store: PackStore) -> str:
    return store.only_pack().name


def _print(said: dict[str, Any], words: str, *, as_json: bool) -> None:
    print(json.dumps(said, indent=2) if as_json else printable(words))
