"""`.edgepack` files with signatures: what a tree writes, a device installs without a network; everything else not."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackNotFoundError, SetupError, UntrustedServerError
from edge_identify.edge_runtime.pack.pack_reader import verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.sync_client import SyncReport, install_pack
from edge_identify.edge_runtime.sync.trust.carried_chain import carried_signature
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy, TrustedRoots
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish_into
from edge_identify.sync_server.publishing.signing.carried_file import write_signed_file
from edge_identify.sync_server.publishing.signing.key_ring import ONLINE
from edge_identify.sync_server.publishing.signing.signed_repository import SignedRepository
from edge_identify.sync_server.publishing.signing.tree_signing import TreeSigning
from signed_trees import PACK, MemoryRing, memory_ring, with_new_key

URL = "https://packs.example.org"
MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)
SmallPack = Callable[..., Path]


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@dataclass
class Publisher:
    """A signed tree in a folder, with its keys in memory."""

    work: Path
    small_pack: SmallPack
    ring: MemoryRing
    now: datetime = MADE

    def __post_init__(self) -> None:
        self.tree = FolderTree(self.work / "repo")
        self.ring = replace(self.ring, root=self.repository().initialise())

    def repository(self) -> SignedRepository:
        return SignedRepository(self.tree, self.ring, lambda _: None, now_utc=self.now)

    def publish(self, version: str, pack: str = PACK, content: str = "") -> None:
        folder = self.work / f"{pack}-{version}-{content}"
        if not folder.exists():
            self.small_pack(folder, name=pack, version=version, payload={"index.faiss": f"{version}{content}".encode()})
        signing = TreeSigning(self.tree, self.ring, lambda _: None, now_utc=self.now)
        publish_into(folder, self.tree, now_utc=self.now, signing=signing)

    def carry(self, pack: str = PACK, file: str = "a.edgepack") -> Path:
        path = self.work / file
        write_signed_file(self.tree, pack, path, replace=True, now_utc=self.now)
        return path

    def rotate(self, role: str) -> None:
        old = next(key for key in self.ring.keys if key.role == role)
        new = with_new_key(self.ring, role)
        ring = new.without(old.public.keyid, role)
        self.ring = replace(ring, root=self.repository().rotate(role, old.public.keyid, ring))


@dataclass
class Device:
    """A device without a network."""

    store: PackStore
    now: datetime = MADE + timedelta(days=1)

    def pin(self, root: bytes, url: str = URL) -> None:
        TrustedRoots(self.store.root).pin(url, root, pinned_by=PinnedBy.ROOT_FILE, now_utc=self.now)

    def install(self, path: Path, *, unsigned: bool = False) -> SyncReport:
        return install_pack(
            self.store,
            path,
            variant_names=lambda manifest: manifest.variant_names(),
            self_test=verify_pack_files,
            verify=partial(carried_signature, self.store.root, unsigned=unsigned, now_utc=self.now),
        )

    def has(self) -> list[str]:
        return [f"{name} {self.store.active(name).version}" for name in self.store.names()]


@pytest.fixture
def publisher(tmp_path: Path, small_pack: SmallPack) -> Publisher:
    found = Publisher(tmp_path / "publisher", small_pack, memory_ring())
    found.publish("1.0.0")
    return found


@pytest.fixture
def device(tmp_path: Path, publisher: Publisher) -> Device:
    found = Device(PackStore(tmp_path / "store"))
    found.pin(publisher.ring.root)
    return found


def changed(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write an archive anew after a change of its files, by name."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    target = path.with_name("changed.edgepack")
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return target


def test_a_signed_file_is_installed_and_a_later_sync_knows_its_server(publisher: Publisher, device: Device) -> None:
    report = device.install(publisher.carry())

    assert (str(report.version), report.source, report.expired_utc) == ("1.0.0", URL, None)
    assert report.signed_utc == "2026-03-01T12:00:00Z"
    installed = device.store.active(PACK)
    assert (installed.source, installed.signed_utc, installed.published_utc) == (URL, report.signed_utc, MADE)

    publisher.publish("1.1.0")
    assert str(device.install(publisher.carry()).version) == "1.1.0"


def test_keys_that_were_rotated_since_the_root_was_pinned_are_followed(publisher: Publisher, device: Device) -> None:
    for role in ("root", "targets", ONLINE):
        publisher.rotate(role)
    publisher.publish("1.1.0")
    assert str(device.install(publisher.carry()).version) == "1.1.0"


def test_the_file_of_a_maker_is_believed_for_the_makers_packs(publisher: Publisher, device: Device) -> None:
    museum = with_new_key(publisher.ring, "museum")
    publisher.repository().delegate("museum", [key.public for key in museum.of_role("museum")])
    publisher.ring = museum
    publisher.publish("2.0.0", "museum-paris")
    assert str(device.install(publisher.carry("museum-paris")).version) == "2.0.0"


def test_an_expired_timestamp_is_told_and_expired_keys_are_refused(publisher: Publisher, device: Device) -> None:
    path = publisher.carry()
    device.now = MADE + timedelta(days=40)
    assert device.install(path).expired_utc == "2026-03-15T12:00:00Z"
    device.now = MADE + timedelta(days=3650)
    with pytest.raises(UntrustedServerError, match=r"signatures have expired .*keys may have been replaced"):
        device.install(path)
    assert device.has() == [f"{PACK} 1.0.0"]


def test_a_clock_ten_years_slow_is_told(publisher: Publisher, device: Device) -> None:
    device.now = MADE - timedelta(days=3650)
    with pytest.raises(SetupError, match="this device's clock says 2016"):
        device.install(publisher.carry())


def test_a_file_from_before_what_the_device_has_seen_is_refused(publisher: Publisher, device: Device) -> None:
    old = publisher.carry(file="old.edgepack")
    publisher.publish("1.1.0")
    device.install(publisher.carry())
    with pytest.raises(UntrustedServerError, match=r"old\.edgepack: is older than what this device has seen of https"):
        device.install(old)
    assert device.has() == [f"{PACK} 1.1.0"]


def test_parts_of_two_files_are_refused(publisher: Publisher, device: Device) -> None:
    with zipfile.ZipFile(publisher.carry(file="old.edgepack")) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    publisher.publish("1.1.0")
    new = publisher.carry()

    def old_targets(files: dict[str, bytes]) -> None:
        files[".trust/3.targets.json"] = old[".trust/2.targets.json"]

    with pytest.raises(UntrustedServerError, match="do not fit together"):
        device.install(changed(new, old_targets))

    def old_files(files: dict[str, bytes]) -> None:
        files.update({name: data for name, data in old.items() if not name.startswith(".trust/")})

    with pytest.raises(UntrustedServerError, match=r"signed street-art 1\.1\.0 with other content than the 1\.0\.0"):
        device.install(changed(new, old_files))

    assert device.has() == []


def test_another_pack_under_good_signatures_is_refused(publisher: Publisher, device: Device) -> None:
    good = publisher.carry()
    thief = Publisher(publisher.work.with_name("thief"), publisher.small_pack, memory_ring())
    thief.publish("1.0.0", content="evil")
    with zipfile.ZipFile(thief.carry()) as archive:
        evil = {name: archive.read(name) for name in archive.namelist()}

    def evil_files(files: dict[str, bytes]) -> None:
        files.update({name: data for name, data in evil.items() if not name.startswith(".trust/")})

    with pytest.raises(UntrustedServerError, match="do not install it"):
        device.install(changed(good, evil_files))
    with pytest.raises(EdgeIdentifyError, match="another hash"):
        device.install(changed(good, lambda files: files.update({"index.faiss": b"1.0.1"})))
    with pytest.raises(UntrustedServerError, match=r"a\.edgepack: is not signed by the publisher of https"):
        device.install(thief.work / "a.edgepack")
    assert device.has() == []


def test_each_missing_part_of_the_signatures_is_refused(publisher: Publisher, device: Device) -> None:
    path = publisher.carry()
    with zipfile.ZipFile(path) as archive:
        parts = [name for name in archive.namelist() if name.startswith(".trust/") and name != ".trust/1.root.json"]
    assert len(parts) == 3
    for part in parts:
        with pytest.raises(UntrustedServerError, match="lacks a part of its signatures"):
            device.install(changed(path, lambda files, part=part: files.pop(part)))  # type: ignore[misc]

    def without_any(files: dict[str, bytes]) -> None:
        for name in [*parts, ".trust/1.root.json"]:
            del files[name]

    with pytest.raises(UntrustedServerError, match=r"is not signed, .*--unsigned accepts"):
        device.install(changed(path, without_any))


def test_without_a_pinned_root_a_person_decides(publisher: Publisher, tmp_path: Path) -> None:
    device, path = Device(PackStore(tmp_path / "other")), publisher.carry()
    with pytest.raises(SetupError, match="edge-identify trust URL --root"):
        device.install(path)
    assert device.install(path, unsigned=True).signed_utc is None


def test_of_several_pinned_roots_the_right_one_counts_and_only_that_of_the_packs_server(
    publisher: Publisher, device: Device
) -> None:
    other = Publisher(publisher.work.with_name("other"), publisher.small_pack, memory_ring())
    other.publish("1.5.0")
    device.pin(other.ring.root, "https://a.example.org")
    assert device.install(publisher.carry()).source == URL

    with pytest.raises(UntrustedServerError, match=r"not signed by the publisher of https://packs\.example\.org"):
        device.install(other.carry())
    with pytest.raises(SetupError, match=r"came from https://packs\.example\.org, whose root is pinned"):
        device.install(other.carry(), unsigned=True)
    assert device.has() == [f"{PACK} 1.0.0"]


def test_a_file_that_no_device_would_take_is_not_written(publisher: Publisher) -> None:
    with pytest.raises(PackNotFoundError, match="signed no pack 'flowers'"):
        publisher.carry("flowers")
    publisher.now = MADE + timedelta(days=3650)
    with pytest.raises(UntrustedServerError, match="expired"):
        publisher.carry()
    with pytest.raises(SetupError, match="not signed; make keys"):
        write_signed_file(FolderTree(publisher.work / "none"), PACK, publisher.work / "b.edgepack")
    assert not list(publisher.work.glob("*.edgepack"))
    assert not list(publisher.work.glob(".*"))
