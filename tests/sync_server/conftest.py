"""A live service with a full pack, shared by all tests that only send requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.sync_server.publishing.publish import publish
from live_service import Client, live
from s3_server import CREDENTIALS, S3Server, s3_server
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


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(_s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """An S3-compatible server with an empty public bucket `packs`, and credentials for it."""
    _s3_server.make_bucket("packs", is_public=True)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return _s3_server
