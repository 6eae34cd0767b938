"""What several photos of one thing are worth when they are answered together: packages, fruit, vegetables, mosaics.

    python benchmarks/together.py --data DIR [--packs DIR] [--only NAME]

DIR holds `grocery/` and `invaders/`; a set that is missing is skipped aloud. A pack is `NAME` in the folder that
`--packs` names, or built here with the built-in encoder. Photos of one product are put into groups of one to three
at random, three times over. Each group is asked as it is, and again with its product left out of the answers: then
whatever is accepted is a false accept. Of a mosaic there is one photo, and the picture of the reference; they make a
pair that is asked with that reference left out. Prints one JSON line for each set.

Trap: photos of one thing are no independent evidence of it. So ways to put them together
are compared by what they accept of things that are left out, too: the mean of the scores, the best score of any photo,
and the photo that is surest. Of packages a pack accepts next to nothing; so `one_in_ten` says what becomes of them if
one in ten single photos of things that are left out may pass.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from compared_encoders import build_builtin_pack
from measuring import print_line
from outcome_figures import share_figures
from real_photos import REAL_SETS, RealSet, missing_part

from edge_identify.convert.evaluating.decision_figures import auroc, calibration_error
from edge_identify.convert.evaluating.evaluation import read_queries
from edge_identify.convert.packing.pack_building import BUILTIN_PHOTO_VIEWS
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.answers.identification import StageSeconds
from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.decisions.decision import Decision, Verdict, decide
from edge_identify.edge_runtime.decisions.several_photos import DEPTH, mean_scores
from edge_identify.edge_runtime.errors import EdgeIdentifyError, SetupError
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder

SIZES = (1, 2, 3)  # photos in a group
_DRAWS = 3
_SEED = 20_261_121

Scores = Mapping[str, float]  # of one photo: its nearest references' by id
Way = Callable[[Sequence[Scores], Calibration], tuple[list[str], Verdict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Photos of one thing.

    Attributes:
        reference_id: What they show.
        photos: The scores of each.
    """

    reference_id: str
    photos: tuple[Scores, ...]

    def left_out(self) -> Group:
        """Return the same photos, asked of a pack without the thing."""
        kept = [{name: score for name, score in photo.items() if name != self.reference_id} for photo in self.photos]
        return Group(reference_id="", photos=tuple(kept))


def by_mean(photos: Sequence[Scores], calibration: Calibration) -> tuple[list[str], Verdict]:
    """Decide as `edge-identify --same-thing` does."""
    return _decided(mean_scores(photos), calibration)


def by_best(photos: Sequence[Scores], calibration: Calibration) -> tuple[list[str], Verdict]:
    """Decide from the best score that each reference has in any photo."""
    best: dict[str, float] = {}
    for photo in photos:
        best |= {name: max(score, best.get(name, -1.0)) for name, score in photo.items()}
    return _decided(best, calibration)


def by_surest(photos: Sequence[Scores], calibration: Calibration) -> tuple[list[str], Verdict]:
    """Take the answer of the photo that has the most evidence."""
    return max((_decided(photo, calibration) for photo in photos), key=lambda answer: answer[1].evidence)


WAYS: Mapping[str, Way] = {"mean": by_mean, "best": by_best, "surest": by_surest}


def main() -> None:
    """Measure and print."""
    options = _parser().parse_args()
    measured = 0
    with tempfile.TemporaryDirectory(prefix="together-") as scratch:
        for real in REAL_SETS:
            if real.name not in options.only:
                continue
            folder = options.data / real.name
            if (reason := missing_part(folder)) is not None:
                print(f"SKIPPED {real.name}: {reason}", file=sys.stderr)
                continue
            try:
                pack = _pack(options.packs, real, folder, Path(scratch))
                print_line("together", set=real.name, **_measure(pack, real, folder))
            except EdgeIdentifyError as error:
                sys.exit(f"error: {error}")
            measured += 1
    if not measured:
        sys.exit("nothing was measured; see above for what was skipped")


def groups_of(photos: Sequence[tuple[str, Scores]], size: int) -> Iterator[Group]:
    """Yield groups of photos of one thing, none of which shares a photo with another of the same draw.

    Args:
        photos: What each shows, and its scores.
        size: Photos in a group; what is left over is in none.
    """
    rng = np.random.default_rng(_SEED)
    by_thing: dict[str, list[Scores]] = {}
    for name, scores in photos:
        by_thing.setdefault(name, []).append(scores)
    for _ in range(_DRAWS):
        for name, taken in by_thing.items():
            order = rng.permutation(len(taken))
            for at in range(0, len(taken) - size + 1, size):
                yield Group(reference_id=name, photos=tuple(taken[one] for one in order[at : at + size]))


