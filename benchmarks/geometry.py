"""What comparing photos with their candidates point by point is worth, and what it costs: real packages and mosaics.

    python benchmarks/geometry.py --data DIR [--packs DIR] [--sides 320 160 96] [--limit N] [--only NAME]

DIR holds `grocery/` and `invaders/`; a set that is missing is skipped aloud, and everything where OpenCV is missing. A
pack is `NAME` in the folder that `--packs` names, or built here with the built-in encoder. References are thumbnails
of each side, as `edge-build pack --thumbnails` makes them. Prints one JSON line for each set and side.

Trap: the same brand's other package has most of a package's points. So each known photo is
asked again with its reference left out, and how well points tell the two apart stands beside how well similarity does.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from compared_encoders import build_builtin_pack
from measuring import print_line
from outcome_figures import auroc, share_figures
from PIL import Image
from real_photos import REAL_SETS, RealSet, missing_part

from edge_identify.convert.evaluating.evaluation import Query, read_queries
from edge_identify.convert.packing.pack_thumbnails import thumbnail_webp
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.decisions.decision import evidence_of, features_of
from edge_identify.edge_runtime.decisions.point_evidence import EXPONENT, evidence_of_points
from edge_identify.edge_runtime.errors import EdgeIdentifyError, SetupError
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.photos.images import open_image, open_photo
from edge_identify.edge_runtime.search.geometry.cascade import CANDIDATES
from edge_identify.edge_runtime.search.geometry.opencv import load_opencv
from edge_identify.edge_runtime.search.geometry.point_agreement import find_agreement
from edge_identify.edge_runtime.search.geometry.points import Points
from edge_identify.edge_runtime.search.geometry.reranking import rerank
from edge_identify.edge_runtime.search.geometry.sift_points import MOST_SIDE_PX, find_points
from edge_identify.edge_runtime.search.identifier import Identifier

SIDES_PX = (320, 160, 96)
EXPONENTS = (0, 1, 2, 3, 4, 5, 6)
_UNRELATED = 2  # references that have nothing to do with a photo, for each photo
_SEED = 20_261_121


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A photo, its answer without points, and the points.

    Attributes:
        query: What was asked.
        found: The answer with all candidates.
        counts: Points that agree, by candidate.
        unrelated: The same with references that are no candidates.
        photo_ms: CPU time of finding the photo's points.
        agreeing_ms: CPU time of comparing them with one reference's.
    """

    query: Query
    found: Identification
    counts: tuple[int, ...]
    unrelated: tuple[int, ...]
    photo_ms: float
    agreeing_ms: float

    @property
    def right(self) -> int | None:
        """Position of the right candidate; None where it is not among them."""
        ids = [match.reference.id for match in self.found.matches]
        return ids.index(self.query.reference_id) if self.query.reference_id in ids else None

    @property
    def without_right(self) -> list[int]:
        """Positions of the wrong candidates."""
        return [at for at in range(len(self.counts)) if at != self.right]


@dataclass(slots=True, kw_only=True)
class ReferencePoints:
    """The points of references' thumbnails of one side, found once each."""

    pictures: Mapping[str, Path]
    side_px: int
    found: dict[str, Points]
    milliseconds: list[float]
    bytes_each: list[int]

    def of(self, reference_id: str) -> Points:
        """Return the points of a reference's thumbnail."""
        if reference_id not in self.found:
            data = thumbnail_webp(open_image(self.pictures[reference_id]), self.side_px)
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            started = process_time()
            self.found[reference_id] = find_points(picture)
            self.milliseconds.append(1000 * (process_time() - started))
            self.bytes_each.append(len(data))
        return self.found[reference_id]


def main() -> None:
    """Measure and print."""
    options = _parser().parse_args()
    try:
        load_opencv().setNumThreads(1)
    except SetupError as error:
        sys.exit(f"SKIPPED everything: {error}")
    measured = 0
    with tempfile.TemporaryDirectory(prefix="geometry-") as scratch:
        for real in REAL_SETS:
            if real.name not in options.only:
                continue
            if (reason := missing_part(options.data / real.name)) is not None:
                print(f"SKIPPED {real.name}: {reason}", file=sys.stderr)
                continue
            try:
                measured += _measure_set(options, real, Path(scratch))
            except EdgeIdentifyError as error:
                sys.exit(f"error: {error}")
    if not measured:
        sys.exit("nothing was measured; see above for what was skipped")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [real.name for real in REAL_SETS]
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds grocery/ and invaders/")
    parser.add_argument("--packs", type=Path, metavar="DIR", help="holds packs that were built before, by set")
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES_PX, metavar="PX", help="of the thumbnails")
    parser.add_argument("--limit", type=int, metavar="N", help="of each group's photos, the first N")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    return parser


