"""`edge-build draw-demo`: draw a demo set of reference images and photos."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_identify.convert.cli.options.subcommand import subcommand
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "draw-demo",
        "draw a demo set: images of street mosaics, and simulated photos of them",
        "edge-build draw-demo demo-set",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the set; created if missing")
    group = parser.add_argument_group("set")
    group.add_argument("--count", type=int, default=60, metavar="N", help="number of mosaics (default: 60)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    parser.set_defaults(run=_draw_demo)


def _draw_demo(options: argparse.Namespace) -> ExitCode:
    from edge_identify.datasets.drawn.demo import draw_demo_set

    demo = draw_demo_set(options.folder, count=options.count, seed=options.seed, progress=shown_progress)
    print(f"{options.folder}: {counted(demo.reference_count, 'mosaic')}, {counted(demo.photo_count, 'photo')}")
    return ExitCode.DONE
