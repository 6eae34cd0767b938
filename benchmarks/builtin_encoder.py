"""The built-in encoder: real photos, near-twins, siblings, look-alikes; recall by blur, angle, scale and light.

    python benchmarks/builtin_encoder.py --data DIR [--weights image_tower.safetensors] [--floor model.onnx]
        [--only NAME ...] [--default-views] [--table FILE.md]

Prints one JSON line, and writes it as a Markdown table for the model card if asked. DIR holds `grocery/` and
`invaders/`; a set that is not there is skipped aloud. Everything is asked in the int8 form that a pack ships, and all
randomness is seeded: the same weights give the same figures on the same machine. A floor is another encoder, from an
ONNX file that takes [n, 3, size, size] from -1 to 1, measured beside ours on the same pictures.

Do not tune to these figures. Read them after the choices were made on other data.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from builtin_table import builtin_table
from compared_encoders import (
    BUILTIN,
    FloorEncoder,
    ImageEncoder,
    PackEncoder,
    build_builtin_pack,
    describe_pack,
    encode_one,
)
from drawn_things import SIBLINGS, draw_instances, measure_drawn, measure_siblings, measure_twins
from figures_to_reach import compare_with_targets
from measuring import cpu_ms_interleaved, print_line
from photo_levels import measure_levels
from real_photos import REAL_SETS, RealSet, measure_encoder, measure_pack, missing_part

from edge_identify.convert.packing.pack_building import BUILTIN_PHOTO_VIEWS
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.errors import EdgeIdentifyError
from edge_identify.edge_runtime.pack.pack_reader import Pack

TWINS, BRAND, DRAWN, ROBUSTNESS = "near_twins", "siblings", "drawn", "robustness"
_DRAWN_PARTS = (TWINS, BRAND, DRAWN, ROBUSTNESS)
_ROUNDS = 41  # of one picture each, for its time
PARTS = (*(real.name for real in REAL_SETS), *_DRAWN_PARTS)


@dataclass(slots=True)
class _Run:
    """What was asked for, and what has been measured so far."""

    options: argparse.Namespace
    scratch: Path
    floor: FloorEncoder | None
    encoders: dict[str, dict[str, Any]] = field(default_factory=dict)
    encode_one: dict[str, Callable[[], object]] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def build_pack(self, name: str, source: str) -> Pack:
        """Build the pack of a set; the first one describes the encoder."""
        folder = self.scratch / f"pack-{name}"
        folder.mkdir()
        views = BUILTIN_PHOTO_VIEWS if self.options.default_views else (1.0,)
        pack = build_builtin_pack(parse_source(source), folder, self.options.weights, photo_views=views)
        if BUILTIN not in self.encoders:
            self.encoders[BUILTIN] = describe_pack(pack, self.options.weights)
            self.encode_one[BUILTIN] = encode_one(pack)
        return pack

    def keep(self, part: str, encoder: str, figures: Any) -> None:
        """Take the figures of an encoder."""
        self.results.setdefault(encoder, {})[part] = figures

    def time_encoders(self) -> None:
        """Measure the median CPU milliseconds of one picture, one thread, the encoders in turn."""
        if self.floor is not None:
            self.encoders[self.floor.name] = self.floor.describe()
            self.encode_one[self.floor.name] = self.floor.encode_one()
        for name, milliseconds in cpu_ms_interleaved(self.encode_one, _ROUNDS).items():
            self.encoders[name]["cpu_ms"] = milliseconds

    def skip(self, part: str, reason: str) -> None:
        """Leave a part out, aloud."""
        self.skipped[part] = reason
        print(f"SKIPPED {part}: {reason}", file=sys.stderr)


def main() -> None:
    """Measure and print."""
    options = _parser().parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="builtin-encoder-") as scratch:
            figures = _measure(options, Path(scratch))
    except EdgeIdentifyError as error:
        sys.exit(f"error: {error}")
    if options.table:
        options.table.write_text(builtin_table(figures), encoding="utf-8")
    print_line("builtin_encoder", **figures)
    if not figures["results"]:
        sys.exit("nothing was measured; see above for what was skipped")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds grocery/ and invaders/")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="an image tower (default: the shipped one)")
    parser.add_argument("--floor", type=Path, metavar="FILE.onnx", help="another encoder to measure beside ours")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="NAME", help=", ".join(PARTS))
    parser.add_argument(
        "--default-views",
        action="store_true",
        help="look at the real photos as often as a pack does by default; otherwise once",
    )
    parser.add_argument("--table", type=Path, metavar="FILE.md", help="write the figures as Markdown too")
    parser.add_argument(
        "--things",
        type=int,
        default=400,
        help="drawn instances (default 400); half as many pairs of near-twins, three quarters for robustness",
    )
    return parser


def _measure(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    run = _Run(options=options, scratch=scratch, floor=FloorEncoder(options.floor) if options.floor else None)
    for real in REAL_SETS:
        if real.name in options.only:
            _measure_real(run, real)
    if set(options.only) & set(_DRAWN_PARTS):
        _measure_drawn_parts(run)
    run.time_encoders()
    return {
        "encoders": run.encoders,
        "results": run.results,
        "targets": compare_with_targets(run.encoders.get(BUILTIN, {}), run.results.get(BUILTIN, {})),
        "skipped": run.skipped,
    }


def _measure_real(run: _Run, real: RealSet) -> None:
    folder = run.options.data / real.name
    if (reason := missing_part(folder)) is not None:
        run.skip(real.name, reason)
        return
    pack = run.build_pack(real.name, f"image-list:{folder / 'references.csv'}")
    run.keep(real.name, BUILTIN, measure_pack(pack, real, folder))
    if run.floor is not None:
        run.keep(real.name, run.floor.name, measure_encoder(run.floor, real, folder))


def _measure_drawn_parts(run: _Run) -> None:
    things: int = run.options.things
    drawn = draw_instances(run.scratch / DRAWN, things)
    pack = run.build_pack(DRAWN, f"images:{run.scratch / DRAWN}")
    with PackEncoder(pack) as encoder:
        encoders: list[ImageEncoder] = [encoder]
        if run.floor is not None:
            encoders.append(run.floor)
        measures: dict[str, Callable[[], Any]] = {
            TWINS: lambda: measure_twins(encoders, run.scratch / TWINS, things // 2),
            BRAND: lambda: measure_siblings(encoders, things // SIBLINGS),
            DRAWN: lambda: measure_drawn(encoders, drawn),
            ROBUSTNESS: lambda: measure_levels(encoders, drawn.first(things * 3 // 4)),
        }
        for part, measure in measures.items():
            if part in run.options.only:
                for name, figures in measure().items():
                    run.keep(part, name, figures)


if __name__ == "__main__":
    main()
