"""A sync over a line that breaks off, or that is ended: what has arrived stays, and the next attempt goes on."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.errors import (
    EdgeIdentifyError,
    NetworkError,
    SelfTestNotStartedError,
    SelfTestUnfinishedError,
    SetupError,
)
from edge_identify.edge_runtime.pack.manifest import FileEntry, Manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.http_download import PAUSES_S, HttpServer
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.edge_runtime.sync.sync_client import sync_pack
from edge_identify.sync_server.publishing.publish import publish

DATA = bytes(range(256)) * 2000  # half a megabyte
ENTRY = FileEntry(path="index.faiss", sha256=hashlib.sha256(DATA).hexdigest(), length_bytes=len(DATA))
CUT = 100_000


class BreakingServer(ThreadingHTTPServer):
    """Serves a tree; each connection breaks off after `cut` bytes of a blob. `ranges` has what was asked of blobs."""

    daemon_threads = True

    def __init__(self, tree: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tree = tree
        self.cut: int | None = CUT
        self.knows_ranges = True
        self.status: int | None = None
        self.first_byte_off_by = 0
        self.length_off_by = 0
        self.etag: str | None = None
        self.encoding: str | None = None
        self.conditions: list[str | None] = []
        self.breaks_left = 1_000_000
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: BreakingServer

    def do_GET(self) -> None:
        data = (self.server.tree / self.path.lstrip("/")).read_bytes()
        is_blob, asked = "/blobs/" in self.path, self.headers.get("Range")
        if is_blob:
            self.server.ranges.append(asked)
            self.server.conditions.append(self.headers.get("If-Range"))
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.knows_ranges else 0
        if start and self.server.status:
            self.send_error(self.server.status)
            return
        self.send_response(206 if start else 200)
        if start:
            first = start + self.server.first_byte_off_by
            total = len(data) + self.server.length_off_by
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        if self.server.encoding and start:
            self.send_header("Content-Encoding", self.server.encoding)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        breaks = is_blob and self.server.breaks_left > 0
        self.server.breaks_left -= breaks
        self.wfile.write(data[start:][: self.server.cut if breaks else None])

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BreakingServer]:
    """A server of `tmp_path/repo`, which has the blob `DATA`."""
    blob = tmp_path / "repo" / blob_path(ENTRY.sha256)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(DATA)
    with BreakingServer(tmp_path / "repo") as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


class Fetching:
    """Fetches `DATA` into a folder and notes the pauses and the progress."""

    def __init__(self, url: str, folder: Path) -> None:
        self.into = folder / "file"
        self.pauses_s: list[float] = []
        self.arrived: list[int] = []
        self._url = url

    def __call__(self) -> None:
        server = HttpServer(self._url, sleep=self.pauses_s.append, read_timeout_s=5)
        try:
            server.fetch_blob(ENTRY, self.into, self.arrived.append)
        finally:
            server.close()

    @property
    def part(self) -> Path:
        return self.into.with_name("file.part")


@pytest.fixture
def fetch(server: BreakingServer, tmp_path: Path) -> Fetching:
    (tmp_path / "into").mkdir()
    return Fetching(server.url, tmp_path / "into")


def test_each_attempt_goes_on_where_the_last_one_broke_off(server: BreakingServer, fetch: Fetching) -> None:
    fetch()

    assert fetch.into.read_bytes() == DATA
    assert server.ranges == [None, *(f"bytes={start}-" for start in range(CUT, len(DATA), CUT))]
    assert set(fetch.pauses_s) == {PAUSES_S[0]}  # more attempts than pauses: each brought something
    assert fetch.arrived == sorted(fetch.arrived)
    assert [path.name for path in fetch.into.parent.iterdir()] == ["file"]


def test_what_arrived_before_is_not_fetched_again(server: BreakingServer, fetch: Fetching) -> None:
    server.cut = 1000  # too little for an attempt to count
    with pytest.raises(NetworkError, match="broke off"):
        fetch()
    assert fetch.pauses_s == list(PAUSES_S)
    assert fetch.part.stat().st_size == 4 * 1000

    server.cut, server.ranges = None, []
    fetch()

    assert server.ranges == ["bytes=4000-"]
    assert fetch.into.read_bytes() == DATA


def test_a_whole_file_is_not_fetched_and_a_damaged_one_is(server: BreakingServer, fetch: Fetching) -> None:
    fetch.into.write_bytes(DATA)
    fetch()
    assert (server.ranges, fetch.arrived) == ([], [len(DATA)])

    fetch.into.write_bytes(b"x" + DATA[1:])
    fetch()
    assert fetch.into.read_bytes() == DATA


@pytest.mark.parametrize("part", [b"x" * 5000, DATA[:5000] + b"x" * 100, DATA + b"more", b"x" * len(DATA)])
def test_a_damaged_part_is_fetched_anew(part: bytes, server: BreakingServer, fetch: Fetching) -> None:
    server.cut = None
    fetch.part.write_bytes(part)

    fetch()

    assert fetch.into.read_bytes() == DATA
    assert server.ranges[-1] is None


def test_a_part_is_continued_only_if_the_file_still_has_its_etag(server: BreakingServer, fetch: Fetching) -> None:
    server.etag = '"first"'
    server.status = 500
    with pytest.raises(NetworkError):
        fetch()
    assert fetch.part.stat().st_size == CUT

    vars(server).update(etag='"second"', status=None, cut=None, ranges=[], conditions=[])
    fetch()

    assert server.ranges == [f"bytes={CUT}-", None]  # the 206 has another ETag: the file is started again
    assert server.conditions[0] == '"first"'
    assert fetch.into.read_bytes() == DATA


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 416},
        {"first_byte_off_by": 7},
        {"knows_ranges": False},
        {"length_off_by": -1},
        {"length_off_by": 1},
        {"encoding": "gzip"},
    ],
)
def test_a_server_that_does_not_send_the_rest_is_asked_for_all(
    trouble: dict[str, Any], server: BreakingServer, fetch: Fetching
) -> None:
    vars(server).update(trouble, cut=None)
    fetch.part.write_bytes(DATA[:5000])

    fetch()

    assert fetch.into.read_bytes() == DATA


def test_a_line_that_breaks_and_a_server_without_ranges_end_with_an_error(
    server: BreakingServer, fetch: Fetching
) -> None:
    server.knows_ranges = False
    with pytest.raises(NetworkError, match="broke off"):
        fetch()

    assert len(server.ranges) < 2 * len(PAUSES_S) + 3


_TRIES_ENOUGH = 50  # of half a megabyte in pieces of 100,000 bytes, again and again


class _TriedEnoughError(Exception):
    """The attempts would go on for ever."""


@pytest.mark.parametrize("trouble", [{"status": 416}, {"first_byte_off_by": 7}, {"is_forged": True}])
def test_a_line_that_breaks_and_a_server_that_is_of_no_use_end_with_an_error(
    trouble: dict[str, int], server: BreakingServer, fetch: Fetching
) -> None:
    if trouble.pop("is_forged", False):
        (server.tree / blob_path(ENTRY.sha256)).write_bytes(bytes(len(DATA)))
    vars(server).update(trouble)

    def pause(seconds: float) -> None:
        fetch.pauses_s.append(seconds)
        if len(fetch.pauses_s) > _TRIES_ENOUGH:
            raise _TriedEnoughError

    connection = HttpServer(server.url, sleep=pause, read_timeout_s=5)
    with pytest.raises(NetworkError):
        connection.fetch_blob(ENTRY, fetch.into, fetch.arrived.append)
    connection.close()


def _sync(store: PackStore, url: str, self_test: Callable[[], None] = lambda: None) -> None:
    sync_pack(
        store,
        url,
        name="street-art",
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=lambda *_: self_test(),
        sleep=lambda _: None,
        read_timeout_s=5.0,
    )


@pytest.fixture
def manifest(server: BreakingServer, small_pack: Callable[..., Path], tmp_path: Path) -> Manifest:
    """A published pack with an index of half a megabyte."""
    pack = small_pack(tmp_path / "pack", payload={"index.faiss": DATA})
    publish(pack, server.tree, now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    return read_manifest(pack)


def _check_whole(store: PackStore) -> None:
    installed = store.active("street-art")
    verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    assert not (store.root / "street-art/arrived").exists()


def test_a_pack_is_had_over_a_line_that_breaks(server: BreakingServer, manifest: Manifest, tmp_path: Path) -> None:
    store = PackStore(tmp_path / "store")
    _sync(store, server.url)

    _check_whole(store)
    assert len(server.ranges) == len(manifest.files) + len(DATA) // CUT


def test_a_sync_that_was_ended_goes_on(server: BreakingServer, manifest: Manifest, tmp_path: Path) -> None:
    store = PackStore(tmp_path / "store")
    server.cut = 1000
    with pytest.raises(NetworkError):
        _sync(store, server.url)
    (store.root / "street-art/arrived/of-another-version").write_bytes(b"left behind")
    server.cut, server.ranges = None, []
    _sync(store, server.url)

    _check_whole(store)
    assert len(server.ranges) <= len(manifest.files)
    assert "bytes=4000-" in server.ranges


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.parametrize(
    "end", [KeyboardInterrupt(), SelfTestUnfinishedError("too slow"), SelfTestNotStartedError("no process")]
)
def test_a_sync_whose_self_test_comes_to_no_end_fetches_nothing_again(
    end: BaseException, has_links: bool, server: BreakingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PackStore(tmp_path / "store")

    def ended() -> None:
        raise end

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    if not has_links:
        monkeypatch.setattr("os.link", no_links)
    with pytest.raises(type(end)):
        _sync(store, server.url, ended)
    assert store.names() == ()
    server.ranges = []
    _sync(store, server.url)

    _check_whole(store)
    assert server.ranges == []


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("error", [SetupError("no room"), EdgeIdentifyError("does not work here"), OSError(28)])
def test_a_pack_that_cannot_be_installed_leaves_nothing_on_the_disk(
    error: Exception, server: BreakingServer, tmp_path: Path
) -> None:
    store = PackStore(tmp_path / "store")

    def failed() -> None:
        raise error

    with pytest.raises(EdgeIdentifyError):
        _sync(store, server.url, failed)

    assert [path.name for path in (store.root / "street-art").iterdir()] == ["lock"]
