"""`edge-serve`: publish packs as static files, serve them, and answer HTTP requests with them.

Any static host or CDN can serve the published files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from edge_identify.edge_runtime.errors import PackFileDamagedError, SetupError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.sync.listing import LISTING_NAME
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.required_extras import require_extra
from edge_identify.edge_runtime.terminal.timely_end import CLEAN_UP_S, end_soon_after_a_signal
from edge_identify.edge_runtime.terminal.version_option import add_version_option
from edge_identify.sync_server.cli.carry_command import add_carry_command, run_carry
from edge_identify.sync_server.cli.export_command import add_export_command, run_export
from edge_identify.sync_server.cli.signing_commands import (
    add_keys_option,
    add_signing_commands,
    asked_passphrases,
    keys_folder,
    opened_tree,
    run_delegate,
    run_init,
    run_new_key,
    run_refresh,
    run_rotate,
    run_status,
    run_withdraw,
    signing_for,
)
from edge_identify.sync_server.service.settings import ENVIRONMENT_PREFIX, LOG_LEVELS, Settings, read_settings

_EXAMPLES = (
    "edge-serve init --repo ./repo",
    "edge-serve publish --pack ./street-art-pack --repo ./repo",
    "edge-serve run --repo ./repo --port 8000",
)

_PUBLISH_EXAMPLES = (
    "edge-serve publish --pack ./street-art-pack --repo ./repo",
    "edge-serve publish --pack ./street-art-pack --to s3://bucket/packs",
)


_RUN_EXAMPLES = (
    "edge-serve run --repo ./repo --host 0.0.0.0 --port 8000",
    "curl -F file=@photo.jpg http://127.0.0.1:8000/v1/identify",
)

_PACK_SERVERS = "origins, separated by commas, from which the web app may fetch packs beside its own server"

_SERVER_CLEAN_UP_S = 8.0  # the server waits 5 s for requests; `docker stop` kills after 10 s

_RUN_DESCRIPTION = f"""\
Serves a folder that edge-serve publish wrote, and answers HTTP requests with its packs. \
The API is described at /docs. Stop it with Ctrl-C.

Every option is also an environment variable ({ENVIRONMENT_PREFIX}PORT=8000) and a key of the file of --config \
(port = 8000). In order of precedence: option, environment variable, file."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-serve` and return its exit code."""
    options = serve_parser().parse_args(argv)
    if argv is None:
        end_soon_after_a_signal(_SERVER_CLEAN_UP_S if options.command == "run" else CLEAN_UP_S)
    return run_command(lambda: _COMMANDS[options.command](options))


def serve_parser() -> CommandParser:
    """Return the parser of `edge-serve`."""
    parser = CommandParser(
        prog="edge-serve",
        examples=_EXAMPLES,
        description="Publishes packs into a folder of static files or into a bucket, serves them to devices, and "
        "answers HTTP requests with them. Each subcommand has its own --help, with its exit codes.",
    )
    add_version_option(parser, "edge-serve")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="subcommands")
    codes = (ExitCode.PACK, ExitCode.NETWORK)
    publish = commands.add_parser(
        "publish",
        help="publish a pack into a folder or a bucket",
        examples=_PUBLISH_EXAMPLES,
        description="Publishes a pack into a folder of static files, for edge-serve run or any static host, or into a "
        "bucket. Files that are already there are not copied again, so an interrupted publish can be repeated.",
        exit_codes=codes,
    )
    run = commands.add_parser(
        "run",
        help="serve a published folder and answer requests",
        examples=_RUN_EXAMPLES,
        description=_RUN_DESCRIPTION,
        exit_codes=codes,
        meanings={ExitCode.DONE: "stopped by SIGTERM", ExitCode.TERMINATED: "terminated (SIGTERM) before it served"},
    )
    _add_publish_options(publish)
    _add_run_options(run)
    add_export_command(commands, _PACK_SERVERS)
    add_carry_command(commands)
    add_signing_commands(commands)
    return parser


def _add_publish_options(parser: argparse.ArgumentParser) -> None:
    pack = parser.add_argument_group("pack")
    pack.add_argument(
        "--pack", type=Path, required=True, metavar="DIR", help="folder of the pack, as edge-build pack wrote it"
    )
    group = parser.add_argument_group("destination")
    destination = group.add_mutually_exclusive_group(required=True)
    destination.add_argument("--repo", type=Path, metavar="DIR", help="folder to publish into; created if missing")
    destination.add_argument(
        "--to", metavar="ADDRESS", help="bucket to publish into: s3://BUCKET/PREFIX, gs://, az:// (extra [buckets])"
    )
    group.add_argument("--endpoint", metavar="URL", help="an S3-compatible server other than Amazon's")
    add_keys_option(group)
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print one JSON object")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    defaults = Settings()
    _add_source_options(parser)
    group = parser.add_argument_group("network")
    group.add_argument(
        "--host",
        metavar="ADDRESS",
        help=f"address to listen on (default: {defaults.host}, this machine only); no authentication: put a reverse "
        "proxy in front",
    )
    group.add_argument("--port", type=_port, metavar="N", help=f"port (default: {defaults.port}); 0 picks a free one")
    group.add_argument(
        "--public-url", metavar="URL", help="public address of this server behind a reverse proxy, for URLs in answers"
    )
    group.add_argument(
        "--allowed-hosts",
        metavar="NAMES",
        help="more host names of this server, separated by commas, or *; a server on loopback refuses others",
    )
    group.add_argument(
        "--x-accel-redirect",
        metavar="PATH",
        help="internal location of an nginx in front, which then sends the files of packs itself, such as "
        "/blobs-of-packs/ (docs/serve.md); without nginx in front, files would arrive empty",
    )
    group.add_argument("--allow-origin", metavar="ORIGIN", help="CORS origin whose web pages may read answers")
    group.add_argument("--app-pack-servers", metavar="ORIGINS", help=_PACK_SERVERS)
    _add_limit_options(parser, defaults)
    _add_image_url_options(parser, defaults)
    general = parser.add_argument_group("configuration and logs")
    general.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any of these options")
    general.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        metavar="LEVEL",
        help=f"{', '.join(LOG_LEVELS)} (default: {defaults.log_level}); info logs each request",
    )


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("packs")
    group.add_argument("--repo", type=Path, metavar="DIR", help="published folder, to serve and to answer from")
    group.add_argument("--store", type=Path, metavar="DIR", help="store of installed packs, to answer from")
    add_keys_option(group)
    group.add_argument("--bucket", metavar="ADDRESS", help="published bucket, to answer from: s3://BUCKET/PREFIX")
    group.add_argument("--endpoint", metavar="URL", help="an S3-compatible server other than Amazon's")
    group.add_argument("--default-pack", metavar="NAME", help="pack for requests that name none (default: all packs)")
    group.add_argument(
        "--deliver-only", action="store_true", default=None, help="serve the files only; answer no requests"
    )


