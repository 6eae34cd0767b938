"""How long `edge-build doctor` takes for a catalogue of drawn images.

    python benchmarks/doctor.py [--count 12000]

Runs the whole command twice and prints one JSON line with CPU and wall seconds of both. The first run embeds the
images; the second finds their embeddings in the cache, as after a build. It still reads and decodes every image, and
compares each with all others.

Target: the second run takes at most a minute for 12,000 images.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from drawn_catalogue import draw_tiles, edge_build, write_image_list
from measuring import print_line

_MOST_SECONDS = 60.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_tiles(folder / "images", range(options.count))
        write_image_list(folder / "images.csv", [f"Tiles {number}" for number in range(options.count)])
        catalogue = ["--catalogue", str(folder / "catalogue")]
        edge_build(["add", f"image-list:{folder / 'images.csv'}", *catalogue], folder / "cache")
        taken = {
            run: edge_build(["doctor", *catalogue], folder / "cache", accepted=(0, 9))
            for run in ("embedding", "embedded_before")
        }
    print_line(
        "doctor",
        count=options.count,
        seconds={run: {"cpu": cpu_s, "wall": wall_s} for run, (cpu_s, wall_s) in taken.items()},
        most_seconds_embedded_before=_MOST_SECONDS,
    )


if __name__ == "__main__":
    main()
