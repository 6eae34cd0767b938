"""The misbehaving server and a cache folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from misbehaving_server import MisbehavingServer, misbehaving_server

from edge_identify.datasets.sources.fetching.image_cache import ImageCache


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with misbehaving_server() as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    return ImageCache(tmp_path / "pictures")
