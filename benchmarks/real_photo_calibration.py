"""What a maker's own photos are worth to a pack's confidences: some of the real photos against the others.

    python benchmarks/real_photo_calibration.py --data DIR [--packs DIR] [--photos 60] [--splits 5] [--only NAME]

DIR holds `grocery/` and `invaders/`; a set that is missing is skipped aloud. A pack is `NAME` in the folder that
`--packs` names, or built here with the built-in encoder. Of the groceries, the packages are asked; of the mosaics,
those that are in the pack. Each split draws the photos to fit with at random, whole references at a time, and
measures the answers to all others. Prints one JSON line for each set.

Trap: the expected calibration error of few photos is above 0 for exact confidences, too. `exact_ece` is what answers
have on average that are drawn with the stated probabilities.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from compared_encoders import build_builtin_pack
from measuring import print_line
from real_photos import REAL_SETS, RealSet, missing_part

from edge_identify.convert.caching.build_cache import FOLDER_VARIABLE, BuildCache
from edge_identify.convert.calibrating.real_answers import RealAnswer, answer_to
from edge_identify.convert.calibrating.real_photo_fitting import fit_to_real_photos
from edge_identify.convert.calibrating.real_photos import ScoredRealPhotos, read_real_photos
from edge_identify.convert.evaluating.decision_figures import calibration_error
from edge_identify.convert.evaluating.evaluation import read_queries
from edge_identify.convert.packing.recalibration import checked_calibrations, score_with_pack
from edge_identify.convert.progress import shown_progress
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.pack.references import ReferenceTable

_GROUPS = {"grocery": ("Packages",), "invaders": ("independent_strict", "independent_likely")}
_DRAWS = 200  # of answers for `exact_ece`; more change its third decimal


def main() -> None:
    """Measure the sets that are there."""
    options = _parser().parse_args()
    measured = False
    for real in REAL_SETS:
        if real.name not in options.only:
            continue
        if missing := missing_part(options.data / real.name):
            print(f"skipped {real.name}: {missing}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            pack = _pack(options.packs, real, options.data, Path(folder))
            figures = measure(pack, real, options.data, Path(folder), photos=options.photos, splits=options.splits)
            print_line("real_photo_calibration", set=real.name, **figures)
        measured = True
    if not measured:
        sys.exit("nothing was measured; see above for what was skipped")


def measure(pack: Pack, real: RealSet, data: Path, folder: Path, *, photos: int, splits: int) -> dict[str, Any]:
    """Return the figures of a set, before and after a fit to some of its photos.

    Args:
        pack: A calibrated pack of the set.
        real: The set.
        data: Holds it.
        folder: For temporary files.
        photos: How many photos to fit with.
        splits: How many random splits to average.
    """
    scored, calibration = _scored(pack, real, data / real.name, folder)
    return _figures(scored, calibration, photos, splits)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [real.name for real in REAL_SETS]
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds grocery/ and invaders/")
    parser.add_argument("--packs", type=Path, metavar="DIR", help="holds packs that were built before, by set")
    parser.add_argument("--photos", type=int, default=60, metavar="N", help="to fit with (default: 60)")
    parser.add_argument("--splits", type=int, default=5, metavar="N", help="random splits (default: 5)")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    return parser


def _pack(packs: Path | None, real: RealSet, data: Path, folder: Path) -> Pack:
    if packs is not None:
        return open_pack(packs / real.name)
    (folder / "pack").mkdir()
    table = data / real.name / "references.csv"
    return build_builtin_pack(
        parse_source(f"image-list:{table}"), folder / "pack", photo_views=(1.0, 0.85, 0.7), with_points=True
    )


def _scored(pack: Pack, real: RealSet, data: Path, folder: Path) -> tuple[ScoredRealPhotos, Calibration]:
    calibration = next(iter(checked_calibrations(pack).values()))
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        images = references.images()
    table = folder / "photos.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["query", "id"])
        rows.writerows(
            [str(query.photo.resolve()), query.reference_id]
            for query in read_queries(data / "queries.csv")
            if query.columns[real.group_by] in _GROUPS[real.name]
        )
    photos = read_real_photos(table, images, shown_progress)
    cache = BuildCache(Path(os.environ.get(FOLDER_VARIABLE, folder / "cache")))
    measured_with = calibration.measured_with
    scored = score_with_pack(pack, photos, images, {measured_with}, cache, shown_progress)[measured_with]
    for left_out in (*photos.left_out, *scored.left_out):
        print(f"skipped: {left_out.reason}", file=sys.stderr)
    return scored, calibration


def _figures(scored: ScoredRealPhotos, calibration: Calibration, wanted: int, splits: int) -> dict[str, Any]:
    rng = np.random.default_rng(20_261_201)
    before, after, told = [], [], []
    for _ in range(splits):
        fitted_to, others = _split(scored.groups, wanted, rng)
        fitted = fit_to_real_photos(
            [scored.photos[at] for at in fitted_to], calibration, [scored.groups[at] for at in fitted_to]
        )
        before.append(_measured([answer_to(scored.photos[at], calibration) for at in others], rng))
        after.append(_measured([answer_to(scored.photos[at], fitted) for at in others], rng))
        assert fitted.real_photos is not None, "it was fitted to real photos"
        told.append(fitted.real_photos)
    return {
        "photos": len(scored.photos),
        "fitted_to": wanted,
        "before": _mean(before),
        "after": _mean(after),
        "ece_by_split": [each["ece"] for each in after],
        "told_identified_right": [each.identified_right for each in told],
        "told_calibration_error": [each.calibration_error for each in told],
    }


def _split(groups: Sequence[str], wanted: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Return the photos to fit with, at least `wanted`, and the others; no reference is in both."""
    chosen: set[str] = set()
    for group in rng.permutation(sorted(set(groups))).tolist():
        if sum(each in chosen for each in groups) >= wanted:
            break
        chosen.add(group)
    fitted_to = [at for at, group in enumerate(groups) if group in chosen]
    return fitted_to, [at for at, group in enumerate(groups) if group not in chosen]


def _measured(answers: Sequence[RealAnswer], rng: np.random.Generator) -> dict[str, float | None]:
    stated = [each.verdict.confidences[0] for each in answers]
    exact = [calibration_error(stated, (rng.uniform(size=len(stated)) < stated).tolist()) for _ in range(_DRAWS)]
    right = [each for each in answers if each.is_right]
    return {
        "ece": calibration_error(stated, [each.is_right for each in answers]),
        "exact_ece": float(np.mean(exact)),
        "identified_right_share": _right(answers, Decision.IDENTIFIED),
        "probably_right_share": _right(answers, Decision.PROBABLY),
        "right_identified": _share([each.verdict.decision is Decision.IDENTIFIED for each in right]),
        "right_named": _share([each.verdict.decision in (Decision.IDENTIFIED, Decision.PROBABLY) for each in right]),
    }


def _right(answers: Sequence[RealAnswer], decision: Decision) -> float | None:
    return _share([each.is_right for each in answers if each.verdict.decision is decision])


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def _mean(figures: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    found = {name: [value for each in figures if (value := each[name]) is not None] for name in figures[0]}
    return {name: round(float(np.mean(values)), 4) if values else None for name, values in found.items()}


if __name__ == "__main__":
    main()
