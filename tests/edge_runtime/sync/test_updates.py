"""Updates by patches, mirrors and resumed parts, in real syncs: little is sent, and every lie ends in whole files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, Listing, blob_path, parse_listing
from edge_identify.edge_runtime.sync.sync_client import SyncReport, sync_pack
from edge_identify.edge_runtime.sync.update_file import make_patch, write_update
from edge_identify.sync_server.publishing.publish import publish

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
RANDOM = random.Random(7)
INDEX = RANDOM.randbytes(100_000)
NEWER_INDEX = INDEX[:50_000] + RANDOM.randbytes(500) + INDEX[50_000:]
Publish = Callable[[str, bytes], None]


@pytest.fixture
def publish_index(small_pack: Callable[..., Path], tmp_path: Path) -> Publish:
    """Publish a version with an index of some bytes."""

    def make(version: str, index: bytes) -> None:
        pack = small_pack(tmp_path / "packs" / version, version=version, payload={"index.faiss": index})
        publish(pack, tmp_path / "repo", now_utc=NOW)

    return make


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path / "store")


def sync(store: PackStore, url: str, **options: Any) -> SyncReport:
    """Sync, and check every byte of the result."""
    report = sync_pack(
        store,
        url,
        name="street-art",
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=verify_pack_files,
        sleep=lambda _: None,
        read_timeout_s=5.0,
        **options,
    )
    installed = store.active("street-art")
    verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    assert not (store.root / "street-art/arrived").exists()
    return report


def listing(repo: Path) -> Listing:
    return parse_listing((repo / LISTING_NAME).read_bytes())


def update_path(repo: Path) -> Path:
    return repo / blob_path(listing(repo).packs["street-art"].newest.updates[0].blob.sha256)


def test_an_update_brings_what_is_new_and_nothing_else(
    store: PackStore, server_url: str, publish_index: Publish
) -> None:
    publish_index("1.0.0", INDEX)
    sync(store, server_url)
    publish_index("1.1.0", NEWER_INDEX)

    report = sync(store, server_url)

    assert (str(report.version), report.patched_files, report.fetched_files) == ("1.1.0", 1, 0)
    assert report.received_bytes < 500 + 2500  # the new rows, the listing and the changed lines of the manifest


def test_each_of_the_last_four_versions_has_an_update_and_older_ones_fetch_whole_files(
    tmp_path: Path, server_url: str, publish_index: Publish
) -> None:
    stores = []
    for minor in range(6):
        publish_index(f"1.{minor}.0", INDEX + bytes([minor]) * 20)
        stores.append(PackStore(tmp_path / f"store-{minor}"))
        sync(stores[-1], server_url)
    newest, *older = listing(tmp_path / "repo").packs["street-art"].versions
    assert [str(update.from_version) for update in newest.updates] == ["1.4.0", "1.3.0", "1.2.0", "1.1.0"]
    assert all(not offered.updates for offered in older)

    reports = [sync(store, server_url) for store in stores]

    assert [report.patched_files for report in reports] == [0, 1, 1, 1, 1, 0]
    assert [report.fetched_files for report in reports] == [1, 0, 0, 0, 0, 0]


def test_a_file_that_a_patch_makes_no_smaller_is_fetched_whole(
    store: PackStore, server_url: str, publish_index: Publish
) -> None:
    publish_index("1.0.0", INDEX)
    sync(store, server_url)
    publish_index("2.0.0", RANDOM.randbytes(100_000))
    assert sync(store, server_url).fetched_files == 1


@pytest.mark.parametrize("damage", ["gone", "a flipped bit", "half", "none of its own", "of another index"])
def test_an_update_that_lies_costs_whole_files_and_no_more(
    damage: str, store: PackStore, lying_server: Any, publish_index: Publish
) -> None:
    publish_index("1.0.0", INDEX)
    sync(store, lying_server.url)
    publish_index("1.1.0", NEWER_INDEX)
    path = update_path(lying_server.repo)
    data = path.read_bytes()
    match damage:
        case "gone":
            path.unlink()
        case "a flipped bit":
            path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        case "half":
            path.write_bytes(data[: len(data) // 2])
        case "none of its own":
            relist(lying_server.repo, b"no update at all")
        case "of another index":
            relist(lying_server.repo, write_update({"index.faiss": make_patch(INDEX, INDEX[::-1])}))

    report = sync(store, lying_server.url)

    assert (str(report.version), report.fetched_files) == ("1.1.0", 1)


def relist(repo: Path, update: bytes) -> None:
    """Put another update in the listing, with its own hash."""
    import hashlib

    sha256 = hashlib.sha256(update).hexdigest()
    values = json.loads((repo / LISTING_NAME).read_bytes())
    values["packs"][0]["versions"][0]["updates"][0].update(sha256=sha256, length_bytes=len(update))
    (repo / LISTING_NAME).write_text(json.dumps(values))
    (repo / blob_path(sha256)).parent.mkdir(parents=True, exist_ok=True)
    (repo / blob_path(sha256)).write_bytes(update)


def test_a_damaged_installed_file_is_no_base_of_a_patch(
    store: PackStore, server_url: str, publish_index: Publish
) -> None:
    publish_index("1.0.0", INDEX)
    sync(store, server_url)
    (store.active("street-art").folder / "index.faiss").write_bytes(INDEX[:-1] + b"!")
    publish_index("1.1.0", NEWER_INDEX)
    assert sync(store, server_url).fetched_files == 1


def test_a_mirror_gives_what_the_first_address_does_not(
    store: PackStore, lying_server: Any, server_url: str, publish_index: Publish, lie: Callable[..., Any]
) -> None:
    publish_index("1.0.0", INDEX)
    lying_server.lies["/blobs/"] = lie(status=404, body=b"")
    with pytest.raises(NetworkError):
        sync(store, lying_server.url)

    report = sync(store, lying_server.url, mirrors=[server_url])

    assert report.source == lying_server.url  # the repository; a mirror is only a way to it


def test_a_part_from_one_address_is_continued_by_another(
    store: PackStore, lying_server: Any, server_url: str, publish_index: Publish, lie: Callable[..., Any]
) -> None:
    publish_index("1.0.0", INDEX)
    (index,) = (
        entry.sha256
        for entry in read_manifest(lying_server.repo.parent / "packs/1.0.0").files.values()
        if entry.path == "index.faiss"
    )
    lying_server.lies[f"/{blob_path(index)}"] = lie(cut_at=90_000)

    report = sync(store, lying_server.url, mirrors=[server_url])

    lying_bytes = 90_000 * sum(index in path for path in lying_server.requested)
    assert report.received_bytes < lying_bytes + 10_000 + 20_000


def test_a_limit_of_the_rate_is_kept(store: PackStore, server_url: str, publish_index: Publish) -> None:
    publish_index("1.0.0", INDEX)
    waited: list[float] = []
    sync_pack(
        store,
        server_url,
        name="street-art",
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=lambda *_: None,
        sleep=waited.append,
        bytes_per_s=50_000,
    )
    assert sum(waited) > 1.5  # two seconds for the index; the clock of the test goes on by itself
