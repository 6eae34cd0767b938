"""A sync against a real server, and against one that sends wrong responses: the installed pack always answers."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.errors import (
    EdgeIdentifyError,
    NetworkError,
    PackDamagedError,
    PackFormatError,
    PackNotFoundError,
    SetupError,
)
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.http_download import PAUSES_S
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, blob_path
from edge_identify.edge_runtime.sync.sync_client import SyncReport, sync_pack
from edge_identify.edge_runtime.sync.sync_plan import Action
from edge_identify.sync_server.publishing.publish import publish

SmallPack = Callable[..., Path]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass
class Device:
    """A store and the ways a device syncs it."""

    store: PackStore
    variant_names: tuple[str, ...] | None = None
    pauses_s: list[float] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)
    tested: list[Path] = field(default_factory=list)
    self_test_error: Exception | None = None

    def sync(self, url: str, name: str | None = "street-art", read_timeout_s: float = 5.0) -> SyncReport:
        return sync_pack(
            self.store,
            url,
            name=name,
            variant_names=lambda manifest: self.variant_names or manifest.variant_names(),
            self_test=self._self_test,
            progress=lambda arrived, total: self.progress.append((arrived, total)),
            sleep=self.pauses_s.append,
            read_timeout_s=read_timeout_s,
        )

    def version(self) -> str:
        """Return the version that answers, after every byte of it was checked."""
        installed = self.store.active("street-art")
        verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
        return str(installed.version)

    def _self_test(self, folder: Path, manifest: Manifest, variant_names: tuple[str, ...]) -> None:
        verify_pack_files(folder, manifest, variant_names)
        self.tested.append(folder)
        if self.self_test_error is not None:
            raise self.self_test_error


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(PackStore(tmp_path / "store"))


@pytest.fixture
def publish_small(small_pack: SmallPack, tmp_path: Path) -> Callable[..., Manifest]:
    """Make a small pack and publish it into `tmp_path/repo`."""

    def make_and_publish(version: str = "1.0.0", **options: Any) -> Manifest:
        name = options.get("name", "street-art")
        pack = small_pack(tmp_path / "packs" / f"{name}-{version}", version=version, **options)
        publish(pack, tmp_path / "repo", now_utc=NOW)
        return read_manifest(pack)

    return make_and_publish


PublishSmall = Callable[..., Manifest]


def test_a_first_sync_installs_the_newest_version(device: Device, server_url: str, publish_small: PublishSmall) -> None:
    publish_small("1.0.0")
    manifest = publish_small("1.2.0")
    report = device.sync(server_url)
    assert device.version() == str(report.version) == "1.2.0"
    assert report.action is Action.DOWNLOAD
    assert (report.fetched_files, report.fetched_bytes) == (len(manifest.files), manifest.size_bytes())
    assert report.source == device.store.active("street-art").source == server_url
    assert device.progress[-1] == (manifest.size_bytes(), manifest.size_bytes())
    assert device.progress == sorted(device.progress)


def test_an_update_fetches_only_what_changed(device: Device, lying_server: Any, publish_small: PublishSmall) -> None:
    publish_small("1.0.0")
    device.sync(lying_server.url)
    lying_server.requested.clear()
    manifest = publish_small("1.1.0", payload={"index.faiss": b"more vectors"})
    report = device.sync(lying_server.url)
    blob = blob_path(manifest.files["index.faiss"].sha256)
    listed = json.loads((lying_server.repo / LISTING_NAME).read_bytes())["packs"][0]["versions"][0]
    update = blob_path(listed["updates"][0]["sha256"])  # it has the manifest, and nothing for a file this small
    assert lying_server.requested == ["/packs.json", f"/{update}", f"/{blob}"]
    assert (report.fetched_files, report.reused_files) == (1, len(manifest.files) - 1)
    assert device.version() == "1.1.0"


def test_a_second_sync_changes_nothing_and_asks_once(
    device: Device, server_url: str, publish_small: PublishSmall, tmp_path: Path
) -> None:
    publish_small()
    device.sync(server_url)
    report = device.sync(server_url)
    listing = (tmp_path / "repo" / LISTING_NAME).read_bytes()
    assert report.received_bytes == len(gzip.compress(listing, 9, mtime=0))  # the only request
    assert report.action is Action.UP_TO_DATE
    assert (report.fetched_files, len(device.tested)) == (0, 1)


def test_a_device_keeps_only_the_variants_it_runs(device: Device, server_url: str, publish_small: PublishSmall) -> None:
    publish_small()
    device.variant_names = ("onnx-int8",)
    device.sync(server_url)
    folder = device.store.active("street-art").folder
    assert [path.name for path in (folder / "image").iterdir()] == ["onnx-int8.onnx"]
    device.variant_names = ("onnx-int8", "onnx-fp32")
    assert device.sync(server_url).fetched_files == 1
    assert device.version() == "1.0.0"


def test_a_flipped_bit_in_the_installed_pack_is_repaired_by_a_sync(
    device: Device, server_url: str, publish_small: PublishSmall
) -> None:
    publish_small()
    device.sync(server_url)
    (device.store.active("street-art").folder / "index.faiss").write_bytes(b"vectorz")
    assert device.sync(server_url).fetched_files == 1
    assert device.version() == "1.0.0"


def test_a_damaged_manifest_or_pointer_is_repaired_by_a_sync(
    device: Device, server_url: str, publish_small: PublishSmall
) -> None:
    publish_small()
    device.sync(server_url)
    (device.store.active("street-art").folder / MANIFEST_NAME).write_bytes(b"{}")
    assert device.sync(server_url).fetched_files == 0
    assert device.version() == "1.0.0"
    (device.store.root / "street-art/active.json").write_bytes(b"{}")
    device.sync(server_url)
    assert device.version() == "1.0.0"


def test_files_with_equal_content_are_fetched_once_and_stand_at_both_places(
    device: Device, server_url: str, publish_small: PublishSmall
) -> None:
    manifest = publish_small(payload={"twin.faiss": b"vectors"})
    assert device.sync(server_url).fetched_files == len(manifest.files) - 1
    assert device.version() == "1.0.0"


def test_an_older_version_on_offer_does_not_replace_the_installed_one(
    device: Device, server_url: str, publish_small: PublishSmall, tmp_path: Path
) -> None:
    publish_small("1.0.0")
    older = (tmp_path / "repo" / LISTING_NAME).read_bytes()
    publish_small("2.0.0")
    device.sync(server_url)
    (tmp_path / "repo" / LISTING_NAME).write_bytes(older)
    report = device.sync(server_url)
    assert report.action is Action.UP_TO_DATE
    assert "newer than the 1.0.0 on offer" in report.note
    assert str(report.version) == device.version() == "2.0.0"


@pytest.mark.parametrize("damage", ["a flipped byte", "a missing file", "a changed manifest"])
def test_a_damaged_version_that_the_server_no_longer_has_is_an_error_with_two_ways_out(
    device: Device, server_url: str, publish_small: PublishSmall, tmp_path: Path, damage: str
) -> None:
    publish_small("1.0.0")
    older = (tmp_path / "repo" / LISTING_NAME).read_bytes()
    publish_small("2.0.0")
    device.sync(server_url)
    newer = (tmp_path / "repo" / LISTING_NAME).read_bytes()
    (tmp_path / "repo" / LISTING_NAME).write_bytes(older)
    _damage(device.store.active("street-art").folder, damage)
    with pytest.raises(PackDamagedError, match=r"2\.0\.0 is damaged.*a server that has 2\.0\.0, or delete .*store"):
        device.sync(server_url)
    (tmp_path / "repo" / LISTING_NAME).write_bytes(newer)
    device.sync(server_url)
    assert device.version() == "2.0.0"
    (tmp_path / "repo" / LISTING_NAME).write_bytes(older)
    shutil.rmtree(device.store.root / "street-art")
    device.sync(server_url)
    assert device.version() == "1.0.0"


def _damage(folder: Path, damage: str) -> None:
    match damage:
        case "a flipped byte":
            (folder / "index.faiss").write_bytes(b"vectorz")
        case "a missing file":
            (folder / "references.sqlite").unlink()
        case _:
            (folder / MANIFEST_NAME).write_bytes(b"{}")


def test_the_only_pack_on_offer_needs_no_name(device: Device, server_url: str, publish_small: PublishSmall) -> None:
    publish_small()
    assert device.sync(server_url, name=None).name == "street-art"
    publish_small(name="birds")
    with pytest.raises(SetupError, match="--pack: birds, street-art"):
        device.sync(server_url, name=None)
    with pytest.raises(PackNotFoundError, match="it has birds, street-art"):
        device.sync(server_url, name="bird")


# What a server can do wrong. Each case: the path it lies about, the lie, the error, and words of the message.
HTML = b"<!DOCTYPE html><title>Welcome to the hotel</title>"
LIES: dict[str, tuple[str, dict[str, Any], type[EdgeIdentifyError], str]] = {
    "a web page for the listing": (
        "/packs.json",
        {"body": HTML, "content_type": "text/html; charset=utf-8"},
        NetworkError,
        "answered with a web page",
    ),
    "a web page that does not say so": (
        "/packs.json",
        {"body": HTML},
        NetworkError,
        "web page, not a pack listing",
    ),
    "a web page for a file": (
        "/blobs/",
        {"body": HTML, "content_type": "text/html"},
        NetworkError,
        "web page",
    ),
    "other JSON": ("/packs.json", {"body": b'{"hello": 1}'}, NetworkError, "is not a pack listing"),
    "no JSON": ("/packs.json", {"body": b"hello"}, NetworkError, "not valid JSON.*check the address"),
    "a newer listing": ("/packs.json", {"body": b'{"format": 9}'}, PackFormatError, "update edge-identify"),
    "a listing without end": ("/packs.json", {"body": b" " * (9 * 2**20)}, NetworkError, "longer than"),
    "no listing": ("/packs.json", {"status": 404, "body": b""}, NetworkError, r"is not there \(404\)"),
    "no access": ("/packs.json", {"status": 403, "body": b""}, NetworkError, r"refused \(403\)"),
    "trouble": ("/packs.json", {"status": 500, "body": b""}, NetworkError, r"has trouble \(500\)"),
    "another manifest": ("/manifests/", {"body": b"{}"}, NetworkError, "not the manifest"),
    "a longer manifest": ("/manifests/", {"body": b" " * 99_999}, NetworkError, "longer than"),
    "a file gone": ("/blobs/", {"status": 404, "body": b""}, NetworkError, r"\(404\)"),
    "half a file": ("/blobs/", {"cut_at": 3}, NetworkError, "broke off"),
    "a shorter file": ("/blobs/", {"body": b"x"}, NetworkError, r"ended after 1 of \d+ bytes"),
    "a longer file": (
        "/blobs/",
        {"body": b"x" * 99_999},
        NetworkError,
        r"index\.faiss: .* longer than 12 bytes",
    ),
    "a wrong file": ("/blobs/", {"body": b"nore vectors"}, NetworkError, r"index\.faiss: .* SHA-256 begins"),
    "a redirect to a file": (
        "/blobs/",
        {"status": 302, "location": "file:///etc/passwd", "body": b""},
        NetworkError,
        "redirects to file, which is not followed",
    ),
    "a redirect to itself": (
        "/blobs/",
        {"status": 302, "location": "?again", "body": b""},
        NetworkError,
        "redirects more than 5 times",
    ),
    "a redirect to nowhere": (
        "/packs.json",
        {"status": 302, "location": "http://", "body": b""},
        NetworkError,
        "http",
    ),
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_is_one_line_and_leaves_the_installed_pack(
    case: str, device: Device, lying_server: Any, publish_small: PublishSmall, lie: Callable[..., Any]
) -> None:
    path, answer, error, words = LIES[case]
    publish_small("1.0.0")
    device.sync(lying_server.url)
    publish_small("2.0.0", payload={"index.faiss": b"more vectors"})
    if path == "/manifests/":  # which a device asks for only if there is no update
        lying_server.lies["/blobs/"] = lie(status=404, body=b"")
    lying_server.lies[path] = lie(**answer)
    with pytest.raises(error, match=words) as caught:
        device.sync(lying_server.url)
    assert "\n" not in str(caught.value)
    assert device.version() == "1.0.0"
    assert not (device.store.root / "street-art/staging").exists()
    lying_server.lies.clear()
    assert str(device.sync(lying_server.url).version) == device.version() == "2.0.0"


def test_a_server_that_says_nothing_is_given_up(
    device: Device, lying_server: Any, publish_small: PublishSmall, lie: Callable[..., Any]
) -> None:
    publish_small()
    lying_server.lies["/packs.json"] = lie(is_silent=True)
    with pytest.raises(NetworkError, match=r"no answer within 0\.05 seconds"):
        device.sync(lying_server.url, read_timeout_s=0.05)
    assert device.pauses_s == list(PAUSES_S)


def test_a_server_that_is_down_is_named(device: Device) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = taken.getsockname()[1]
        with pytest.raises(NetworkError, match=rf"127\.0\.0\.1:{port} cannot be reached"):
            device.sync(f"http://127.0.0.1:{port}")
    assert device.pauses_s == list(PAUSES_S)


def test_a_host_that_cannot_be_is_refused_in_one_line(device: Device) -> None:
    with pytest.raises(NetworkError, match="cannot be fetched") as caught:
        device.sync(f"http://{'a' * 70}.example")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("trouble", [{"status": 503, "body": b""}, {"cut_at": 1}, {"status": 429, "body": b""}])
def test_trouble_that_passes_is_waited_for(
    device: Device,
    lying_server: Any,
    publish_small: PublishSmall,
    lie: Callable[..., Any],
    trouble: dict[str, Any],
) -> None:
    publish_small()
    lying_server.lies["/blobs/"] = lie(times=2, **trouble)
    device.sync(lying_server.url)
    assert device.version() == "1.0.0"
    assert device.pauses_s == list(PAUSES_S[:2])


def test_a_wrong_file_is_not_asked_for_again(
    device: Device, lying_server: Any, publish_small: PublishSmall, lie: Callable[..., Any]
) -> None:
    publish_small()
    lying_server.lies["/manifests/"] = lie(body=b"{}")
    with pytest.raises(NetworkError):
        device.sync(lying_server.url)
    assert device.pauses_s == []


def test_a_redirect_to_another_place_is_followed(
    device: Device, lying_server: Any, publish_small: PublishSmall, lie: Callable[..., Any], server_url: str
) -> None:
    publish_small()
    lying_server.lies["/packs.json"] = lie(status=301, location=f"{server_url}/packs.json", body=b"")
    device.sync(lying_server.url)
    assert device.version() == "1.0.0"


def test_a_future_pack_format_is_refused_and_the_installed_pack_stays(
    device: Device, server_url: str, publish_small: PublishSmall, tmp_path: Path
) -> None:
    publish_small("1.0.0")
    device.sync(server_url)
    publish_small("2.0.0")
    _rewrite_manifest(tmp_path / "repo", "2.0.0", format=99)
    with pytest.raises(PackFormatError, match=r"pack format 99.*update edge-identify"):
        device.sync(server_url)
    assert device.version() == "1.0.0"


def test_a_manifest_of_another_pack_is_refused(
    device: Device, server_url: str, publish_small: PublishSmall, tmp_path: Path
) -> None:
    publish_small("1.0.0")
    _rewrite_manifest(tmp_path / "repo", "1.0.0", name="birds")
    with pytest.raises(NetworkError, match=r"is of birds 1\.0\.0, but listed as street-art 1\.0\.0"):
        device.sync(server_url)
    assert device.store.names() == ()


def test_a_version_that_changed_after_it_was_published_is_refused(
    device: Device, server_url: str, publish_small: PublishSmall, tmp_path: Path
) -> None:
    publish_small("1.0.0")
    device.sync(server_url)
    _rewrite_manifest(tmp_path / "repo", "1.0.0", title="Something else")
    with pytest.raises(NetworkError, match="versions never change"):
        device.sync(server_url)
    assert device.version() == "1.0.0"


def test_a_pack_that_fails_its_self_test_is_not_activated(
    device: Device, server_url: str, publish_small: PublishSmall
) -> None:
    publish_small("1.0.0")
    device.sync(server_url)
    publish_small("2.0.0")
    device.self_test_error = PackDamagedError("wrong embedding on this device")
    with pytest.raises(PackDamagedError, match="wrong embedding"):
        device.sync(server_url)
    assert device.version() == "1.0.0"
    assert device.tested[-1].name == "staging"


def test_a_full_disk_is_noticed_before_anything_is_fetched(
    lying_server: Any, publish_small: PublishSmall, tmp_path: Path
) -> None:
    class FullStore(PackStore):
        def free_bytes(self) -> int:
            return 1000

    publish_small()
    device = Device(FullStore(tmp_path / "store"))
    with pytest.raises(SetupError, match="make room"):
        device.sync(lying_server.url)
    assert not any(path.startswith("/blobs/") for path in lying_server.requested)


def test_an_address_without_a_scheme_is_refused_before_anything_happens(device: Device) -> None:
    with pytest.raises(SetupError, match="did you mean http://localhost:8000"):
        device.sync("localhost:8000")
    assert not device.store.root.exists()


def _rewrite_manifest(repo: Path, version: str, **changes: Any) -> None:
    """Change a published manifest and make the listing agree, as a careless publisher might."""
    from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes

    path = repo / "manifests/street-art" / f"{version}.json"
    data = json.dumps({**json.loads(path.read_bytes()), **changes}).encode()
    path.write_bytes(data)
    listing = json.loads((repo / LISTING_NAME).read_bytes())
    for offered in listing["packs"][0]["versions"]:
        if offered["version"] == version:
            offered["manifest"].update(length_bytes=len(data), sha256=sha256_of_bytes(data))
    (repo / LISTING_NAME).write_text(json.dumps(listing))
