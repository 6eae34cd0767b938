"""The engine room: packs from a repository and a store, answers as on the device, and versions that change."""

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
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.sync_server.answering.concurrency_limit import BusyError, Turns
from edge_identify.sync_server.answering.engine_pool import EngineRoom, NoPackChosenError, NotReadyError, Refreshing
from edge_identify.sync_server.answering.pack_sources import InstalledPacks, Offer, PublishedPacks
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
def room(repo: Path, tmp_path: Path) -> Iterator[EngineRoom]:
    room = EngineRoom([PublishedPacks(FolderTree(repo), tmp_path / "work")], Turns(2, patience_s=10))
    yield room
    room.close()


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
    room: EngineRoom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room.refresh()
    for rgb in ((255, 0, 0), (240, 10, 30), (120, 120, 120)):
        (tmp_path / "photo.jpg").write_bytes(photo_of(rgb))
        identify([str(tmp_path / "photo.jpg"), "--pack", f"{tmp_path}/pack/", "--json"])
        (expected,) = json.loads(capsys.readouterr().out)["answers"]
        with room.borrow() as engine:
            found = engine.identify(photo_of(rgb), name="photo", top_k=5)
        assert [match.reference.id for match in found.matches] == [match["id"] for match in expected["matches"]]
        assert [round(match.confidence or 0, 4) for match in found.matches] == [
            match["confidence"] for match in expected["matches"]
        ]
        assert found.decision == expected["decision"]


def test_texts_vectors_and_pictures_are_of_one_space(room: EngineRoom) -> None:
    room.refresh()
    with room.borrow("letters") as engine:
        picture, text = engine.embed_image(RED, name="red").vector, engine.embed_text("ra").vector
        assert picture @ picture == pytest.approx(1, abs=1e-5)
        assert engine.search_text("ra", top_k=1).matches[0].reference.id == "red"
        assert engine.search_vector(text, top_k=1).matches[0].reference.id == "red"
        found = engine.search_vector(picture, top_k=2, filters=Filters(namespaces=("nature",)))
        assert {match.reference.namespace for match in found.matches} == {"nature"}
        assert found.decision is None
        assert (engine.device, engine.decides, engine.answers_texts) == ("cpu", True, True)


def test_filters_that_fit_nothing_and_pictures_that_are_none_are_refused(room: EngineRoom) -> None:
    room.refresh()
    with room.borrow() as engine:
        with pytest.raises(SetupError, match="the pack has no namespace 'Rome'"):
            engine.identify(RED, name="red", top_k=5, filters=Filters(namespaces=("Rome",)))
        with pytest.raises(PhotoError, match="my photo"):
            engine.identify(b"no picture", name="my photo", top_k=5)


def test_packs_of_a_store_answer_too(tmp_path: Path) -> None:
    store = installed(tmp_path, write_service_pack(tmp_path / "pack"))
    room = EngineRoom([InstalledPacks(store)], Turns(1, patience_s=10))
    room.refresh()
    with room.borrow() as engine:
        assert engine.identify(RED, name="red", top_k=1).decision is Decision.IDENTIFIED
    room.close()


def test_which_pack_answers_has_to_be_clear(repo: Path, tmp_path: Path) -> None:
    publish(write_service_pack(tmp_path / "other", name="other"), repo, now_utc=NOW)
    source, turns = PublishedPacks(FolderTree(repo), tmp_path / "work"), Turns(1, patience_s=10)
    room, with_default = EngineRoom([source], turns), EngineRoom([source], turns, default_pack="other")
    with pytest.raises(NotReadyError), room.borrow("letters"):
        pass
    for one in (room, with_default):
        one.refresh()
    with pytest.raises(NoPackChosenError, match="letters, other"), room.borrow():
        pass
    with pytest.raises(PackNotFoundError, match="there is letters, other"), room.borrow("third"):
        pass
    with with_default.borrow() as engine:
        assert engine.manifest.name == "other"
    for one in (room, with_default):
        one.close()


def test_a_new_version_takes_over_and_the_old_one_ends_with_its_last_request(
    room: EngineRoom, repo: Path, tmp_path: Path
) -> None:
    room.refresh()
    with room.borrow() as old:
        publish(write_service_pack(tmp_path / "newer", version="1.1.0"), repo, now_utc=NOW)
        room.refresh()
        with room.borrow() as new:
            assert (old.manifest.version, new.manifest.version) == (PackVersion(1, 0, 0), PackVersion(1, 1, 0))
        assert len(list((tmp_path / "work").iterdir())) == 2
        assert old.identify(RED, name="red", top_k=1).matches[0].reference.id == "red"
    assert [folder.name[:13] for folder in (tmp_path / "work").iterdir()] == ["letters-1.1.0"]


def test_requests_go_on_while_versions_change(repo: Path, room: EngineRoom, tmp_path: Path) -> None:
    packs = [write_service_pack(tmp_path / f"pack-{minor}", version=f"1.{minor}.0") for minor in range(1, 5)]
    room.refresh()
    over = Event()

    def ask(_: int) -> set[str]:
        versions = set()
        while not over.is_set():
            with room.borrow() as engine:
                found = engine.identify(RED, name="red", top_k=1, filters=Filters(namespaces=("Paris",)))
            assert found.matches[0].reference.id == "red"
            versions.add(found.pack_version)
        return versions

    with ThreadPoolExecutor(6) as threads:
        asking = [threads.submit(ask, number) for number in range(6)]
        try:
            for pack in packs:
                publish(pack, repo, now_utc=NOW)
                room.refresh()
        finally:
            over.set()
        versions = set().union(*(one.result() for one in asking))
    assert len(versions) > 1
    assert len(list((tmp_path / "work").iterdir())) == 1


