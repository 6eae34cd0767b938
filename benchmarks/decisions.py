"""How well packs decide on real photos: known things, things that are not in the pack, and things left out of it.

    python benchmarks/decisions.py --data DIR --html report.html [--only NAME ...] [--photo-views 1] [--adapter]
        [--verify-geometry MODE]

Builds packs with the built-in encoder from the references of each set under DIR (`grocery/`, `invaders/`; one that is
not there is skipped aloud), asks them all photos, prints one JSON line for each set, a table of the figures to reach on
standard error, and writes one report for people.
`grocery-left-out` has no strangers of its own: its products are left out of the pack a third at a time. Of each third's
pack, the photos of what was left out are strangers; the photos of the next third are the known ones, so that each
photo counts once as either. The last three options show what looking at a photo several times brings, an adapter, and
comparing photos with thumbnails point by point.

Do not tune the calibration to these figures. It is fitted without any real photo.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from compared_encoders import build_builtin_pack
from figures_to_reach import Target
from measuring import print_line
from outcome_figures import value_at
from real_photos import REAL_SETS, missing_part

from edge_identify.convert.adapting.adapter_learning import LEAST_REFERENCES
from edge_identify.convert.evaluating.evaluation import Evaluation, Query, evaluate_pack, read_queries
from edge_identify.convert.evaluating.evaluation_figures import grouping_columns, report_figures
from edge_identify.convert.packing.pack_building import BUILTIN_PHOTO_VIEWS
from edge_identify.convert.progress import shown_progress
from edge_identify.convert.reporting.report_page import ReportPart, report_page
from edge_identify.convert.reporting.report_part import evaluation_part, pack_facts
from edge_identify.datasets.sources import parse_source
from edge_identify.datasets.sources.source import ListedImages, SourceImage
from edge_identify.edge_runtime.errors import EdgeIdentifyError
from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.edge_runtime.terminal.geometry_option import add_geometry_mode, joined_geometry_mode

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack

FOLDS = 3
LEFT_OUT = "grocery-left-out"
SETS = (*(real.name for real in REAL_SETS), LEFT_OUT)

_WHOLE = ("all", "decisions")
_PACKAGES = ("by_column", "kind", "Packages")
_TIERS = ("by_column", "tier")
#: The figures to reach with the default pack and the default command.
TARGETS: Mapping[str, tuple[Target, ...]] = {
    "grocery": (
        Target(name="packages, recall@1", path=(*_PACKAGES, "recall@1"), needed=0.80),
        Target(
            name="packages, identified of the right", path=(*_PACKAGES, "decisions", "right_identified"), needed=0.75
        ),
        Target(name="packages, named of the right", path=(*_PACKAGES, "decisions", "right_named"), needed=0.90),
        Target(
            name="packages, identified are right", path=(*_PACKAGES, "decisions", "identified_right_share"), needed=0.95
        ),
        Target(
            name="packages, probably are right", path=(*_PACKAGES, "decisions", "probably_right_share"), needed=0.75
        ),
    ),
    "invaders": (
        Target(name="strict, recall@1", path=(*_TIERS, "independent_strict", "recall@1"), needed=0.80),
        Target(name="likely, recall@1", path=(*_TIERS, "independent_likely", "recall@1"), needed=0.96),
        Target(name="accepted of the right", path=(*_WHOLE, "right_accepted"), needed=0.78),
        Target(name="unknown mosaics accepted", path=(*_WHOLE, "false_accept_rate"), needed=0.03, at_most=True),
        Target(name="ECE", path=(*_WHOLE, "ece"), needed=0.04, at_most=True),
    ),
    LEFT_OUT: (
        Target(name="AUROC of left-out packages", path=(*_PACKAGES, "decisions", "auroc_evidence"), needed=0.85),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How packs are built and asked.

    Attributes:
        photo_views: As `Preprocessing.photo_views`.
        is_adapted: Whether an adapter is learnt for packs that have references enough.
        geometry: When points are compared. Packs have local features unless it is never.
    """

    photo_views: tuple[float, ...]
    is_adapted: bool
    geometry: GeometryMode = GeometryMode.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a set.

    Attributes:
        figures: As `convert.reporting.figures` describes them.
        part: Of the report.
    """

    figures: dict[str, Any]
    part: ReportPart


def main() -> None:
    """Measure, print a line for each set, and write the report."""
    options = _parser().parse_args(joined_geometry_mode(sys.argv[1:]))
    parts: list[ReportPart] = []
    try:
        with tempfile.TemporaryDirectory(prefix="decisions-") as scratch:
            for name in options.only or SETS:
                folder = options.data / name.removesuffix("-left-out")
                if missing := missing_part(folder):
                    print(f"SKIPPED {name}: {missing}", file=sys.stderr)
                    continue
                form = Form(
                    photo_views=options.photo_views,
                    is_adapted=options.adapter,
                    geometry=GeometryMode(options.verify_geometry),
                )
                measured = measure_set(name, folder, Path(scratch), form)
                parts.append(measured.part)
                print_targets(name, reached(name, measured.figures))
                print_line(
                    "decisions",
                    set=name,
                    **asdict(form),
                    targets=reached(name, measured.figures),
                    **_short(measured.figures),
                )
    except EdgeIdentifyError as error:
        sys.exit(f"error: {error}")
    if not parts:
        sys.exit("nothing was measured; see above for what was skipped")
    write_bytes(options.html, report_page("Decisions of the built-in encoder on real photos", parts).encode())


def measure_set(name: str, folder: Path, scratch: Path, form: Form) -> Measured:
    """Build the pack or packs of a set and ask them its photos.

    Args:
        name: From `SETS`.
        folder: Holds its tables.
        scratch: Where packs are built.
        form: How they are built.

    Raises:
        SetupError: A table is malformed, or a pack cannot be built.
    """
    images = list(parse_source(f"image-list:{folder / 'references.csv'}").images())
    queries = read_queries(folder / "queries.csv")
    pack = _build(images, scratch / name, form)
    if name == LEFT_OUT:
        evaluation = _evaluate_left_out(images, queries, scratch, form)
        asked_with = f"{FOLDS} packs, each without a third of the products"
    else:
        evaluation = _ask(pack, queries, form)
        asked_with = "all photos of the set"
    for left_out in evaluation.left_out:
        print(f"skipped: {left_out.reason}", file=sys.stderr)
    figures = report_figures(evaluation, columns=grouping_columns(queries)) | pack_facts(pack, evaluation)
    pictures = {image.reference.id: image.path for image in reversed(images)}
    return Measured(
        figures=figures,
        part=evaluation_part(pack, evaluation, figures, reference_images=pictures, asked_with=asked_with, title=name),
    )


def folds_of(ids: Sequence[str]) -> dict[str, int]:
    """Return the fold of each id: neighbours in the sorted list, which are often alike, lie in different ones."""
    return {name: at % FOLDS for at, name in enumerate(sorted(set(ids)))}


def queries_of_fold(queries: Sequence[Query], folds: Mapping[str, int], fold: int) -> list[Query]:
    """Return the photos that are asked of the pack without a fold: its own as strangers, the next one's as known."""
    strangers = [replace(query, reference_id="") for query in queries if folds[query.reference_id] == fold]
    known = [query for query in queries if folds[query.reference_id] == (fold + 1) % FOLDS]
    return strangers + known


