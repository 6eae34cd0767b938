"""Embeddings are kept for a few encoders of each kind."""

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
