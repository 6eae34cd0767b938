"""The benchmark of place: what it simulates, what it counts, and that missing data is said aloud."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import add_calibration
from edge_identify.convert.evaluating.evaluation import Query
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.position import distance_m

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_without_its_data_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    words = [sys.executable, str(BENCHMARKS / "place.py"), "--data", str(tmp_path)]

    ended = subprocess.run(words, capture_output=True, text=True, check=False)

    assert ended.returncode != 0
    assert "SKIPPED place: " in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("place", [(0.0, 0.0), (48.85, 2.35), (-33.9, 179.999), (64.1, -21.9)])
def test_positions_are_moved_as_far_as_they_are_said_to_be(
    place: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from place import moved

    for metres in (20, 2000):
        for turn in range(8):
            found = moved(place, metres, turn * math.pi / 4)
            assert distance_m(place, found) == pytest.approx(metres, rel=2e-3)
            assert -180 <= found[1] <= 180


def test_every_way_is_measured_and_known_and_unknown_photos_are_counted_apart(
    colour_pack: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from place import ERRORS_M, Mosaics, measure, table

    queries = []
    for name, colour, identifier, tier in (
        ("PA_1", (255, 0, 0), "red", "independent_strict"),
        ("LDN_1", (0, 255, 0), "green", "independent_likely"),
        ("LDN_2", (110, 110, 110), "", "out_of_index"),
        ("LDN_3", (0, 0, 255), "blue", "independent_strict"),  # has no coordinates: is not asked about
    ):
        Image.new("RGB", (9, 9), colour).save(tmp_path / f"{name}.png")
        queries.append(Query(photo=tmp_path / f"{name}.png", reference_id=identifier, columns={"tier": tier}))
    places = {"red": (48.85, 2.35), "green": (51.5, -0.12)}
    mosaics = Mosaics(places=places, cities={"red": "PA", "green": "LDN"})

    figures = measure(open_pack(add_calibration(colour_pack())), mosaics, queries)

    assert (figures["photos"], figures["unknown_photos"]) == (2, 1)
    assert len(figures["ways"]) == 2 * len(ERRORS_M) + 2
    none = figures["ways"]["none"]
    assert (none["strict_recall@1"], none["likely_recall@1"], none["false_accepts"]) == (1.0, 1.0, 0.0)
    assert none["right_accepted"] == 1.0
    assert len(table(figures).splitlines()) == 2 + 1 + len(ERRORS_M) + 1
