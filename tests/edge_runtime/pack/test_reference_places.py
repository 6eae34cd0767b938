"""Coordinates of references: all within reach are found, and invalid ones are skipped."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_identify.edge_runtime.decisions.place_evidence import nearness
from edge_identify.edge_runtime.pack import references_writing
from edge_identify.edge_runtime.pack.references import Reference, ReferenceTable
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.photos.position import Position, box_within_reach, distance_m


def located(count: int = 400) -> list[Reference]:
    """References all over the Earth, many near the date line, the poles and one city; every tenth without a place."""
    things = []
    for at in range(count):
        latitude = (at * 37 % 181) - 90.0 if at % 3 else 48.0 + at / 1000
        longitude = ((at * 53 % 3600) / 10 - 180) if at % 2 else 179.9 - (at % 5) / 10
        things.append(
            Reference(
                id=f"r{at:04d}",
                name="r",
                namespace="even" if at % 2 == 0 else "odd",
                latitude=None if at % 10 == 0 else latitude,
                longitude=None if at % 10 == 0 else longitude,
            )
        )
    return things


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("place", [(48.1, 179.95), (48.1, -179.95), (89.9, 10.0), (-90.0, 0.0), (0.0, 0.0)])
def test_all_references_within_reach_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[float, float], indexed: bool
) -> None:
    monkeypatch.setattr(references_writing, "_LEAST_INDEXED", 1 if indexed else 10**6)
    things = located()
    write_references(tmp_path / "r.sqlite", things, [])
    position = Position(latitude=place[0], longitude=place[1], accuracy_m=500)
    spots = {one.id: (one.latitude, one.longitude) for one in things if one.latitude is not None}

    with ReferenceTable(tmp_path / "r.sqlite") as table:
        within = table.coordinates_within(box_within_reach(position))
        assert table.located_count() == len(spots) == 360
        assert table.coordinates_of([one.id for one in things]) == spots

    near = [spot for spot in spots.values() if spot[1] is not None and nearness(position, spot) > 0]  # type: ignore[arg-type]
    assert len([spot for spot in within if nearness(position, spot) > 0]) == len(near)


def test_only_a_large_file_has_an_index_of_places_and_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_references(tmp_path / "small.sqlite", located(), [])
    monkeypatch.setattr(references_writing, "_LEAST_INDEXED", 360)
    write_references(tmp_path / "large.sqlite", located(), [])
    query = (
        "EXPLAIN QUERY PLAN SELECT latitude FROM reference WHERE latitude BETWEEN 1 AND 2 AND longitude BETWEEN 1 AND 2"
    )

    plans = []
    for name in ("small", "large"):
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite")) as database:
            plans.append(str(database.execute(query).fetchall()))

    assert "reference_by_place" not in plans[0]
    assert "reference_by_place" in plans[1]


@pytest.mark.parametrize("value", ["1e308", "-91.0", "9e999", "'north'", "x'00'"])
def test_coordinates_that_are_on_no_map_are_none(tmp_path: Path, value: str) -> None:
    write_references(tmp_path / "r.sqlite", [Reference(id="x", name="x", latitude=1.0, longitude=2.0)], [])
    with closing(sqlite3.connect(tmp_path / "r.sqlite")) as database:
        database.execute(f"UPDATE reference SET latitude = {value}")  # a hostile pack
        database.commit()
    everywhere = box_within_reach(Position(latitude=0.0, longitude=0.0, accuracy_m=1_000_000))

    with ReferenceTable(tmp_path / "r.sqlite") as table:
        assert table.coordinates_of(["x", "unknown"]) == {}
        assert table.coordinates_within(everywhere) == []


def test_a_position_at_a_pole_is_as_near_to_every_longitude() -> None:
    assert distance_m((90.0, 0.0), (89.0, 0.0)) == pytest.approx(distance_m((90.0, 0.0), (89.0, 123.0)))
