"""Which pictures encoders are measured on, from one build to the next."""

from __future__ import annotations

from pathlib import Path

from edge_identify.datasets.catalogue import Catalogue


def spread(count: int) -> list[int]:
    return [0, count // 2, count - 1]


def test_the_sample_stays_while_the_catalogue_grows_to_less_than_twice_its_size(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        assert catalogue.build_memory().sample(range(1, 101), spread) == (1, 51, 100)
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        memory = catalogue.build_memory()
        assert memory.sample(range(1, 200), spread) == (1, 51, 100)
        assert memory.sample(range(1, 201), spread) == (1, 101, 200)


def test_pictures_that_are_gone_leave_the_sample_until_too_many_are(tmp_path: Path) -> None:
    def eight(count: int) -> list[int]:
        return list(range(0, count, count // 8))[:8]

    with Catalogue.open(tmp_path / "c.db") as catalogue:
        memory = catalogue.build_memory()
        drawn = memory.sample(range(1, 81), eight)
        assert drawn == (1, 11, 21, 31, 41, 51, 61, 71)
        assert memory.sample(range(12, 81), eight) == drawn[2:]
        assert memory.sample(range(22, 81), eight) == (22, 29, 36, 43, 50, 57, 64, 71)
