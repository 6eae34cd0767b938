"""A live service over a repository with a pack that has all that it can show; one for all tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.sync_server.publish import publish
from live_service import Client, live
from service_packs import write_service_pack


@pytest.fixture(scope="session")
def service_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_service_pack(tmp_path_factory.mktemp("service") / "pack")


@pytest.fixture(scope="session")
def service_repo(service_pack: Path) -> Path:
    repo = service_pack.parent / "repo"
    publish(service_pack, repo, now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    return repo


@pytest.fixture(scope="session")
def service(service_repo: Path) -> Iterator[Client]:
    with live("--repo", str(service_repo), "--max-body-mib", "1", "--log-level", "info") as client:
        yield client
