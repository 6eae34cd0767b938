"""`edge-serve export`: a published folder and the web app as static files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.service.settings import Settings

if TYPE_CHECKING:
    from edge_identify.edge_runtime.terminal.command_parser import CommandParser


def add_export_command(commands: argparse._SubParsersAction[CommandParser], pack_servers_help: str) -> None:
    """Add `edge-serve export` to the subcommands.

    Args:
        commands: The subcommands of `edge-serve`.
        pack_servers_help: What `--app-pack-servers` does; `edge-serve run` has it, too.
    """
    parser = commands.add_parser(
        "export",
        help="copy a published folder and the web app for a static host",
        examples=["edge-serve export --repo ./repo --out ./site"],
        description="Copies what a published folder offers, with its signatures, for any static host, and writes the "
        "web app into the folder app beside it. Files that are there already are not copied again; nothing is deleted. "
        "The web app needs its runtime, which `make web` fetches; without it, only the packs are exported.",
        exit_codes=(ExitCode.PACK,),
    )
    group = parser.add_argument_group("folders")
    group.add_argument("--repo", type=Path, required=True, metavar="DIR", help="folder that is published")
    group.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to copy into; made if missing")
    group = parser.add_argument_group("web app")
    group.add_argument("--app-pack-servers", default="", metavar="ORIGINS", help=pack_servers_help)


def run_export(options: argparse.Namespace) -> ExitCode:
    """Run `edge-serve export`."""
    from edge_identify.sync_server.delivery.web_app_export import export_web_app
    from edge_identify.sync_server.delivery.web_app_files import read_web_app
    from edge_identify.sync_server.publishing.tree_export import export_tree

    app = read_web_app(pack_servers=Settings(app_pack_servers=options.app_pack_servers).pack_servers)
    report = export_tree(options.repo, options.out)
    print(
        f"exported into {options.out}: {counted(report.copied_files, 'new file')}, {report.reused_files} there already"
    )
    if app.is_complete:
        print(f"the web app is in {export_web_app(app, options.out)}; open it under an https:// address of that folder")
    else:
        print("without the web app: its runtime is not here; run `make web` first, where npm is", file=sys.stderr)
    return ExitCode.DONE
