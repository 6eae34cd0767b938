"""`edge-build`: collect reference images, build a pack from them, measure the pack."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edge_identify.convert.cli.catalogue import (
    add_command,
    catalogue_commands,
    contributions_command,
    draw_demo_command,
    duplicates_command,
    search_catalogue_command,
)
from edge_identify.convert.cli.encoders import models_command, train_builtin_command
from edge_identify.convert.cli.packs import (
    doctor_command,
    evaluate_command,
    history_command,
    pack_command,
    recalibrate_command,
)
from edge_identify.edge_runtime.errors import PackFileDamagedError
from edge_identify.edge_runtime.io.work_folder import temporary_files_together
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.geometry_option import joined_geometry_mode
from edge_identify.edge_runtime.terminal.required_extras import require_extra
from edge_identify.edge_runtime.terminal.step_progress import shown_progress
from edge_identify.edge_runtime.terminal.timely_end import end_soon_after_a_signal
from edge_identify.edge_runtime.terminal.version_option import add_version_option

_LIBRARIES = ("torch", "open_clip", "onnx", "onnxscript", "coremltools", "sqlite_utils")

_TEMPORARY_PREFIX = "edge-build-run-"  # a build's temporary files, 160 MB for a ViT-B-32

_EXAMPLES = (
    "edge-build add images:my-pictures --catalogue my.catalogue",
    "edge-build pack --catalogue my.catalogue --name street-art --out street-art-pack",
    "edge-build evaluate --pack ./street-art-pack --queries photos.csv",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-build` and return its exit code."""
    if argv is None:
        end_soon_after_a_signal()
    words = sys.argv[1:] if argv is None else argv
    options = build_parser().parse_args(joined_geometry_mode(words))

    def run() -> ExitCode:
        require_extra("convert", _LIBRARIES)
        try:
            with temporary_files_together(_TEMPORARY_PREFIX), shown_progress.closing():
                code: ExitCode = options.run(options)
        except PackFileDamagedError as error:
            raise error.for_maker() from error
        return code

    return run_command(run)


def build_parser() -> CommandParser:
    """Return the parser of `edge-build`."""
    parser = CommandParser(
        prog="edge-build",
        examples=_EXAMPLES,
        description="Builds packs from reference images. Devices identify photos with a pack, without a network. Each "
        "subcommand has its own --help, with its exit codes.",
    )
    add_version_option(parser, "edge-build")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="subcommands")
    for module in (
        add_command,
        catalogue_commands,
        contributions_command,
        duplicates_command,
        pack_command,
        recalibrate_command,
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
