"""Catalogues of drawn tiles, and `edge-build` as a whole process: what benchmarks of builds share."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from edge_identify.convert.caching.build_cache import FOLDER_VARIABLE

_SIDE_PX = 128
_COMMAND = "import sys; from edge_identify.convert.cli.main import main; sys.exit(main())"


def draw_tiles(folder: Path, numbers: range, side_px: int = _SIDE_PX) -> None:
    """Write images of random tiles, named after their numbers."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        tiles = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        PIL.Image.fromarray(tiles).resize((side_px, side_px)).save(folder / f"{number:06}.jpg", quality=90)


def write_image_list(path: Path, names: Sequence[str]) -> None:
    """Write the table of the first images in the folder `images` beside it, with these names."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "id", "name"])
        rows.writerows((f"images/{number:06}.jpg", f"tiles-{number}", name) for number, name in enumerate(names))


def edge_build(
    words: Sequence[str], cache: Path, *, accepted: Sequence[int] = (0,), threads: int = 1
) -> tuple[float, float]:
    """Run `edge-build`, start-up included, and return its CPU and wall seconds.

    Args:
        words: The subcommand and its options.
        cache: Folder of the builds' cache.
        accepted: Exit codes that are no failure.
        threads: Threads of OpenMP.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    before, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, FOLDER_VARIABLE: str(cache), "OMP_NUM_THREADS": str(threads)}
    ended = subprocess.run([sys.executable, "-c", _COMMAND, *words], capture_output=True, env=environment, check=False)
    if ended.returncode not in accepted:
        print(ended.stderr.decode(), file=sys.stderr)
        ended.check_returncode()
    wall_s, after = time.perf_counter() - wall_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return round(cpu_s, 2), round(wall_s, 2)
