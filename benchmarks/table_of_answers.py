"""One table of what the default pack and the default command reach on real photos, beside what was asked for.

    python benchmarks/table_of_answers.py --data DIR --packs FOLDER [--limit 1000] [--rounds 7] [--splits 5]

DIR holds `grocery/` and `invaders/`; a set that is missing is skipped aloud. Packs are built with the built-in encoder
in FOLDER where they are not there yet, which takes most of the time; delete them to measure a change of the build.
Prints the table, and one JSON line of the same figures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import compared_start
import decisions
import real_photo_calibration
import words
from compared_encoders import build_builtin_pack
from measuring import print_line
from real_photos import REAL_SETS, RealSet, missing_part

from edge_identify.convert.evaluating.evaluation import evaluate_pack, read_queries
from edge_identify.convert.evaluating.evaluation_figures import grouping_columns, report_figures
from edge_identify.convert.packing.pack_building import BUILTIN_PHOTO_VIEWS
from edge_identify.convert.progress import shown_progress
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack

#: Asked for, by set: ECE of the other photos if 60 of the maker's are given.
_ECE = {"grocery": 0.05, "invaders": 0.04}
_STRANGERS_IDENTIFIED, _START_RATIO, _ONE_ERROR = 0.02, 1.8, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table.

    Attributes:
        name: In words.
        found: The figure; None if it was not measured.
        needed: What was asked for.
        at_most: Whether that is a ceiling rather than a floor.
    """

    name: str
    found: float | None
    needed: float
    at_most: bool = False

    @property
    def word(self) -> str:
        """Whether it is reached."""
        if self.found is None:
            return "not measured"
        return "reached" if (self.found <= self.needed if self.at_most else self.found >= self.needed) else "MISSED"


def main() -> None:
    """Measure and print."""
    options = _parser().parse_args()
    present = []
    for real in REAL_SETS:
        if missing := missing_part(options.data / real.name):
            print(f"SKIPPED {real.name}: {missing}", file=sys.stderr)
        else:
            present.append(real)
    if not present:
        sys.exit("nothing was measured; see above for what was skipped")
    packs = {real.name: _pack(options.packs, options.data, real) for real in present}
    rows = list(_rows(packs, present, options))
    print_table(rows)
    print_line("table_of_answers", rows={row.name: [row.found, row.needed, row.word] for row in rows})


def print_table(rows: Sequence[Row]) -> None:
    """Print rows as a Markdown table."""
    print("| figure | found | asked for | |\n|---|---|---|---|")
    for row in rows:
        limit = f"at {'most' if row.at_most else 'least'} {row.needed:g}"
        print(f"| {row.name} | {'-' if row.found is None else f'{row.found:.3f}'} | {limit} | {row.word} |")


def strangers_identified(pack: Pack, queries: Path) -> float:
    """Return the share of another set's photos that a pack identifies."""
    asked = [replace(query, reference_id="") for query in read_queries(queries)]
    outcomes = evaluate_pack(pack, asked, progress=shown_progress).outcomes
    named = [each.verdict is not None and each.verdict.decision is Decision.IDENTIFIED for each in outcomes]
    return sum(named) / len(named)


def _rows(packs: Mapping[str, Pack], present: Sequence[RealSet], options: argparse.Namespace) -> Iterator[Row]:
    for real in present:
        yield from _of_decisions(packs[real.name], real, options.data)
        for other in present:
            if other is not real:
                share = strangers_identified(packs[real.name], options.data / other.name / "queries.csv")
                name = f"{real.name}: photos of {other.name} identified"
                yield Row(name=name, found=share, needed=_STRANGERS_IDENTIFIED, at_most=True)
        with tempfile.TemporaryDirectory() as folder:
            figures = real_photo_calibration.measure(
                packs[real.name], real, options.data, Path(folder), photos=60, splits=options.splits
            )
        after = figures["after"]["ece"]
        yield Row(name=f"{real.name}: ECE with 60 photos", found=after, needed=_ECE[real.name], at_most=True)
    yield from _of_starts(packs[present[0].name], options)
    yield from _of_words(options)


def _of_decisions(pack: Pack, real: RealSet, data: Path) -> Iterator[Row]:
    queries = read_queries(data / real.name / "queries.csv")
    evaluation = evaluate_pack(pack, queries, progress=shown_progress)
    figures = report_figures(evaluation, columns=grouping_columns(queries))
    compared = decisions.reached(real.name, figures)
    for target in decisions.TARGETS[real.name]:
        found = compared[target.name]["found"]
        yield Row(name=f"{real.name}: {target.name}", found=found, needed=target.needed, at_most=target.at_most)


def _of_starts(pack: Pack, options: argparse.Namespace) -> Iterator[Row]:
    photo = read_queries(options.data / pack.folder.parent.name / "queries.csv")[-1].photo
    ratios = compared_start.measure(pack.folder, photo, options.rounds)["to_plain"]
    for name, in_words in (("compared", "kept points"), ("compared_not_kept", "no kept points")):
        found = ratios[name]["cpu_ms"]
        yield Row(
            name=f"start with points to start without, CPU, {in_words}", found=found, needed=_START_RATIO, at_most=True
        )


def _of_words(options: argparse.Namespace) -> Iterator[Row]:
    folder = options.packs / "words"
    if not folder.exists():
        words.build(options.data, folder)
    found = words.measure(folder, limit=options.limit)["all"]
    yield Row(name="search: exact name first", found=found["exact_first"], needed=1.0)
    best = found[f"best_order_in_{words.DEPTH}"]
    name = f"search: one typing error, among three (best possible {best:g})"
    yield Row(name=name, found=found[f"one_error_in_{words.DEPTH}"], needed=_ONE_ERROR)


def _pack(packs: Path, data: Path, real: RealSet) -> Pack:
    folder = packs / real.name
    if (folder / "pack").exists():
        return open_pack(folder / "pack")
    folder.mkdir(parents=True, exist_ok=True)
    source = parse_source(f"image-list:{data / real.name / 'references.csv'}")
    return build_builtin_pack(source, folder, photo_views=BUILTIN_PHOTO_VIEWS, with_points=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds grocery/ and invaders/")
    parser.add_argument("--packs", type=Path, required=True, metavar="FOLDER", help="packs are kept here")
    parser.add_argument("--limit", type=int, default=1000, help="about so many names are searched (default: 1000)")
    parser.add_argument("--rounds", type=int, default=7, help="starts of each kind (default: 7)")
    parser.add_argument("--splits", type=int, default=5, help="random splits of the maker's photos (default: 5)")
    return parser


if __name__ == "__main__":
    main()