def _measure_set(options: argparse.Namespace, real: RealSet, scratch: Path) -> int:
    folder = options.data / real.name
    queries = _limited(read_queries(folder / "queries.csv"), real, options.limit)
    with Identifier(_pack(options, real, scratch), many=True) as identifier:
        answers = [identifier.identify(query.photo, top_k=CANDIDATES) for query in queries]
        calibration = identifier.calibration
    pictures = _pictures(folder)
    for side_px in options.sides:
        references = ReferencePoints(pictures=pictures, side_px=side_px, found={}, milliseconds=[], bytes_each=[])
        compared = list(_compare(queries, answers, references))
        print_line("geometry", set=real.name, **_figures(compared, references, real, calibration))
    return len(options.sides)


def _limited(queries: Sequence[Query], real: RealSet, limit: int | None) -> list[Query]:
    seen: Counter[str] = Counter()
    kept = []
    for query in queries:
        seen[query.columns[real.group_by]] += 1
        if limit is None or seen[query.columns[real.group_by]] <= limit:
            kept.append(query)
    return kept


def _pack(options: argparse.Namespace, real: RealSet, scratch: Path) -> Pack:
    if options.packs is not None:
        return open_pack(options.packs / real.name)
    folder = scratch / real.name
    folder.mkdir()
    return build_builtin_pack(parse_source(f"image-list:{options.data / real.name / 'references.csv'}"), folder, None)


def _pictures(folder: Path) -> dict[str, Path]:
    with (folder / "references.csv").open(newline="", encoding="utf-8-sig") as file:
        return {row["id"].strip(): folder / row["path"] for row in csv.DictReader(file)}


def _compare(
    queries: Sequence[Query], answers: Sequence[Identification], references: ReferencePoints
) -> Iterator[Compared]:
    rng = np.random.default_rng(_SEED)
    everything = sorted(references.pictures)
    for query, found in zip(queries, answers, strict=True):
        picture = open_photo(query.photo, enough_px=MOST_SIDE_PX).image
        picture.thumbnail((MOST_SIDE_PX, MOST_SIDE_PX))
        started = process_time()
        in_photo = find_points(picture)
        photo_ms = 1000 * (process_time() - started)
        candidates = [match.reference.id for match in found.matches]
        strangers = [name for name in rng.choice(everything, 4 * _UNRELATED) if name not in candidates][:_UNRELATED]
        known = [references.of(name) for name in (*candidates, *strangers)]
        started = process_time()
        counts = [_count(in_photo, points) for points in known]
        agreeing_ms = 1000 * (process_time() - started) / len(known)
        yield Compared(
            query=query,
            found=found,
            counts=tuple(counts[: len(candidates)]),
            unrelated=tuple(counts[len(candidates) :]),
            photo_ms=photo_ms,
            agreeing_ms=agreeing_ms,
        )


def _count(photo: Points, reference: Points) -> int:
    agreement = find_agreement(photo, reference)
    return 0 if agreement is None else agreement.count


def _figures(
    compared: Sequence[Compared], references: ReferencePoints, real: RealSet, calibration: Calibration | None
) -> dict[str, Any]:
    groups: dict[str, list[Compared]] = {}
    for each in compared:
        groups.setdefault(each.query.columns[real.group_by], []).append(each)
    unrelated = [count for each in compared for count in each.unrelated]
    unknown = groups.get(real.unknown_group, []) if real.unknown_group else []
    return {
        "thumbnail_side_px": references.side_px,
        "thumbnail_bytes": round(median(references.bytes_each)),
        "candidates": CANDIDATES,
        "photo_points_ms": round(median(each.photo_ms for each in compared), 1),
        "reference_points_ms": round(median(references.milliseconds), 1),
        "agreement_ms": round(median(each.agreeing_ms for each in compared), 2),
        "unrelated": {
            "pairs": len(unrelated),
            "agree": sum(map(bool, unrelated)),
            "most_points": max(unrelated, default=0),
        },
        "groups": {name: _group_figures(each, unknown, calibration) for name, each in sorted(groups.items())},
    }


