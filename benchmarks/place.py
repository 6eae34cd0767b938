"""What a photo's position is worth, and what a wrong one costs: street mosaics with simulated positions.

    python benchmarks/place.py --data DIR [--pack PACK] [--table FILE.md]

DIR holds `invaders/`; where it is missing, nothing is measured and the reason printed. Without `--pack` one is built
with the built-in encoder. The photos carry no position, so one is simulated: a photo of a known mosaic is moved from
its reference's coordinates by 20 m to 2 km in a random direction, or to a mosaic of another city; a photo of a mosaic
that is not in the pack lies as far from a random known one, of its own city where the pack has one, or of any. Each
way is drawn several times. All goes through the pack's own encoder, search and decision.

Trap: unknown mosaics far from everything prove nothing. Here they stand beside known ones.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from compared_encoders import build_builtin_pack
from measuring import print_line
from real_photos import missing_part

from edge_identify.convert.evaluating.decision_figures import calibration_error
from edge_identify.convert.evaluating.evaluation import Query, read_queries
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.answers.identification import Identification, StageSeconds
from edge_identify.edge_runtime.decisions.calibration import Calibration, read_calibrations
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.errors import EdgeIdentifyError, SetupError
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.photos.position import Coordinates, Position
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder

if TYPE_CHECKING:
    from numpy.typing import NDArray

ERRORS_M = (20, 100, 200, 500, 1000, 2000)
_DRAWS = 5  # of each way: its figures are their means
_WRONG_ERROR_M = 100.0  # from a mosaic of another city: wrong positions lie where people are
_SEED = 20_261_121
_M_PER_DEGREE = 111_195.0  # of latitude
_STRICT = "independent_strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaics:
    """Where the references are.

    Attributes:
        places: Coordinates by id; those without any are not in it.
        cities: The city of each of them.
    """

    places: Mapping[str, Coordinates]
    cities: Mapping[str, str]

    def of_city(self, city: str) -> list[str]:
        """Return the ids of a city's located mosaics."""
        return [name for name in self.places if self.cities[name] == city]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Photos with the embeddings of their views, float32 [n, views, dim]: embedded once, asked many times."""

    queries: Sequence[Query]
    embeddings: NDArray[np.float32]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds invaders/")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="a pack of those references (default: build one)")
    parser.add_argument("--table", type=Path, metavar="FILE.md", help="write the figures as Markdown too")
    options = parser.parse_args()
    folder = options.data / "invaders"
    if (reason := missing_part(folder)) is not None:
        sys.exit(f"SKIPPED place: {reason}")
    try:
        with tempfile.TemporaryDirectory(prefix="place-") as scratch:
            source = f"image-list:{folder / 'references.csv'}"
            pack = (
                open_pack(options.pack)
                if options.pack
                else build_builtin_pack(parse_source(source), Path(scratch), None)
            )
            figures = measure(pack, read_mosaics(folder / "references.csv"), read_queries(folder / "queries.csv"))
    except EdgeIdentifyError as error:
        sys.exit(f"error: {error}")
    if options.table:
        options.table.write_text(table(figures), encoding="utf-8")
    print_line("place", **figures)


def read_mosaics(path: Path) -> Mosaics:
    """Read coordinates and cities of the references from their table."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["lat"]]
    return Mosaics(
        places={row["id"]: (float(row["lat"]), float(row["lng"])) for row in rows},
        cities={row["id"]: row["city_code"] for row in rows},
    )


def measure(pack: Pack, mosaics: Mosaics, queries: Sequence[Query]) -> dict[str, Any]:
    """Return the figures of all ways to be placed, by name; of photos whose mosaic has coordinates, or is unknown."""
    placeable = [query for query in queries if not query.reference_id or query.reference_id in mosaics.places]
    rng = np.random.default_rng(_SEED)
    with Identifier(pack, many=True) as identifier:
        variant, recipe = identifier.variant_name, pack.manifest.preprocessing
        views = [identifier.embed_pixels(prepare_photo(query.photo, recipe).pixels) for query in placeable]
    asked = Asked(queries=placeable, embeddings=np.stack(views))
    calibration = _calibration(pack, variant)
    with closing(ReferenceFinder(pack, many=True, variant_name=variant, calibration=calibration)) as finder:
        ways = {"none": _ask(finder, asked, None)}
        for error_m in ERRORS_M:
            for nearby in ("own_city", "anywhere"):
                draws = [_positions(placeable, mosaics, error_m, nearby, rng) for _ in range(_DRAWS)]
                ways[f"{error_m}_m_{nearby}"] = _mean([_ask(finder, asked, positions) for positions in draws])
        wrong = [_wrong_positions(placeable, mosaics, rng) for _ in range(_DRAWS)]
        ways["wrong_city"] = _mean([_ask(finder, asked, positions) for positions in wrong])
    unknown = sum(not query.reference_id for query in placeable)
    return {"photos": len(placeable) - unknown, "unknown_photos": unknown, "draws": _DRAWS, "ways": ways}


