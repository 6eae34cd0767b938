"""`edge-serve`: publish a pack into a static tree, and serve that tree.

Serving is for trying out and for small groups; the tree itself may lie on any static host or behind a CDN.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from edge_identify.edge_runtime import __version__
from edge_identify.edge_runtime.commands.running import EXIT_CODES_HELP, ExitCode, require_extra, run_command
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.listing import LISTING_NAME

if TYPE_CHECKING:
    from flask import Flask

THREADS = 16  # each prepares one answer; waitress sends the files without them (see `sending`)

_DESCRIPTION = """\
examples:
  edge-serve publish ./street-art --repo ./repo
  edge-serve run --repo ./repo --port 8000

Publishes packs into a folder of plain files, and serves that folder to devices."""

_PUBLISH_DESCRIPTION = """\
example:
  edge-serve publish ./street-art --repo ./repo

Adds a pack to a folder of plain files that `edge-serve run`, or any static host, serves."""

_RUN_DESCRIPTION = """\
example:
  edge-serve run --repo ./repo --host 0.0.0.0 --port 8000

Serves a folder that `edge-serve publish` made. Stop it with Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-serve` and return its exit code."""
    options = _parser().parse_args(argv)
    return run_command(lambda: _publish(options) if options.command == "publish" else _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = _described(argparse.ArgumentParser, _DESCRIPTION, prog="edge-serve")
    parser.add_argument("--version", action="version", version=f"edge-serve {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_publish(_described(commands.add_parser, _PUBLISH_DESCRIPTION, "publish", help="add a pack to the folder"))
    _add_run(_described(commands.add_parser, _RUN_DESCRIPTION, "run", help="serve the folder"))
    return parser


def _described(make: Any, description: str, *args: str, **options: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = make(
        *args,
        description=description,
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **options,
    )
    return parser


def _add_publish(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pack", type=Path, metavar="PACK", help="a pack's folder, as edge-build makes it")
    parser.add_argument("--repo", type=Path, metavar="DIR", required=True, help="the folder to publish into")
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", type=Path, metavar="DIR", required=True, help="the folder to serve")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default %(default)s: this machine only)"
    )
    parser.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="port (default %(default)s; 0 takes a free one)"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _publish(options: argparse.Namespace) -> ExitCode:
    from edge_identify.sync_server.publish import publish

    report = publish(options.pack, options.repo, now_utc=datetime.now(UTC))
    if options.json:
        print(json.dumps(asdict(report)))
    elif report.is_new:
        print(
            f"published {report.name} {report.version} into {options.repo}: {report.copied_files} files, "
            f"{report.copied_bytes / 1e6:.1f} MB; {report.reused_files} were there already"
        )
    else:
        repaired = f"damaged files repaired: {report.copied_files}" if report.copied_files else "nothing changed"
        print(f"{report.name} {report.version} is published already in {options.repo}; {repaired}")
    return ExitCode.DONE


def _run(options: argparse.Namespace) -> ExitCode:
    if not (options.repo / LISTING_NAME).is_file():
        raise SetupError(
            f"{options.repo}: nothing is published there; run `edge-serve publish PACK --repo {options.repo}`"
        )
    require_extra("server", ("flask", "waitress"))
    from edge_identify.sync_server.app import create_app

    return _serve(create_app(options.repo), options)


def _serve(app: Flask, options: argparse.Namespace) -> ExitCode:
    """Serve until a signal ends it: 0 after a termination, 130 after Ctrl-C."""
    from waitress.server import create_server

    received: list[int] = []

    def stop(signal_number: int, _frame: FrameType | None) -> NoReturn:
        received.append(signal_number)
        raise SystemExit  # waitress ends its loop on it

    # Bound here: waitress starts its threads first, and leaves them behind if the port is taken.
    with _bound_socket(options.host, options.port) as listener:
        server = create_server(app, sockets=[listener], threads=THREADS, ident=None)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print(f"serving {options.repo} at {_url(listener)}", file=sys.stderr, flush=True)
        server.run()
        server.close()
    return ExitCode.INTERRUPTED if signal.SIGINT in received else ExitCode.DONE


def _bound_socket(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        raise SetupError(
            f"cannot listen on {host} port {port} ({error.strerror or error}); "
            "choose another --port, or 0 for a free one"
        ) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
