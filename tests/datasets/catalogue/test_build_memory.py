"""The sample that encoders are measured on, from one build to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.datasets.catalogue.build_memory import MOST_ENCODERS, ORIGINAL
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import parse_source


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    with Catalogue.open(tmp_path / "c.db") as opened:
        opened.add(parse_source(f"images:{tmp_path}"))
        yield opened


@pytest.fixture
def sha256(catalogue: Catalogue) -> str:
    return catalogue.images()[0].sha256


def spread(count: int) -> list[int]:
    return [0, count // 2, count - 1]


def test_the_sample_stays_while_the_catalogue_grows_to_less_than_twice_its_size(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        assert catalogue.build_memory().sample(range(1, 101), spread) == (1, 51, 100)
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        memory = catalogue.build_memory()
        assert memory.sample(range(1, 200), spread) == (1, 51, 100)
        assert memory.sample(range(1, 201), spread) == (1, 101, 200)


def test_images_that_are_gone_leave_the_sample_until_too_many_are(tmp_path: Path) -> None:
    def eight(count: int) -> list[int]:
        return list(range(0, count, count // 8))[:8]

    with Catalogue.open(tmp_path / "c.db") as catalogue:
        memory = catalogue.build_memory()
        drawn = memory.sample(range(1, 81), eight)
        assert drawn == (1, 11, 21, 31, 41, 51, 61, 71)
        assert memory.sample(range(12, 81), eight) == drawn[2:]
        assert memory.sample(range(22, 81), eight) == (22, 29, 36, 43, 50, 57, 64, 71)


def test_searches_with_other_models_do_not_make_a_build_embed_again(catalogue: Catalogue, sha256: str) -> None:
    memory = catalogue.build_memory()
    memory.begin("pack")
    memory.keep_embeddings("pack", {sha256: b"1234"})
    for number in range(MOST_ENCODERS + 1):
        searching = f"{ORIGINAL}{number}"
        memory.begin(searching)
        memory.keep_embeddings(searching, {sha256: b"5678"})
    assert memory.embeddings("pack", [sha256]) == {sha256: b"1234"}
    assert memory.embeddings(f"{ORIGINAL}0", [sha256]) == {}
    assert memory.embeddings(f"{ORIGINAL}1", [sha256]) == {sha256: b"5678"}
    for number in range(MOST_ENCODERS):
        memory.begin(f"pack {number}")
    assert memory.embeddings("pack", [sha256]) == {}