def moved(place: Coordinates, distance_m: float, bearing: float) -> Coordinates:
    """Return the place a short distance away; the bearing in radians."""
    latitude = place[0] + distance_m * math.cos(bearing) / _M_PER_DEGREE
    aside = distance_m * math.sin(bearing) / _M_PER_DEGREE / math.cos(math.radians(place[0]))
    return latitude, (place[1] + aside + 540) % 360 - 180


def table(figures: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table; unknown mosaics are those beside one of their own city."""
    lines = [
        "| position | recall at 1, another day | mostly another photo | right and accepted | wrong and accepted "
        "| unknown accepted | ECE |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, way in figures["ways"].items():
        if name.endswith("_anywhere"):
            continue
        columns = ("strict_recall@1", "likely_recall@1", "right_accepted", "wrong_accepted", "false_accepts", "ece")
        cells = " | ".join(f"{way[column]:.3f}".removeprefix("0") for column in columns)
        lines.append(f"| {name.removesuffix('_own_city').replace('_', ' ')} | {cells} |")
    return "\n".join(lines) + "\n"


def _positions(
    queries: Sequence[Query], mosaics: Mosaics, error_m: float, nearby: str, rng: np.random.Generator
) -> list[Position]:
    """Return a position of each photo: near what it shows, or near a mosaic that an unknown one may stand beside."""
    every, found = list(mosaics.places), []
    for query in queries:
        beside = query.reference_id
        if not beside:
            own_city = mosaics.of_city(query.photo.stem.rpartition("_")[0]) if nearby == "own_city" else []
            choices = own_city or every
            beside = choices[int(rng.integers(len(choices)))]
        found.append(_position(mosaics.places[beside], error_m, rng))
    return found


def _wrong_positions(queries: Sequence[Query], mosaics: Mosaics, rng: np.random.Generator) -> list[Position]:
    every, found = list(mosaics.places), []
    for query in queries:
        city = query.photo.stem.rpartition("_")[0]
        elsewhere = every[int(rng.integers(len(every)))]
        while mosaics.cities[elsewhere] == mosaics.cities.get(query.reference_id, city):
            elsewhere = every[int(rng.integers(len(every)))]
        found.append(_position(mosaics.places[elsewhere], _WRONG_ERROR_M, rng))
    return found


def _position(place: Coordinates, error_m: float, rng: np.random.Generator) -> Position:
    latitude, longitude = moved(place, error_m, float(rng.uniform(0, 2 * math.pi)))
    return Position(latitude=latitude, longitude=longitude, source="photo")


def _calibration(pack: Pack, variant_name: str) -> Calibration:
    path = pack.manifest.calibration_file
    found = None if path is None else read_calibrations(pack.file(path)).get(variant_name)
    if found is None:
        raise SetupError(f"{pack.manifest.name}: is not calibrated, so a position is not used; build it again")
    return found


def _ask(finder: ReferenceFinder, asked: Asked, positions: Sequence[Position] | None) -> dict[str, float]:
    spent = [StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0)] * len(asked.queries)
    return _figures(asked.queries, finder.answers(asked.embeddings, 1, spent, positions))


def _figures(queries: Sequence[Query], found: Sequence[Identification]) -> dict[str, float]:
    known = np.array([bool(query.reference_id) for query in queries])
    strict = np.array([query.columns["tier"] == _STRICT for query in queries])
    right = np.array(
        [one.matches[0].reference.id == query.reference_id for query, one in zip(queries, found, strict=True)]
    )
    accepted = np.array([one.verdict is not None and one.verdict.decision is not Decision.UNKNOWN for one in found])
    confidences = [one.matches[0].confidence or 0.0 for one in found]
    return {
        "strict_recall@1": float(right[strict].mean()),
        "likely_recall@1": float(right[known & ~strict].mean()),
        "right_accepted": float((right & accepted)[known].mean()),
        "wrong_accepted": float((~right & accepted)[known].mean()),
        "false_accepts": float(accepted[~known].mean()),
        "ece": calibration_error(confidences, right.tolist()),
    }


def _mean(draws: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([draw[name] for draw in draws])), 4) for name in draws[0]}


if __name__ == "__main__":
    main()
