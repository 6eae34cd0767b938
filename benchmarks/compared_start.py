"""What a start of `edge-identify` costs where points are compared, beside one where they are not.

    python benchmarks/compared_start.py --pack PACK --photo PHOTO [--rounds 7]

Installs PACK, which must have local features, twice: in one store the points of thumbnails can be kept between runs, in
the other a file is in the way. PHOTO is asked without points and with them. Prints one JSON line: medians of wall and
CPU time, and the ratios to the start without points.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cold_start import _OURS, _SETTLING_S, _install
from measuring import Command, compile_once, print_line, processes_interleaved

from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.edge_runtime.store.installed_packs import POINTS_FOLDER_NAME

_PLAIN, _COMPARED, _NOT_KEPT = "without_points", "compared", "compared_not_kept"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print_line("compared_start", rounds=options.rounds, **measure(options.pack, options.photo, options.rounds))


def measure(pack: Path, photo: Path, rounds: int) -> dict[str, Any]:
    """Return the times of the three kinds of starts, and the ratios to the one without points."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_once(folder / "compiled")
        manifest = read_manifest(pack)
        for store in ("kept", "not-kept"):
            _install(pack, manifest, folder / store)
        (folder / "not-kept" / manifest.name / POINTS_FOLDER_NAME).write_bytes(b"")  # no folder can be made there
        time.sleep(_SETTLING_S)
        figures = processes_interleaved(
            {
                _PLAIN: _command(photo, folder / "kept", GeometryMode.NEVER),
                _COMPARED: _command(photo, folder / "kept", GeometryMode.ALWAYS),
                _NOT_KEPT: _command(photo, folder / "not-kept", GeometryMode.ALWAYS),
            },
            rounds,
        )
    ratios = {
        name: {key: round(taken[key] / figures[_PLAIN][key], 3) for key in taken if figures[_PLAIN][key]}
        for name, taken in figures.items()
        if name != _PLAIN
    }
    return {"figures": figures, "to_plain": ratios}


def _command(photo: Path, store: Path, mode: GeometryMode) -> Command:
    words = [sys.executable, "-c", _OURS, str(photo), "--json", "--store", str(store), "--verify-geometry", mode]
    return Command(words=words)


if __name__ == "__main__":
    main()
