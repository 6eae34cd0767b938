"""`edge-build recalibrate`: fit the calibration of a pack to real photos, without building it again."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.cli.options.subcommand import add_json_option, print_note, subcommand
from edge_identify.convert.cli.packs.printed_build import real_photo_lines
from edge_identify.convert.cli.packs.shares import share_below_half
from edge_identify.convert.progress import shown_progress
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

if TYPE_CHECKING:
    from edge_identify.convert.caching.build_cache import BuildCache
    from edge_identify.convert.packing.recalibration import Recalibration


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = subcommand(
        commands,
        "recalibrate",
        "fit the decisions of a pack to your photos",
        "edge-build recalibrate street-art-pack --photos photos.csv --out street-art-pack-2",
        about="It writes the next patch version of the pack. Encoders, index and references stay the same, so an "
        "update is small.",
        exit_codes=[ExitCode.SOME_SKIPPED, ExitCode.PHOTO, ExitCode.PACK],
    )
    parser.add_argument("pack", type=Path, metavar="PACK", help="folder of the pack")
    parser.add_argument(
        "--photos",
        type=Path,
        required=True,
        metavar="FILE",
        help="table of photos whose answer is known, as `evaluate --queries` reads it: query, id; some dozens suffice, "
        "10 is the least",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="NEW", help="folder to write the new version to")
    parser.add_argument("--replace", action="store_true", help="replace an existing pack in --out")
    parser.add_argument(
        "--false-accept-rate",
        type=share_below_half,
        metavar="SHARE",
        help="largest share of the table's photos with an empty id that may be called anything but unknown (default: "
        "the thresholds stay)",
    )
    add_json_option(parser)
    parser.set_defaults(run=_recalibrate)


def _recalibrate(options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.packing.recalibration import recalibrate_pack
    from edge_identify.edge_runtime.pack.pack_reader import open_pack

    with _cache() as cache:
        done = recalibrate_pack(
            open_pack(options.pack),
            options.photos,
            options.out,
            replace_existing=options.replace,
            false_accept_rate=options.false_accept_rate,
            cache=cache,
            progress=shown_progress,
        )
    for left_out in done.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    _print(done, options.out, as_json=options.json)
    return ExitCode.SOME_SKIPPED if done.left_out else ExitCode.DONE


@contextmanager
def _cache() -> Iterator[BuildCache]:
    """Yield the cache that the environment names, or one that lasts for this command: a pack has none beside it."""
    from edge_identify.convert.caching.build_cache import FOLDER_VARIABLE, BuildCache, temporary_cache

    if named := os.environ.get(FOLDER_VARIABLE):
        yield BuildCache(Path(named), tell=print_note)
        return
    with temporary_cache() as cache:
        yield cache


def _print(done: Recalibration, out: Path, *, as_json: bool) -> None:
    manifest = done.manifest
    if as_json:
        told = {
            "pack": str(out),
            "name": manifest.name,
            "version": str(manifest.version),
            "skipped": len(done.left_out),
            "calibration": {name: asdict(found) for name, found in done.calibrations.items()},
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print(f"{manifest.name} {manifest.version} in {out}")
    for line in real_photo_lines(done.calibrations):
        print(f"  {line}")