def reached(name: str, figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what was found of each target of a set, what is needed, and whether it is reached."""
    compared = {}
    for target in TARGETS.get(name, ()):
        found = value_at(figures, target.path)
        is_reached = None if found is None else target.is_reached(found)
        compared[target.name] = {"found": found, "needed": target.needed, "reached": is_reached}
    return compared


def print_targets(name: str, compared: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what was found of each target of a set as a table, on standard error."""
    for target, figures in compared.items():
        word = {True: "reached", False: "MISSED", None: "not measured"}[figures["reached"]]
        print(f"{name:18s}{target:36s}{figures['found']!s:>8}  needed {figures['needed']}  {word}", file=sys.stderr)


def _evaluate_left_out(
    images: Sequence[SourceImage], queries: Sequence[Query], scratch: Path, form: Form
) -> Evaluation:
    folds = folds_of([image.reference.id for image in images])
    evaluations = []
    for fold in range(FOLDS):
        kept = [image for image in images if folds[image.reference.id] != fold]
        pack = _build(kept, scratch / f"fold-{fold}", form)
        asked = queries_of_fold(queries, folds, fold)
        evaluations.append(_ask(pack, asked, form))
    times = [each.answer_ms for each in evaluations if each.answer_ms is not None]
    return Evaluation(
        outcomes=tuple(outcome for each in evaluations for outcome in each.outcomes),
        left_out=tuple(left_out for each in evaluations for left_out in each.left_out),
        answer_ms=sum(times) / len(times) if times else None,
    )


def _ask(pack: Pack, queries: Sequence[Query], form: Form) -> Evaluation:
    return evaluate_pack(
        pack,
        queries,
        progress=shown_progress,
        geometry=form.geometry,
    )


def _build(images: Sequence[SourceImage], folder: Path, form: Form) -> Pack:
    folder.mkdir()
    references = len({image.reference.id for image in images})
    if form.is_adapted and references < LEAST_REFERENCES:
        print(f"{folder.name}: not adapted, {references} references are too few", file=sys.stderr)
    adapter = folder / "learnt.adapter" if form.is_adapted and references >= LEAST_REFERENCES else None
    return build_builtin_pack(
        ListedImages(tuple(images)),
        folder,
        photo_views=form.photo_views,
        adapter=adapter,
        with_points=form.geometry is not GeometryMode.NEVER,
    )


def _short(figures: Mapping[str, Any]) -> dict[str, Any]:
    # Single photos are for the report: their paths are this machine's.
    return {key: value for key, value in figures.items() if key not in ("worst", "slowest", "confusable", "groups")}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds the sets")
    parser.add_argument("--html", type=Path, required=True, help="the report")
    parser.add_argument(
        "--photo-views",
        type=lambda text: tuple(float(share) for share in text.split(",")),
        default=BUILTIN_PHOTO_VIEWS,
        metavar="SHARES",
        help="as of `edge-build pack` (default: the built-in encoder's)",
    )
    parser.add_argument("--adapter", action="store_true", help="adapt the packs that have references enough")
    add_geometry_mode(parser)
    parser.add_argument("--only", nargs="+", choices=SETS, metavar="NAME", help=f"of {', '.join(SETS)}")
    return parser


if __name__ == "__main__":
    main()
