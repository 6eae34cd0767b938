"""New versions that fail their self-test: they are not published, and a server stays with the version before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from colour_packs import with_files
from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest
from edge_identify.edge_runtime.store.self_test import self_test
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.engine_pool import EnginePool
from edge_identify.sync_server.answering.pack_engine import PackEngine
from edge_identify.sync_server.answering.pack_sources import PublishedPacks
from edge_identify.sync_server.cli.main import main
from edge_identify.sync_server.contract.problem_kinds import ProblemError
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.service import status_routes
from service_packs import write_service_pack

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def failing_pack(folder: Path) -> Path:
    """Write a newer version whose self-test expects another embedding."""
    write_service_pack(folder, version="1.1.0")
    cases = folder / "cases.json"
    cases.write_text(cases.read_text().replace("1.0,", "0.0,", 1).replace("0.0\n", "1.0\n", 1))
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(with_files(read_manifest(folder), folder)))
    with pytest.raises(PackDamagedError, match="self-test photo"):
        self_test(open_pack(folder))
    return folder


def test_a_pack_that_fails_its_own_self_test_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["publish", "--repo", str(tmp_path / "repo"), "--pack"]
    assert main([*words, str(write_service_pack(tmp_path / "pack"))]) == ExitCode.DONE
    listing = (tmp_path / "repo/packs.json").read_bytes()

    assert main([*words, str(failing_pack(tmp_path / "newer"))]) == ExitCode.PACK
    assert "self-test photo" in capsys.readouterr().err
    assert (tmp_path / "repo/packs.json").read_bytes() == listing


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    publish(write_service_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=NOW)
    (tmp_path / "work").mkdir()
    return tmp_path / "repo"


def pool_of(repo: Path) -> EnginePool:
    def test(folder: Path, _: Manifest, variant_names: tuple[str, ...]) -> None:
        self_test(open_pack(folder, variant_names=variant_names))

    source = PublishedPacks(FolderTree(repo), repo.parent / "work", self_test=test)
    return EnginePool([source], ConcurrencyLimit(2, patience_s=10))


def test_a_server_stays_with_the_version_before(repo: Path, tmp_path: Path) -> None:
    pool = pool_of(repo)
    pool.refresh()
    publish(failing_pack(tmp_path / "newer"), repo, now_utc=NOW)  # by another program, without the test
    pool.refresh()

    with pool.borrow() as engine:
        assert engine.manifest.version == PackVersion.parse("1.0.0")
    assert "self-test photo" in pool.refused["letters"]
    assert list((tmp_path / "work").iterdir()) != []
    pool.close()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_server_s_engine_is_asked_before_it_answers_others(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fails(_: PackEngine, *, encodes: bool) -> None:
        asked.append(encodes)
        raise PackDamagedError("does not answer")

    monkeypatch.setattr(PackEngine, "check", fails)
    pool = pool_of(repo)
    pool.refresh()

    assert asked == [True]
    assert pool.refused == {"letters": "does not answer"}


def test_readiness_asks_the_engine(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise PackDamagedError("the disk is gone")

    pool = pool_of(repo)
    pool.refresh()
    monkeypatch.setattr(PackEngine, "search_vector", fails)

    with pytest.raises(ProblemError, match="not answering: letters"):
        status_routes._ready(pool)
    pool.close()
