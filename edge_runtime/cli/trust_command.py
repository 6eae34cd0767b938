"""`edge-identify trust`: pin the root of a server, so that `sync` can check its signatures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge_identify.edge_runtime.cli.options.pack_options import add_store_option, chosen_store
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode


def trust_main(words: list[str]) -> int:
    """Run `edge-identify trust`."""
    options = trust_parser().parse_args(words)
    return run_command(lambda: _trust(options))


def trust_parser() -> CommandParser:
    """Return the parser of `edge-identify trust`."""
    parser = CommandParser(
        prog="edge-identify trust",
        examples=[
            "edge-identify trust https://packs.example.org --root root.json",
            "edge-identify trust https://packs.example.org --fingerprint SHA256",
        ],
        description="Pins the root of a server on this device. From then on, sync takes from this server only what the "
        "root's keys have signed. Get the file or the fingerprint from the publisher, not from the server.",
        exit_codes=[ExitCode.NETWORK],
    )
    parser.add_argument("url", metavar="URL", help="address of the server")
    how = parser.add_argument_group("root").add_mutually_exclusive_group(required=True)
    how.add_argument("--root", type=Path, metavar="FILE", help="root.json from the publisher")
    how.add_argument("--fingerprint", metavar="SHA256", help="fingerprint of the root, as edge-serve init prints it")
    how.add_argument(
        "--trust-on-first-use",
        action="store_true",
        help="believe the root that the server sends now; nobody checks that it is the right one",
    )
    how.add_argument("--forget", action="store_true", help="give the pinned root up")
    add_store_option(parser.add_argument_group("pack"))
    parser.add_argument_group("output").add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _trust(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.sync.trust.root_pinning import trust

    store = chosen_store(options)
    if options.forget:
        return _forget(store.root, options.url)
    trusted = trust(
        store.root,
        options.url,
        root=options.root,
        fingerprint=options.fingerprint,
        on_first_use=options.trust_on_first_use,
    )
    if options.json:
        known = {"url": trusted.url, "fingerprint": trusted.fingerprint, "pinned_by": str(trusted.pinned_by)}
        print(json.dumps(known, indent=2))
    else:
        print(f"{trusted.url}: root {trusted.fingerprint} is pinned")
    if options.trust_on_first_use:
        print(
            "warning: trusted on first use: nobody has compared this root with the publisher's. If an attacker was "
            "between, the attacker's packs are trusted from now on. Compare the fingerprint with the publisher's",
            file=sys.stderr,
        )
    return ExitCode.DONE


def _forget(store: Path, url: str) -> ExitCode:
    from edge_identify.edge_runtime.sync.server_address import tree_url
    from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoots

    address = tree_url(url)
    was_known = TrustedRoots(store).forget(address)
    print(f"{address}: {'its root is no longer trusted' if was_known else 'no root was pinned'}")
    return ExitCode.DONE
