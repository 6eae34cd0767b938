"""nginx with the configurations of docs/serve.md: headers, a signed sync with a resume, X-Accel-Redirect."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3
from nginx_server import nginx_server
from werkzeug.serving import make_server

from documents import ROOT, blocks
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.edge_runtime.sync.sync_client import SyncReport, sync_pack
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy, TrustedRoots
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.service.app import create_app
from edge_identify.sync_server.service.settings import Settings
from signed_trees import sign_folder

STATIC, BEFORE_EDGE_SERVE = blocks(ROOT / "docs/serve.md", "nginx")
INDEX = random.Random(3).randbytes(600_000)
NOW = datetime(2026, 1, 31, tzinfo=UTC)
IMMUTABLE = "public, max-age=31536000, immutable"


class Published:
    """A signed tree, and a device."""

    def __init__(self, folder: Path, pack: Path) -> None:
        self.tree, self._folder = folder / "srv", folder
        publish(pack, self.tree, now_utc=NOW)
        self.root = sign_folder(self.tree)
        entries = read_manifest(pack).files
        self.index = blob_path(entries["index.faiss"].sha256)

    def configuration(self, text: str) -> str:
        return text.replace("/srv/packs", str(self.tree))

    def sync(self, url: str, *, stop_at: int | None = None) -> SyncReport:
        store = PackStore(self._folder / "store")
        trusted = TrustedRoots(store.root)
        if trusted.root_of(url) is None:
            trusted.pin(url, self.root, pinned_by=PinnedBy.ROOT_FILE, now_utc=NOW)

        def progress(arrived: int, _: int) -> None:
            if stop_at is not None and arrived > stop_at:
                raise KeyboardInterrupt

        report = sync_pack(
            store,
            url,
            name="street-art",
            variant_names=lambda manifest: manifest.variant_names(),
            self_test=verify_pack_files,
            progress=progress,
            believe=as_signed(store.root, unsigned=False),
        )
        assert (store.active("street-art").folder / "index.faiss").read_bytes() == INDEX
        return report


@pytest.fixture
def published(small_pack: Callable[..., Path], tmp_path: Path) -> Published:
    return Published(tmp_path, small_pack(tmp_path / "pack", payload={"index.faiss": INDEX}))


def check_a_sync_and_a_resume(published: Published, url: str) -> None:
    with suppress(KeyboardInterrupt):
        published.sync(url, stop_at=300_000)
    report = published.sync(url)
    assert str(report.version) == "1.0.0"
    assert report.signed_utc is not None
    assert report.received_bytes < 400_000, "what had arrived was sent again"


def test_nginx_serves_a_signed_tree(published: Published, tmp_path: Path) -> None:
    with nginx_server(published.configuration(STATIC), tmp_path / "nginx") as url:
        check_a_sync_and_a_resume(published, url)
        said = {
            path: urllib3.request("GET", f"{url}/{path}", headers={"Accept-Encoding": "gzip"})
            for path in (published.index, "tuf/timestamp.json", "tuf/2.root.json", "packs.json", "index.html", "")
        }
        etag = said["tuf/timestamp.json"].headers["ETag"]
        again = urllib3.request("GET", f"{url}/tuf/timestamp.json", headers={"If-None-Match": etag})

    kept = {path: response.headers.get("Cache-Control") for path, response in said.items()}
    assert kept.pop(published.index) == IMMUTABLE
    assert kept.pop("tuf/2.root.json") is None  # it may be there tomorrow
    assert set(kept.values()) == {"no-cache"}
    assert said["tuf/2.root.json"].status == 404
    assert again.status == 304
    assert said[published.index].headers["Content-Type"] == "application/octet-stream"
    assert said["packs.json"].headers["Content-Type"] == "application/json"
    compressed = {path for path, response in said.items() if response.headers.get("Content-Encoding") == "gzip"}
    assert compressed - {"tuf/2.root.json"} == {"tuf/timestamp.json", "packs.json", "index.html", ""}
    assert {said[path].headers["Vary"] for path in compressed} == {"Accept-Encoding"}
    assert all(
        response.headers["Access-Control-Allow-Origin"] == "*" for response in said.values() if response.status == 200
    )
    assert '" 206 ' in (tmp_path / "nginx/access.log").read_text()


@contextmanager
def edge_serve(tree: Path) -> Iterator[str]:
    app = create_app(tree, settings=Settings(x_accel_redirect="/blobs-of-packs/", allowed_hosts="*"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_edge_serve_leaves_the_sending_of_packs_to_nginx(published: Published, tmp_path: Path) -> None:
    (published.tree / "secret").write_text("of nobody's concern")
    with edge_serve(published.tree) as behind:
        alone = urllib3.request("GET", f"{behind}/{published.index}")
        assert (alone.status, alone.data) == (200, b"")
        assert alone.headers["X-Accel-Redirect"] == published.index.replace("blobs/", "/blobs-of-packs/", 1)
        text = published.configuration(BEFORE_EDGE_SERVE).replace("http://127.0.0.1:8000", behind)
        with nginx_server(text, tmp_path / "nginx") as url:
            check_a_sync_and_a_resume(published, url)
            blob = urllib3.request("GET", f"{url}/{published.index}", headers={"Range": "bytes=10-19"})
            wrong = [
                urllib3.request("GET", f"{url}/{path}").status
                for path in (
                    published.index.replace("blobs/", "blobs-of-packs/", 1),  # the location itself
                    "blobs-of-packs/../secret",
                    "blobs/sha256/../../secret",
                    f"blobs/sha256/00/{'0' * 64}",
                    f"blobs/sha256/%2e%2e/{'.' * 64}",
                )
            ]

    assert (blob.status, blob.data) == (206, INDEX[10:20])
    assert "X-Accel-Redirect" not in blob.headers
    assert blob.headers["Cache-Control"] == IMMUTABLE
    assert set(wrong) == {404}


@pytest.mark.parametrize("path", ["blobs/", "/blobs", "/../", "//", "/a b/", "/a/\r\nSet-Cookie: x/", "/"])
def test_another_internal_location_than_a_plain_path_is_refused(path: str) -> None:
    with pytest.raises(SetupError, match="x_accel_redirect"):
        Settings(x_accel_redirect=path)
