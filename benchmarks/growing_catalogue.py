"""What the next version of a pack costs: nothing new, one changed name, a hundred new images in 4,000.

    python benchmarks/growing_catalogue.py [--count 4000] [--new 100] [--thumbnails 256] [--without-check]

Runs the whole commands `edge-build add` and `edge-build pack`, start-up included, and prints one JSON line with CPU and
wall seconds of each. At the end the last pack is built once more with an empty cache, and the line says whether both
packs have the same bytes; `--without-check` leaves that out. The images are drawn, 128 pixels wide: larger ones take
longer to decode, and make the shares smaller.

Targets: one changed name at most 5 s; 100 new images at most a tenth of the first build and 5 s.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import PIL.Image
from measuring import print_line

from edge_identify.convert.caching.build_cache import FOLDER_VARIABLE
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file

_SIDE_PX = 128
_MOST_SECONDS, _MOST_SHARE = 5.0, 0.1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--thumbnails", type=int, default=256)
    parser.add_argument("--without-check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), options)


def _measure(folder: Path, options: argparse.Namespace) -> None:
    (folder / "images").mkdir()
    names = [f"Tiles {number}" for number in range(options.count)]
    _draw(folder / "images", range(options.count))
    taken = {"add": _add(folder, names), "pack": _pack(folder, options, "1.0.0")}
    taken["pack_unchanged"] = _pack(folder, options, "1.0.1")
    names[options.count // 2] = "Another name"
    taken["add_one_name"], taken["pack_one_name"] = _add(folder, names), _pack(folder, options, "1.0.2")
    _draw(folder / "images", range(options.count, options.count + options.new))
    names += [f"New tiles {number}" for number in range(options.new)]
    taken["add_new"], taken["pack_new"] = _add(folder, names), _pack(folder, options, "1.1.0")
    print_line(
        "growing_catalogue",
        count=options.count,
        new=options.new,
        seconds={name: {"cpu": cpu_s, "wall": wall_s} for name, (cpu_s, wall_s) in taken.items()},
        most_seconds_one_name=_MOST_SECONDS,
        most_seconds_new=round(_MOST_SHARE * taken["pack"][1] + _MOST_SECONDS, 1),
        same_bytes_as_from_nothing=None if options.without_check else _is_same_from_nothing(folder, options),
    )


def _is_same_from_nothing(folder: Path, options: argparse.Namespace) -> bool:
    kept = _hashes(folder / "pack")
    shutil.rmtree(folder / "cache")
    (folder / "catalogue").unlink()
    _command(folder, ["add", f"image-list:{folder / 'images.csv'}", "--catalogue", str(folder / "catalogue")])
    _pack(folder, options, "1.1.0")
    return kept == _hashes(folder / "pack")


def _hashes(pack: Path) -> dict[str, str]:
    return {str(path.relative_to(pack)): sha256_of_file(path) for path in pack.rglob("*") if path.is_file()}


def _add(folder: Path, names: list[str]) -> tuple[float, float]:
    with (folder / "images.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "id", "name"])
        rows.writerows((f"images/{number:05}.jpg", f"tiles-{number}", name) for number, name in enumerate(names))
    return _command(folder, ["add", f"image-list:{folder / 'images.csv'}", "--catalogue", str(folder / "catalogue")])


def _pack(folder: Path, options: argparse.Namespace, version: str) -> tuple[float, float]:
    words = ["--catalogue", str(folder / "catalogue"), "--name", "grown", "--version", version, "--replace"]
    side = ["--thumbnails", str(options.thumbnails)] if options.thumbnails else []
    return _command(folder, ["pack", *words, "--variants", "onnx-int8", *side, "--out", str(folder / "pack")])


def _command(folder: Path, words: list[str]) -> tuple[float, float]:
    code = "import sys; from edge_identify.convert.cli.main import main; sys.exit(main())"
    before, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, FOLDER_VARIABLE: str(folder / "cache")}
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, env=environment)
    wall_s, after = time.perf_counter() - wall_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return round(cpu_s, 2), round(wall_s, 2)


def _draw(folder: Path, numbers: range) -> None:
    for number in numbers:
        tiles = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        PIL.Image.fromarray(tiles).resize((_SIDE_PX, _SIDE_PX)).save(folder / f"{number:05}.jpg", quality=90)


if __name__ == "__main__":
    main()