def group_figures(groups: Sequence[Group], calibration: Calibration, way: Way) -> dict[str, Any]:
    """Return recall and decisions of some groups, at least one, each asked as it is and with its thing left out."""
    known = [way(group.photos, calibration) for group in groups]
    others = [way(group.left_out().photos, calibration)[1] for group in groups]
    hits = np.array([names[0] == group.reference_id for (names, _), group in zip(known, groups, strict=True)])
    accepted = np.array([_is_accepted(verdict) for _, verdict in known])
    verdicts = [verdict for _, verdict in known]
    confidences = [verdict.confidences[0] for verdict in (*verdicts, *others)]
    return {
        "groups": len(groups),
        **share_figures("recall@1", hits, [group.reference_id for group in groups]),
        "right_accepted": round(float(accepted[hits].mean()), 4) if hits.any() else None,
        "wrong_accepted": round(float((accepted & ~hits).mean()), 4),
        "left_out_accepted": round(float(np.mean([_is_accepted(verdict) for verdict in others])), 4),
        "auroc": auroc([verdict.evidence for verdict in verdicts], [verdict.evidence for verdict in others]),
        "ece": calibration_error(confidences, [*hits.tolist(), *[False] * len(others)]),
    }


def _decided(scores: Scores, calibration: Calibration) -> tuple[list[str], Verdict]:
    names = sorted(scores, key=lambda name: -scores[name])
    return names, decide([scores[name] for name in names], calibration)


def _is_accepted(verdict: Verdict) -> bool:
    return verdict.decision is not Decision.UNKNOWN


def _finder(pack: Pack, identifier: Identifier) -> ReferenceFinder:
    """Return a finder without calibration: only similarities are read from its answers."""
    return ReferenceFinder(pack, many=True, variant_name=identifier.variant_name)


def _measure(pack: Pack, real: RealSet, folder: Path) -> dict[str, Any]:
    queries = [query for query in read_queries(folder / "queries.csv") if query.reference_id]
    with Identifier(pack, many=True) as identifier, closing(_finder(pack, identifier)) as finder:
        calibration = identifier.calibration
        if calibration is None:
            raise SetupError(f"{pack.manifest.name}: is not calibrated, so nothing is decided; build it again")

        def scores_of(path: Path) -> Scores:
            views = identifier.embed_pixels(prepare_photo(path, pack.manifest.preprocessing).pixels)
            spent = StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0)
            (found,) = finder.answers(views[None], DEPTH, [spent])
            return {match.reference.id: match.score for match in found.matches}

        photos: dict[str, list[tuple[str, Scores]]] = {}
        for query in queries:
            kind = query.columns[real.group_by]
            photos.setdefault(kind, []).append((query.reference_id, scores_of(query.photo)))
        if len({query.reference_id for query in queries}) < len(queries):
            return {"kinds": {kind: _by_size(taken, calibration) for kind, taken in photos.items()}}
        pictures = _pictures(folder)
        pairs = [
            Group(reference_id=name, photos=(photo, scores_of(pictures[name])))
            for name, photo in (one for taken in photos.values() for one in taken)
        ]
    return {"left_out_accepted": _left_out_pairs(pairs, calibration), "pairs": len(pairs)}


def _by_size(photos: Sequence[tuple[str, Scores]], calibration: Calibration) -> dict[str, Any]:
    figures: dict[str, Any] = {"photos": len(photos)}
    strangers = [by_mean(group.left_out().photos, calibration)[1].evidence for group in groups_of(photos, 1)]
    lenient = replace(calibration, accept=float(np.percentile(strangers, 90)))
    for size in SIZES:
        groups = list(groups_of(photos, size))
        ways = WAYS if size > 1 else {"mean": by_mean}  # of one photo all are the same
        figures[str(size)] = {
            name: group_figures(groups, calibration, way) | {"one_in_ten": _accepted(groups, lenient, way)}
            for name, way in ways.items()
        }
    return figures


def _accepted(groups: Sequence[Group], calibration: Calibration, way: Way) -> dict[str, Any]:
    figures = group_figures(groups, calibration, way)
    return {name: figures[name] for name in ("right_accepted", "wrong_accepted", "left_out_accepted")}


def _left_out_pairs(pairs: Sequence[Group], calibration: Calibration) -> dict[str, float]:
    """Return which share is accepted of single photos, and of the pairs in each way, with what they show left out."""
    left_out = [pair.left_out() for pair in pairs]
    single = [by_mean([photo], calibration)[1] for pair in left_out for photo in pair.photos]
    found = {"one": round(float(np.mean([_is_accepted(verdict) for verdict in single])), 4)}
    for name, way in WAYS.items():
        accepted = [_is_accepted(way(pair.photos, calibration)[1]) for pair in left_out]
        found[name] = round(float(np.mean(accepted)), 4)
    return found


def _pictures(folder: Path) -> dict[str, Path]:
    with (folder / "references.csv").open(newline="", encoding="utf-8-sig") as file:
        return {row["id"].strip(): folder / row["path"] for row in csv.DictReader(file)}


def _pack(packs: Path | None, real: RealSet, folder: Path, scratch: Path) -> Pack:
    if packs is not None:
        return open_pack(packs / real.name)
    (scratch / real.name).mkdir()
    source = parse_source(f"image-list:{folder / 'references.csv'}")
    return build_builtin_pack(source, scratch / real.name, photo_views=BUILTIN_PHOTO_VIEWS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [real.name for real in REAL_SETS]
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds grocery/ and invaders/")
    parser.add_argument("--packs", type=Path, metavar="DIR", help="holds packs that were built before, by set")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    return parser


if __name__ == "__main__":
    main()
