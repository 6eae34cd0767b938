"""`edge-build recalibrate`: fit the calibration of a pack to real photos, without building it again."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
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
    from edge_identify.edge_runtime.pack.pack_reader import Pack


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
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument(
        "--photos",
        type=Path,
        metavar="FILE",
        help="table of photos whose answer is known, as `evaluate --queries` reads it: query, id; some dozens suffice, "
        "10 is the least",
    )
    photos.add_argument(
        "--without-photos", action="store_true", help="undo earlier photos: only the simulated ones count again"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="NEW", help="folder to write the new version to")
    parser.add_argument("--replace", action="store_true", help="replace an existing pack in --out")
    parser.add_argument(
        "--false-accept-rate",
        type=share_below_half,
        metavar="SHARE",
        help="largest share of the table's photos with an empty id that may be called anything but unknown (default: "
        "the thresholds of the simulated photos)",
    )
    add_json_option(parser)
    parser.set_defaults(run=partial(_recalibrate, parser))


def _recalibrate(parser: argparse.ArgumentParser, options: argparse.Namespace) -> ExitCode:
    from edge_identify.convert.packing.recalibration import undo_real_photos
    from edge_identify.edge_runtime.pack.pack_reader import open_pack

    if options.without_photos and options.false_accept_rate is not None:
        parser.error(
            "--false-accept-rate cannot be combined with --without-photos\nit is held on the photos of --photos"
        )
    pack = open_pack(options.pack)
    if options.without_photos:
        done = undo_real_photos(pack, options.out, replace_existing=options.replace)
    else:
        done = _with_photos(pack, options)
    for left_out in done.left_out:
        print(f"skipped: {printable(left_out.reason)}", file=sys.stderr)
    _print(done, options.out, as_json=options.json)
    return ExitCode.SOME_SKIPPED if done.left_out else ExitCode.DONE


def _with_photos(pack: Pack, options: argparse.Namespace) -> Recalibration:
    from edge_identify.convert.packing.recalibration import recalibrate_pack

    with _cache() as cache:
        return recalibrate_pack(
            pack,
            options.photos,
            options.out,
            replace_existing=options.replace,
            false_accept_rate=options.false_accept_rate,
            cache=cache,
            progress=shown_progress,
        )


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
    if all(each.real_photos is None for each in done.calibrations.values()):
        print("  calibrated with simulated photos only")