def _add_limit_options(parser: argparse.ArgumentParser, defaults: Settings) -> None:
    group = parser.add_argument_group("limits")
    group.add_argument("--workers", type=int, metavar="N", help="photos encoded in parallel (default: one per core)")
    group.add_argument(
        "--patience-s",
        type=float,
        metavar="S",
        help=f"longest time a request waits for a worker, in seconds (default: {defaults.patience_s:g})",
    )
    group.add_argument(
        "--max-body-mib", type=int, metavar="MIB", help=f"largest request body (default: {defaults.max_body_mib})"
    )
    group.add_argument(
        "--rate-per-minute", type=int, metavar="N", help="requests per minute and client address (default: no limit)"
    )
    group.add_argument(
        "--refresh-s",
        type=float,
        metavar="S",
        help=f"seconds between checks for new pack versions (default: {defaults.refresh_s:g})",
    )


def _add_image_url_options(parser: argparse.ArgumentParser, defaults: Settings) -> None:
    group = parser.add_argument_group("image URLs in answers")
    group.add_argument(
        "--image-urls",
        metavar="HOW",
        help="source of image_url: recorded (default: as recorded in the pack), served (this server's thumbnails), "
        "public:https://HOST/FOLDER, or presigned:s3://BUCKET/PREFIX",
    )
    group.add_argument(
        "--image-url-valid-s",
        type=float,
        metavar="S",
        help=f"lifetime of a presigned URL in seconds (default: {defaults.image_url_valid_s:g})",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _publish(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits
    from edge_identify.edge_runtime.terminal.step_progress import shown_progress
    from edge_identify.sync_server.publishing.publish import publish_into

    tree = opened_tree(options)
    signing = signing_for(options, tree)
    try:
        with shown_progress.closing():
            report = publish_into(
                options.pack,
                tree,
                now_utc=datetime.now(UTC),
                progress=shown_progress,
                self_test=self_test_within_limits,
                signing=signing,
            )
    except PackFileDamagedError as error:
        raise error.for_maker() from error
    place = options.to or options.repo
    if options.json:
        print(json.dumps(asdict(report)))
    elif report.is_new:
        print(
            f"published {report.name} {report.version} into {place}: {counted(report.copied_files, 'file')}, "
            f"{report.copied_bytes / 1e6:.1f} MB; {report.reused_files} already there"
        )
    else:
        repaired = f"damaged files repaired: {report.copied_files}" if report.copied_files else "nothing changed"
        print(f"{report.name} {report.version} is already published in {place}; {repaired}")
    return ExitCode.DONE


def _run(options: argparse.Namespace) -> ExitCode:
    flags = {field.name: getattr(options, field.name) for field in fields(Settings)}
    settings = read_settings(flags, os.environ, options.config)
    if settings.repo is None and (settings.deliver_only or not (settings.store or settings.bucket)):
        raise SetupError("nothing to serve; give --repo DIR, --store DIR or --bucket ADDRESS")
    if settings.repo is not None and not (settings.repo / LISTING_NAME).is_file():
        raise SetupError(
            f"{settings.repo}: nothing is published there; run `edge-serve publish --pack DIR --repo {settings.repo}`"
        )
    require_extra("server", ("flask", "waitress", "prometheus_client"))
    from edge_identify.sync_server.service.server import serve

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def ignore(_: str) -> None:
        """Programs read one JSON document a line after the first line."""

    options.repo, options.keys = settings.repo, settings.keys
    return serve(
        replace(settings, keys=keys_folder(options)),
        announce=tell,
        hint=tell if sys.stderr.isatty() else ignore,
        ask=asked_passphrases(),
    )


_COMMANDS = {
    "publish": _publish,
    "run": _run,
    "init": run_init,
    "withdraw": run_withdraw,
    "refresh": run_refresh,
    "rotate-key": run_rotate,
    "delegate": run_delegate,
    "new-key": run_new_key,
    "status": run_status,
    "export": run_export,
    "carry": run_carry,
}