def _group_figures(
    compared: Sequence[Compared], unknown: Sequence[Compared], calibration: Calibration | None
) -> dict[str, Any]:
    answers = [rerank(each.found, each.counts, calibration, top_k=CANDIDATES) for each in compared]
    figures: dict[str, Any] = {
        "photos": len(compared),
        "decisions_before": _decisions(compared, [each.found for each in compared]),
        "decisions_after": _decisions(compared, answers),
        "most_points": _percentiles([max(each.counts) for each in compared]),
    }
    known = [(each, answer) for each, answer in zip(compared, answers, strict=True) if each.query.reference_id]
    if not known:
        return figures
    clusters = [each.query.reference_id for each, _ in known]
    before = np.array([each.found.matches[0].reference.id == each.query.reference_id for each, _ in known])
    after = np.array([answer.matches[0].reference.id == each.query.reference_id for each, answer in known])
    figures |= share_figures("recall@1_before", before, clusters) | share_figures("recall@1_after", after, clusters)
    figures["right_among_candidates"] = round(float(np.mean([each.right is not None for each, _ in known])), 4)
    figures["gained"], figures["lost"] = int((after & ~before).sum()), int((before & ~after).sum())
    figures["most_points_without_it"] = _percentiles([_most_without(each) for each, _ in known])
    figures["exponents"] = {str(exponent): _fit([each for each, _ in known], exponent) for exponent in EXPONENTS}
    figures["known_from_left_out_auroc"] = _auroc_left_out([each for each, _ in known], calibration)
    if calibration is not None:
        figures["left_out_accepted"] = _left_out_accepted([each for each, _ in known], calibration)
    if unknown:
        figures["known_from_unknown_auroc"] = _auroc_unknown([each for each, _ in known], unknown, calibration)
    return figures


def _decisions(compared: Sequence[Compared], answers: Sequence[Identification]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for each, answer in zip(compared, answers, strict=True):
        decision = "uncalibrated" if answer.decision is None else answer.decision.value
        if answer.is_named:
            is_right = answer.matches[0].reference.id == each.query.reference_id
            decision += " right" if is_right else " wrong"
        counts[decision] += 1
    return dict(sorted(counts.items()))


def _percentiles(values: Sequence[int]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(values, share)), 1) for share in (5, 25, 50, 75, 95)}


def _most_without(each: Compared) -> int:
    return max((each.counts[at] for at in each.without_right), default=0)


def _fit(compared: Sequence[Compared], exponent: int) -> dict[str, float]:
    """Return recall at 1 and the mean log-loss of the right reference, of photos that have it among the candidates."""
    hits, losses = [], []
    for each in compared:
        if each.right is None or each.found.verdict is None:
            continue
        confidences = np.array([max(match.confidence or 0.0, 1e-300) for match in each.found.matches])
        weights = np.log(confidences) + exponent * np.log1p(np.array(each.counts))
        shares = np.exp(weights - weights.max())
        shares /= shares.sum()
        hits.append(int(shares.argmax()) == each.right)
        losses.append(-math.log(max(float(shares[each.right]), 1e-12)))
    if not hits:
        return {}
    return {"recall@1": round(float(np.mean(hits)), 4), "log_loss": round(float(np.mean(losses)), 3)}


def _left_out_accepted(known: Sequence[Compared], calibration: Calibration) -> dict[str, float]:
    """Return which share of the photos is accepted with the right reference left out, without points and with them."""
    before, after = [], []
    for each in known:
        evidence = _evidence(each, calibration, among=each.without_right)
        weights = {at: (each.found.matches[at].confidence or 0.0, each.counts[at]) for at in each.without_right}
        first = max(weights, key=lambda at: weights[at][0] * (1 + weights[at][1]) ** EXPONENT)
        before.append(evidence >= calibration.accept)
        after.append(evidence + evidence_of_points(each.counts[first]) >= calibration.accept)
    return {"before": round(float(np.mean(before)), 4), "after": round(float(np.mean(after)), 4)}


def _auroc_left_out(known: Sequence[Compared], calibration: Calibration | None) -> dict[str, float]:
    """Return how well the photos are told from themselves with the right reference left out."""
    whole = [_Telling(points=max(each.counts), evidence=_evidence(each, calibration)) for each in known]
    left_out = [
        _Telling(points=_most_without(each), evidence=_evidence(each, calibration, among=each.without_right))
        for each in known
    ]
    return _told_apart(whole, left_out)


def _auroc_unknown(
    known: Sequence[Compared], unknown: Sequence[Compared], calibration: Calibration | None
) -> dict[str, float]:
    """Return how well the photos are told from those of unknown things."""
    sides = (
        [_Telling(points=max(each.counts), evidence=_evidence(each, calibration)) for each in part]
        for part in (known, unknown)
    )
    return _told_apart(*sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """What may tell a known thing from an unknown one."""

    points: int
    evidence: float


def _told_apart(known: Sequence[_Telling], unknown: Sequence[_Telling]) -> dict[str, float]:
    ways: dict[str, Callable[[_Telling], float]] = {
        "points": lambda each: float(each.points),
        "evidence": lambda each: each.evidence,
        "together": lambda each: each.evidence + math.log1p(each.points),
    }
    return {
        name: round(auroc([of(each) for each in known], [of(each) for each in unknown]), 4) for name, of in ways.items()
    }


def _evidence(each: Compared, calibration: Calibration | None, *, among: Sequence[int] | None = None) -> float:
    if calibration is None:
        return 0.0
    scores = [match.score for match in each.found.matches]
    kept = scores if among is None else [scores[at] for at in among]
    return evidence_of(features_of(kept, calibration.neighbours), calibration)


if __name__ == "__main__":
    main()
