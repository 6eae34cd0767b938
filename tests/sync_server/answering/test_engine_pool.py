"""The engine pool: packs from a repository and a store, the same answers as on the device, changing versions."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from edge_identify.edge_runtime.cli.main import main as identify
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.errors import NetworkError, PackNotFoundError, PhotoError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import Pack, read_manifest
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.sync_server.answering.concurrency_limit import BusyError, ConcurrencyLimit
from edge_identify.sync_server.answering.engine_pool import EnginePool, NoPackChosenError, NotReadyError, PoolRefresher
from edge_identify.sync_server.answering.pack_sources import AvailableVersion, InstalledPacks, PublishedPacks
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish
from service_packs import photo_of, write_service_pack

NOW = datetime(2026, 1, 31, tzinfo=UTC)
RED = photo_of((255, 0, 0))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    publish(write_service_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=NOW)
    (tmp_path / "work").mkdir()
    return tmp_path / "repo"


@pytest.fixture
def pool(repo: Path, tmp_path: Path) -> Iterator[EnginePool]:
    pool = EnginePool([PublishedPacks(FolderTree(repo), tmp_path / "work")], ConcurrencyLimit(2, patience_s=10))
    yield pool
    pool.close()


def installed(tmp_path: Path, pack: Path) -> PackStore:
    store = PackStore(tmp_path / "store")
    manifest = read_manifest(pack)
    with store.updating(manifest.name):
        reused = {path: pack / path for path in manifest.files}
        store.stage(manifest.name, (pack / MANIFEST_NAME).read_bytes(), reused)
        store.activate(
            store.describe(
                manifest.name,
                manifest.version,
                variant_names=("onnx-fp32",),
                source="http://localhost/",
                manifest_sha256=sha256_of_file(pack / MANIFEST_NAME),
            )
        )
    return store


def test_a_photo_is_answered_as_on_the_device(
    pool: EnginePool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool.refresh()
    for rgb in ((255, 0, 0), (240, 10, 30), (120, 120, 120)):
        (tmp_path / "photo.jpg").write_bytes(photo_of(rgb))
        identify([str(tmp_path / "photo.jpg"), "--pack", f"{tmp_path}/pack/", "--json"])
        (expected,) = json.loads(capsys.readouterr().out)["answers"]
        with pool.borrow() as engine:
            found = engine.identify(photo_of(rgb), name="photo", top_k=5)
        assert [match.reference.id for match in found.matches] == [match["id"] for match in expected["matches"]]
        assert [round(match.confidence or 0, 4) for match in found.matches] == [
            match["confidence"] for match in expected["matches"]
        ]
        assert found.decision == expected["decision"]


def test_texts_vectors_and_images_are_of_one_space(pool: EnginePool) -> None:
    pool.refresh()
    with pool.borrow("letters") as engine:
        image, text = engine.embed_image(RED, name="red").vector, engine.embed_text("ra").vector
        assert image @ image == pytest.approx(1, abs=1e-5)
        assert engine.search_text("ra", top_k=1).matches[0].reference.id == "red"
        assert engine.search_vector(text, top_k=1).matches[0].reference.id == "red"
        found = engine.search_vector(image, top_k=2, filters=Filters(namespaces=("nature",)))
        assert {match.reference.namespace for match in found.matches} == {"nature"}
        assert found.decision is None
        assert (engine.device, engine.decides, engine.answers_texts) == ("cpu", True, True)


def test_filters_that_fit_nothing_and_images_that_are_none_are_refused(pool: EnginePool) -> None:
    pool.refresh()
    with pool.borrow() as engine:
        with pytest.raises(SetupError, match="the pack has no namespace 'Rome'"):
            engine.identify(RED, name="red", top_k=5, filters=Filters(namespaces=("Rome",)))
        with pytest.raises(PhotoError, match="my photo"):
            engine.identify(b"no picture", name="my photo", top_k=5)


def test_packs_of_a_store_answer_too(tmp_path: Path) -> None:
    store = installed(tmp_path, write_service_pack(tmp_path / "pack"))
    pool = EnginePool([InstalledPacks(store)], ConcurrencyLimit(1, patience_s=10))
    pool.refresh()
    with pool.borrow() as engine:
        assert engine.identify(RED, name="red", top_k=1).decision is Decision.IDENTIFIED
    pool.close()


def test_which_pack_answers_has_to_be_clear(repo: Path, tmp_path: Path) -> None:
    publish(write_service_pack(tmp_path / "other", name="other"), repo, now_utc=NOW)
    source, concurrency = PublishedPacks(FolderTree(repo), tmp_path / "work"), ConcurrencyLimit(1, patience_s=10)
    pool, with_default = EnginePool([source], concurrency), EnginePool([source], concurrency, default_pack="other")
    with pytest.raises(NotReadyError), pool.borrow("letters"):
        pass
    for one in (pool, with_default):
        one.refresh()
    with pytest.raises(NoPackChosenError, match="letters, other"), pool.borrow():
        pass
    with pytest.raises(PackNotFoundError, match="it has letters, other"), pool.borrow("third"):
        pass
    with with_default.borrow() as engine:
        assert engine.manifest.name == "other"
    for one in (pool, with_default):
        one.close()


def test_a_new_version_takes_over_and_the_old_one_ends_with_its_last_request(
    pool: EnginePool, repo: Path, tmp_path: Path
) -> None:
    pool.refresh()
    with pool.borrow() as old:
        publish(write_service_pack(tmp_path / "newer", version="1.1.0"), repo, now_utc=NOW)
        pool.refresh()
        with pool.borrow() as new:
            assert (old.manifest.version, new.manifest.version) == (PackVersion(1, 0, 0), PackVersion(1, 1, 0))
        assert len(list((tmp_path / "work").iterdir())) == 2
        assert old.identify(RED, name="red", top_k=1).matches[0].reference.id == "red"
    assert [folder.name[:13] for folder in (tmp_path / "work").iterdir()] == ["letters-1.1.0"]


def test_requests_go_on_while_versions_change(repo: Path, pool: EnginePool, tmp_path: Path) -> None:
    packs = [write_service_pack(tmp_path / f"pack-{minor}", version=f"1.{minor}.0") for minor in range(1, 5)]
    pool.refresh()
    over = Event()

    def ask(_: int) -> set[str]:
        versions = set()
        while not over.is_set():
            with pool.borrow() as engine:
                found = engine.identify(RED, name="red", top_k=1, filters=Filters(namespaces=("Paris",)))
            assert found.matches[0].reference.id == "red"
            versions.add(found.pack_version)
        return versions

    with ThreadPoolExecutor(6) as threads:
        asking = [threads.submit(ask, number) for number in range(6)]
        try:
            for pack in packs:
                publish(pack, repo, now_utc=NOW)
                pool.refresh()
        finally:
            over.set()
        versions = set().union(*(one.result() for one in asking))
    assert len(versions) > 1
    assert len(list((tmp_path / "work").iterdir())) == 1


def test_a_version_that_cannot_be_opened_leaves_the_one_before_at_work(
    pool: EnginePool, repo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pool.refresh()
    newer = write_service_pack(tmp_path / "newer", version="1.1.0", calibrated=False)
    publish(newer, repo, now_utc=NOW)
    damaged = repo / blob_path(read_manifest(newer).files["calibration.json"].sha256)
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    with caplog.at_level(logging.WARNING):
        pool.refresh()
        pool.refresh()
    assert [record.message for record in caplog.records] == ["a pack cannot be opened"]
    assert "calibration.json" in pool.refused["letters"]
    with pool.borrow() as engine:
        assert str(engine.manifest.version) == "1.0.0"


def test_a_version_that_could_not_be_fetched_is_tried_again_after_a_pause(repo: Path, tmp_path: Path) -> None:
    now, tries = [0.0], list[float]()
    source = PublishedPacks(FolderTree(repo), tmp_path / "work")

    class Hiccup:
        def available_versions(self) -> list[AvailableVersion]:
            return [replace(version, open=partial(self.fetch, version)) for version in source.available_versions()]

        def fetch(self, candidate: AvailableVersion) -> AbstractContextManager[Pack]:
            tries.append(now[0])
            if len(tries) < 3:
                raise NetworkError("the line was cut")
            return candidate.open()

    pool = EnginePool([Hiccup()], ConcurrencyLimit(1, patience_s=10), clock=lambda: now[0])
    for second in range(40):
        now[0] = float(second)
        pool.refresh()
        assert bool(pool.names()) == (len(tries) >= 3)
    assert tries == [0.0, 5.0, 15.0], "a pause, then one twice as long, and open from then on"
    assert pool.refused == {}
    pool.close()


def test_a_fault_in_one_pack_keeps_no_other_from_answering(repo: Path, tmp_path: Path) -> None:
    publish(write_service_pack(tmp_path / "other", name="other"), repo, now_utc=NOW)
    source = PublishedPacks(FolderTree(repo), tmp_path / "work")

    class Faulty:
        def available_versions(self) -> list[AvailableVersion]:
            first, second = source.available_versions()
            return [replace(first, open=self._fails), second]

        def _fails(self) -> AbstractContextManager[Pack]:
            raise ZeroDivisionError

    pool = EnginePool([Faulty()], ConcurrencyLimit(1, patience_s=10))
    with pytest.raises(ZeroDivisionError):
        pool.refresh()
    pool.refresh()
    assert (pool.names(), pool.refused) == (("other",), {"letters": "ZeroDivisionError"})
    pool.close()


def test_a_source_that_cannot_be_read_keeps_no_other_from_answering(repo: Path, tmp_path: Path) -> None:
    is_down = [True]
    publish(write_service_pack(tmp_path / "other", name="other"), tmp_path / "second", now_utc=NOW)
    second = PublishedPacks(FolderTree(tmp_path / "second"), tmp_path / "work")

    class Unreliable:
        def available_versions(self) -> list[AvailableVersion]:
            if is_down[0]:
                raise NetworkError("the bucket cannot be reached")
            return second.available_versions()

    pool = EnginePool(
        [PublishedPacks(FolderTree(repo), tmp_path / "work"), Unreliable()], ConcurrencyLimit(1, patience_s=10)
    )
    pool.refresh()
    assert (pool.names(), pool.cannot_list) == (("letters",), True)
    is_down[0] = False
    pool.refresh()
    assert (pool.names(), pool.cannot_list) == (("letters", "other"), False)
    is_down[0] = True
    pool.refresh()
    assert pool.names() == ("letters", "other"), "what it offered last still answers"
    pool.close()


def test_a_pack_that_is_gone_answers_no_more(pool: EnginePool, repo: Path, tmp_path: Path) -> None:
    pool.refresh()
    (repo / "packs.json").unlink()
    pool.refresh()
    with pytest.raises(PackNotFoundError), pool.borrow("letters"):
        pass
    assert list((tmp_path / "work").iterdir()) == []


def test_who_waits_too_long_for_a_turn_is_told(repo: Path, tmp_path: Path) -> None:
    concurrency = ConcurrencyLimit(1, patience_s=0.01)
    pool = EnginePool([PublishedPacks(FolderTree(repo), tmp_path / "work")], concurrency)
    pool.refresh()
    with pool.borrow() as engine:
        with concurrency.slot(), pytest.raises(BusyError):
            engine.identify(RED, name="red", top_k=1)
        assert engine.identify(RED, name="red", top_k=1).matches
    pool.close()


def test_who_waits_for_a_comparison_is_told_and_holds_up_nobody_else(repo: Path, tmp_path: Path) -> None:
    pool = EnginePool([PublishedPacks(FolderTree(repo), tmp_path / "work")], ConcurrencyLimit(1, patience_s=0.3))
    pool.refresh()
    with pool.borrow() as engine, ThreadPoolExecutor(1) as thread, engine._verifier.slot():
        waiting = thread.submit(engine.identify, RED, name="red", top_k=1, geometry=GeometryMode.ALWAYS)
        while not waiting.done():
            assert engine.identify(RED, name="red", top_k=1).matches
        with pytest.raises(BusyError):
            waiting.result()
    pool.close()


def test_a_thread_looks_for_new_versions(pool: EnginePool, repo: Path, tmp_path: Path) -> None:
    looked: list[int] = []
    twice = Event()
    refresh = pool.refresh

    def counted() -> None:
        refresh()
        looked.append(1)
        if len(looked) == 1:
            publish(write_service_pack(tmp_path / "newer", version="1.1.0"), repo, now_utc=NOW)
            raise RuntimeError("something that nobody thought of")
        twice.set()

    pool.refresh = counted  # type: ignore[method-assign]
    with PoolRefresher(pool, every_s=0.01):
        assert twice.wait(30)
    with pool.borrow() as engine:
        assert str(engine.manifest.version) == "1.1.0"