def test_a_version_that_cannot_be_opened_leaves_the_one_before_at_work(
    room: EngineRoom, repo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room.refresh()
    newer = write_service_pack(tmp_path / "newer", version="1.1.0", calibrated=False)
    publish(newer, repo, now_utc=NOW)
    damaged = repo / blob_path(read_manifest(newer).files["calibration.json"].sha256)
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    with caplog.at_level(logging.WARNING):
        room.refresh()
        room.refresh()
    assert [record.message for record in caplog.records] == ["a pack cannot be opened"]
    assert "calibration.json" in room.refused["letters"]
    with room.borrow() as engine:
        assert str(engine.manifest.version) == "1.0.0"


def test_a_version_that_could_not_be_fetched_is_tried_again_after_a_pause(repo: Path, tmp_path: Path) -> None:
    now, tries = [0.0], list[float]()
    source = PublishedPacks(FolderTree(repo), tmp_path / "work")

    class Hiccup:
        def offers(self) -> list[Offer]:
            return [replace(offer, open=partial(self.fetch, offer)) for offer in source.offers()]

        def fetch(self, offer: Offer) -> AbstractContextManager[Pack]:
            tries.append(now[0])
            if len(tries) < 3:
                raise NetworkError("the line was cut")
            return offer.open()

    room = EngineRoom([Hiccup()], Turns(1, patience_s=10), clock=lambda: now[0])
    for second in range(40):
        now[0] = float(second)
        room.refresh()
        assert bool(room.names()) == (len(tries) >= 3)
    assert tries == [0.0, 5.0, 15.0], "a pause, then one twice as long, and open from then on"
    assert room.refused == {}
    room.close()


def test_a_fault_in_one_pack_keeps_no_other_from_answering(repo: Path, tmp_path: Path) -> None:
    publish(write_service_pack(tmp_path / "other", name="other"), repo, now_utc=NOW)
    source = PublishedPacks(FolderTree(repo), tmp_path / "work")

    class Faulty:
        def offers(self) -> list[Offer]:
            first, second = source.offers()
            return [replace(first, open=lambda: 1 / 0), second]

    room = EngineRoom([Faulty()], Turns(1, patience_s=10))
    with pytest.raises(ZeroDivisionError):
        room.refresh()
    room.refresh()
    assert (room.names(), room.refused) == (("other",), {"letters": "ZeroDivisionError"})
    room.close()


def test_a_source_that_cannot_be_read_keeps_no_other_from_answering(repo: Path, tmp_path: Path) -> None:
    is_down = [True]
    publish(write_service_pack(tmp_path / "other", name="other"), tmp_path / "second", now_utc=NOW)
    second = PublishedPacks(FolderTree(tmp_path / "second"), tmp_path / "work")

    class Unreliable:
        def offers(self) -> list[Offer]:
            if is_down[0]:
                raise NetworkError("the bucket cannot be reached")
            return second.offers()

    room = EngineRoom([PublishedPacks(FolderTree(repo), tmp_path / "work"), Unreliable()], Turns(1, patience_s=10))
    room.refresh()
    assert (room.names(), room.cannot_list) == (("letters",), True)
    is_down[0] = False
    room.refresh()
    assert (room.names(), room.cannot_list) == (("letters", "other"), False)
    is_down[0] = True
    room.refresh()
    assert room.names() == ("letters", "other"), "what it offered last still answers"
    room.close()


def test_a_pack_that_is_gone_answers_no_more(room: EngineRoom, repo: Path, tmp_path: Path) -> None:
    room.refresh()
    (repo / "packs.json").unlink()
    room.refresh()
    with pytest.raises(PackNotFoundError), room.borrow("letters"):
        pass
    assert list((tmp_path / "work").iterdir()) == []


def test_who_waits_too_long_for_a_turn_is_told(repo: Path, tmp_path: Path) -> None:
    turns = Turns(1, patience_s=0.01)
    room = EngineRoom([PublishedPacks(FolderTree(repo), tmp_path / "work")], turns)
    room.refresh()
    with room.borrow() as engine:
        with turns.turn(), pytest.raises(BusyError):
            engine.identify(RED, name="red", top_k=1)
        assert engine.identify(RED, name="red", top_k=1).matches
    room.close()


def test_who_waits_for_a_comparison_is_told_and_holds_up_nobody_else(repo: Path, tmp_path: Path) -> None:
    room = EngineRoom([PublishedPacks(FolderTree(repo), tmp_path / "work")], Turns(1, patience_s=0.3))
    room.refresh()
    with room.borrow() as engine, ThreadPoolExecutor(1) as thread, engine._comparing():
        waiting = thread.submit(engine.identify, RED, name="red", top_k=1, verifies_geometry=True)
        while not waiting.done():
            assert engine.identify(RED, name="red", top_k=1).matches
        with pytest.raises(BusyError):
            waiting.result()
    room.close()


def test_a_thread_looks_for_new_versions(room: EngineRoom, repo: Path, tmp_path: Path) -> None:
    looked: list[int] = []
    twice = Event()
    refresh = room.refresh

    def counted() -> None:
        refresh()
        looked.append(1)
        if len(looked) == 1:
            publish(write_service_pack(tmp_path / "newer", version="1.1.0"), repo, now_utc=NOW)
            raise RuntimeError("something that nobody thought of")
        twice.set()

    room.refresh = counted  # type: ignore[method-assign]
    with Refreshing(room, every_s=0.01):
        assert twice.wait(30)
    with room.borrow() as engine:
        assert str(engine.manifest.version) == "1.1.0"
