"""`edge-build`: from reference pictures to a pack, and how good the pack is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from edge_identify.convert.commands import (
    adding,
    cataloguing,
    deduplicating,
    drawing,
    evaluating,
    examining,
    listing,
    packing,
    recording,
    searching,
    training,
)
from edge_identify.edge_runtime import __version__
from edge_identify.edge_runtime.commands.running import EXIT_CODES_HELP, ExitCode, require_extra, run_command

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
    parser.add_argument("--version", action="version", version=f"edge-build {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        adding,
        cataloguing,
        deduplicating,
        packing,
        searching,
        recording,
        evaluating,
        examining,
        listing,
        drawing,
        training,
    ):
        module.add_parser(commands)
    return parser
