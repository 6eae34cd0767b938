"""`edge-build`: from reference pictures to a pack, and how good the pack is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from edge_identify.convert.cli.catalogue import (
    add_command,
    catalogue_commands,
    draw_demo_command,
    duplicates_command,
    search_catalogue_command,
)
from edge_identify.convert.cli.encoders import models_command, train_builtin_command
from edge_identify.convert.cli.packs import doctor_command, evaluate_command, history_command, pack_command
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import EXIT_CODES_HELP, ExitCode
from edge_identify.edge_runtime.terminal.required_extras import require_extra
from edge_identify.edge_runtime.terminal.version_option import add_version_option

_LIBRARIES = ("torch", "open_clip", "onnx", "onnxscript", "coremltools", "sqlite_utils", "tqdm")

_DESCRIPTION = """\
example:
  edge-build add images:my-pictures --catalogue my.catalogue
  edge-build pack --catalogue my.catalogue --name street-art --out street-art-pack
  edge-build evaluate street-art-pack --queries photos.csv

Turns reference pictures into a pack that devices answer from without a network."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-build` and return its exit code."""
    options = _parser().parse_args(argv)

    def run() -> ExitCode:
        require_extra("convert", _LIBRARIES)
        code: ExitCode = options.run(options)
        return code

    return run_command(run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-build",
        description=_DESCRIPTION,
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_version_option(parser, "edge-build")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        add_command,
        catalogue_commands,
        duplicates_command,
        pack_command,
        search_catalogue_command,
        history_command,
        evaluate_command,
        doctor_command,
        models_command,
        draw_demo_command,
        train_builtin_command,
    ):
        module.add_parser(commands)
    return parser
