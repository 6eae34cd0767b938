"""`edge-serve`: publish a pack into a static tree, serve that tree, and answer questions from its packs.

Delivery needs no server of ours: the tree may lie on any static host or behind a CDN.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.sync.listing import LISTING_NAME
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import EXIT_CODES_HELP, ExitCode
from edge_identify.edge_runtime.terminal.required_extras import require_extra
from edge_identify.edge_runtime.terminal.version_option import add_version_option
from edge_identify.sync_server.service.settings import ENVIRONMENT_PREFIX, LOG_LEVELS, Settings, read_settings

if TYPE_CHECKING:
    from edge_identify.sync_server.publishing.publish import PublishedTree

_DESCRIPTION = """\
examples:
  edge-serve publish ./street-art --repo ./repo
  edge-serve run --repo ./repo --port 8000

Publishes packs into a folder of plain files or a bucket, serves them to devices, and answers questions over HTTP."""

_PUBLISH_DESCRIPTION = """\
examples:
  edge-serve publish ./street-art --repo ./repo
  edge-serve publish ./street-art --to s3://bucket/packs

Adds a pack to a folder of plain files that `edge-serve run`, or any static host, serves; or to a bucket that serves
them itself. What lies there already is not sent again, so an interrupted publish goes on where it was."""

_RUN_DESCRIPTION = f"""\
examples:
  edge-serve run --repo ./repo --host 0.0.0.0 --port 8000
  curl -F file=@photo.jpg http://127.0.0.1:8000/v1/identify

Serves a folder that `edge-serve publish` made, and answers from its packs; /docs says what it can be asked.
Each option can also stand in the environment ({ENVIRONMENT_PREFIX}PORT=8000) or in a TOML file (port = 8000);
an option counts before the environment, and that before the file. Stop it with Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-serve` and return its exit code."""
    options = _parser().parse_args(argv)
    return run_command(lambda: _publish(options) if options.command == "publish" else _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = _described(argparse.ArgumentParser, _DESCRIPTION, prog="edge-serve")
    add_version_option(parser, "edge-serve")
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
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--repo", type=Path, metavar="DIR", help="the folder to publish into")
    place.add_argument(
        "--to",
        metavar="ADDRESS",
        help="the bucket to publish into: s3://BUCKET/PREFIX, gs:// or az:// (extra [buckets])",
    )
    parser.add_argument("--endpoint", metavar="URL", help="of a server that speaks S3 and is not Amazon's")
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")


def _add_run(parser: argparse.ArgumentParser) -> None:
    defaults = Settings()
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML with any of these settings")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="the published folder to serve and to answer from")
    parser.add_argument("--store", type=Path, metavar="DIR", help="a device's store to answer from")
    parser.add_argument("--bucket", metavar="ADDRESS", help="a published bucket to answer from: s3://BUCKET/PREFIX")
    parser.add_argument("--endpoint", metavar="URL", help="of a server of buckets that is not Amazon's")
    parser.add_argument("--host", help=f"address to listen on (default {defaults.host}: this machine only)")
    parser.add_argument("--port", type=_port, metavar="N", help=f"default {defaults.port}; 0 takes a free one")
    parser.add_argument(
        "--deliver-only", action="store_true", default=None, help="serve the folder and answer no questions"
    )
    parser.add_argument("--default-pack", metavar="NAME", help="answers where a request names no pack")
    parser.add_argument("--workers", type=int, metavar="N", help="photos embedded at a time (default: one each core)")
    parser.add_argument(
        "--patience-s",
        type=float,
        metavar="S",
        help=f"how long a request waits its turn (default {defaults.patience_s:g})",
    )
    parser.add_argument(
        "--max-body-mib", type=int, metavar="MIB", help=f"the largest request (default {defaults.max_body_mib})"
    )
    parser.add_argument(
        "--rate-per-minute", type=int, metavar="N", help="questions a minute from one address (default: any number)"
    )
    parser.add_argument(
        "--refresh-s",
        type=float,
        metavar="S",
        help=f"how often to look for new versions (default {defaults.refresh_s:g})",
    )
    parser.add_argument(
        "--image-urls",
        metavar="HOW",
        help="what answers give as image_url: recorded (default), served, public:https://HOST/FOLDER or "
        "presigned:s3://BUCKET/PREFIX",
    )
    parser.add_argument(
        "--public-url", metavar="URL", help="the address that clients know this server by, if a proxy stands before it"
    )
    parser.add_argument(
        "--image-url-valid-s",
        type=float,
        metavar="S",
        help=f"how long a presigned address is good for (default {defaults.image_url_valid_s:g})",
    )
    parser.add_argument("--allow-origin", metavar="ORIGIN", help="web pages of this origin may read answers")
    parser.add_argument(
        "--log-level", choices=LOG_LEVELS, help=f"default {defaults.log_level}; info has a line for each request"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _publish(options: argparse.Namespace) -> ExitCode:
    from edge_identify.sync_server.publishing.publish import publish_into

    if options.endpoint and not options.to:
        raise SetupError("--endpoint says where a bucket is; give --to s3://BUCKET/PREFIX")
    report = publish_into(options.pack, _tree(options), now_utc=datetime.now(UTC))
    place = options.to or options.repo
    if options.json:
        print(json.dumps(asdict(report)))
    elif report.is_new:
        print(
            f"published {report.name} {report.version} into {place}: {report.copied_files} files, "
            f"{report.copied_bytes / 1e6:.1f} MB; {report.reused_files} were there already"
        )
    else:
        repaired = f"damaged files repaired: {report.copied_files}" if report.copied_files else "nothing changed"
        print(f"{report.name} {report.version} is published already in {place}; {repaired}")
    return ExitCode.DONE


def _tree(options: argparse.Namespace) -> PublishedTree:
    from edge_identify.sync_server.publishing.bucket_objects import Bucket
    from edge_identify.sync_server.publishing.bucket_tree import BucketTree
    from edge_identify.sync_server.publishing.folder_tree import FolderTree

    return BucketTree(Bucket(options.to, endpoint=options.endpoint)) if options.to else FolderTree(options.repo)


def _run(options: argparse.Namespace) -> ExitCode:
    flags = {field.name: getattr(options, field.name) for field in fields(Settings)}
    settings = read_settings(flags, os.environ, options.config)
    if settings.repo is None and (settings.deliver_only or not (settings.store or settings.bucket)):
        raise SetupError(
            "nothing to serve; give --repo DIR, or --store DIR or --bucket ADDRESS to answer from their packs"
        )
    if settings.repo is not None and not (settings.repo / LISTING_NAME).is_file():
        raise SetupError(
            f"{settings.repo}: nothing is published there; run `edge-serve publish PACK --repo {settings.repo}`"
        )
    require_extra("server", ("flask", "waitress", "prometheus_client"))
    from edge_identify.sync_server.service.server import serve

    return serve(settings, announce=lambda line: print(line, file=sys.stderr, flush=True))
