"""A server that dies at any byte: of a document, of a file, or of all that a sync asks for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dying_server import DyingServer, dying_server
from fault_sweep import NEW, OLD, PACK, Repositories, answering, passes, write_material

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.http_download import HttpServer
from edge_identify.edge_runtime.sync.sync_client import sync_pack
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy, TrustedRoots

DATA = bytes(range(90))
ENTRY = FileEntry(path="index.faiss", sha256=hashlib.sha256(DATA).hexdigest(), length_bytes=len(DATA))
BLOB = f"blobs/sha256/{ENTRY.sha256[:2]}/{ENTRY.sha256}"
SAMPLE_EVERY = 293  # bytes of the larger responses


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def server() -> Iterator[DyingServer]:
    with dying_server({"packs.json": DATA, BLOB: DATA}) as running:
        yield running


def client(url: str) -> HttpServer:
    return HttpServer(url, sleep=lambda _: None, read_timeout_s=5)


def test_a_document_is_had_from_a_server_that_dies_at_any_byte_of_it_once(server: DyingServer) -> None:
    for cut in range(server.head_bytes("packs.json") + len(DATA)):
        server.cuts["packs.json"], server.is_rude = cut, bool(cut % 2)
        with closing(client(server.url)) as connection:
            assert connection.fetch_document("packs.json", max_bytes=1000) == DATA, cut
    assert len(server.asked) == 2 * cut + 2


def test_a_file_is_had_from_a_server_that_dies_at_any_byte_of_it_once(server: DyingServer, tmp_path: Path) -> None:
    head = server.head_bytes(BLOB)
    for cut in range(head + len(DATA)):
        server.cuts[BLOB], server.is_rude = cut, False
        with closing(client(server.url)) as connection:
            connection.fetch_blob(ENTRY, tmp_path / str(cut), lambda _: None)
        assert (tmp_path / str(cut)).read_bytes() == DATA
        assert server.asked[-1] == (BLOB, f"bytes={cut - head}-" if cut > head else "")
    assert {path.name for path in tmp_path.iterdir()} == {str(number) for number in range(cut + 1)}


@pytest.fixture
def material(small_pack: Callable[..., Path], tmp_path: Path) -> Path:
    return write_material(tmp_path / "material", small_pack)


def sync(store: PackStore, url: str, root: bytes) -> None:
    trusted = TrustedRoots(store.root)
    if trusted.root_of(url) is None:
        trusted.pin(url, root, pinned_by=PinnedBy.ROOT_FILE, now_utc=datetime.now(UTC))
    sync_pack(
        store,
        url,
        name=PACK,
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=passes,
        sleep=lambda _: None,
        believe=as_signed(store.root, unsigned=False),
    )


def test_whenever_a_server_dies_for_good_the_next_sync_completes(material: Path, tmp_path: Path) -> None:
    repositories = Repositories(material)
    root = repositories.root
    died_at = 0
    with dying_server(repositories.of_version[OLD]) as server:
        while True:
            server.files, server.dies_after = repositories.of_version[OLD], None
            store = PackStore(tmp_path / f"store-{died_at}")
            sync(store, server.url, root)
            server.files, server.dies_after = repositories.of_version[NEW], died_at
            try:
                sync(store, server.url, root)
            except NetworkError:
                assert answering(store) == OLD
            else:
                break
            server.dies_after = None
            sync(store, server.url, root)
            assert answering(store) == NEW
            assert not (store.root / PACK / "arrived").exists()
            died_at += SAMPLE_EVERY
    assert answering(store) == NEW
    assert died_at > 6 * SAMPLE_EVERY
