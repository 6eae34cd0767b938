"""What the next version of a pack costs: nothing new, one changed name, a hundred new images in 4,000.

    python benchmarks/growing_catalogue.py [--count 4000] [--new 100] [--table references.csv]
        [--variants onnx-int8] [--without-check] [PACK OPTION ...]

Runs the whole commands `edge-build add` and `edge-build pack`, start-up included, and prints one JSON line with CPU and
wall seconds of each. At the end the last pack is built once more with an empty cache, and the line says whether both
packs have the same bytes; `--without-check` leaves that out. The images are drawn, 128 pixels wide: larger ones take
longer to decode, and make the shares smaller. `--table` takes a table of real images instead; its last images are the
new ones. Other options go to `edge-build pack`.

Targets: one changed name at most 5 s; 100 new images at most a tenth of the first build and 5 s.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from drawn_catalogue import draw_tiles, edge_build
from measuring import print_line

from edge_identify.edge_runtime.io.durable_writes import sha256_of_file

_MOST_SECONDS, _MOST_SHARE = 5.0, 0.1

Row = tuple[str, str, str]  # path, id, name


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--table", type=Path, metavar="CSV", help="with the columns path and id")
    parser.add_argument("--variants", default="onnx-int8")
    parser.add_argument("--without-check", action="store_true")
    options, further = parser.parse_known_args()
    options.pack_options = ["--variants", options.variants, *further]
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), options)


def _measure(folder: Path, options: argparse.Namespace) -> None:
    rows = _rows(folder, options)
    first = rows[: len(rows) - options.new]
    taken = {"add": _add(folder, first), "pack": _pack(folder, options, "1.0.0")}
    taken["pack_unchanged"] = _pack(folder, options, "1.0.1")
    first[len(first) // 2] = (*first[len(first) // 2][:2], "Another name")
    taken["add_one_name"], taken["pack_one_name"] = _add(folder, first), _pack(folder, options, "1.0.2")
    whole = [*first, *rows[len(first) :]]
    taken["add_new"], taken["pack_new"] = _add(folder, whole), _pack(folder, options, "1.1.0")
    print_line(
        "growing_catalogue",
        count=len(first),
        new=options.new,
        seconds={name: {"cpu": cpu_s, "wall": wall_s} for name, (cpu_s, wall_s) in taken.items()},
        most_seconds_one_name=_MOST_SECONDS,
        most_seconds_new=round(_MOST_SHARE * taken["pack"][1] + _MOST_SECONDS, 1),
        same_bytes_as_from_nothing=None if options.without_check else _is_same_from_nothing(folder, options),
    )


def _rows(folder: Path, options: argparse.Namespace) -> list[Row]:
    if options.table is not None:
        with options.table.open(newline="", encoding="utf-8") as file:
            return [
                (str(options.table.absolute().parent / row["path"]), row["id"], row["id"])
                for row in csv.DictReader(file)
            ]
    images, count = folder / "images", options.count + options.new
    draw_tiles(images, range(count))
    return [(str(images / f"{number:06}.jpg"), f"tiles-{number}", f"Tiles {number}") for number in range(count)]


def _is_same_from_nothing(folder: Path, options: argparse.Namespace) -> bool:
    kept = _hashes(folder / "pack")
    shutil.rmtree(folder / "cache")
    (folder / "catalogue").unlink()
    edge_build(["add", *_source(folder)], folder / "cache")
    _pack(folder, options, "1.1.0")
    return kept == _hashes(folder / "pack")


def _hashes(pack: Path) -> dict[str, str]:
    return {str(path.relative_to(pack)): sha256_of_file(path) for path in pack.rglob("*") if path.is_file()}


def _add(folder: Path, rows: Sequence[Row]) -> tuple[float, float]:
    with (folder / "images.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "id", "name"), *rows])
    return edge_build(["add", *_source(folder)], folder / "cache")


def _source(folder: Path) -> list[str]:
    return [f"image-list:{folder / 'images.csv'}", "--catalogue", str(folder / "catalogue")]


def _pack(folder: Path, options: argparse.Namespace, version: str) -> tuple[float, float]:
    words = ["--catalogue", str(folder / "catalogue"), "--name", "grown", "--version", version, "--replace"]
    return edge_build(
        ["pack", *words, *options.pack_options, "--out", str(folder / "pack")],
        folder / "cache",
        accepted=(0, 1),  # 1: something was left out
    )


if __name__ == "__main__":
    main()
