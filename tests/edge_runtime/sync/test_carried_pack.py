"""`.edgepack` files: installed without a network, and refused if anything in them is out of place."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError, PackError, PackFormatError, PackNotFoundError
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.carried_pack import (
    MAX_TRUST_BYTES,
    MAX_TRUST_FILES,
    CarriedPack,
    open_carried_pack,
    write_carried_pack,
)
from edge_identify.edge_runtime.sync.sync_client import SyncReport, install_pack, sync_pack
from edge_identify.edge_runtime.sync.sync_plan import Action
from edge_identify.sync_server.publishing.publish import publish

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SmallPack = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path / "store")


@pytest.fixture
def carried(small_pack: SmallPack, tmp_path: Path) -> Path:
    write_carried_pack(small_pack(tmp_path / "pack"), tmp_path / "street-art.edgepack", now_utc=NOW)
    return tmp_path / "street-art.edgepack"


def install(store: PackStore, path: Path, verify: Callable[[CarriedPack], None] = lambda _: None) -> SyncReport:
    """Install, and check every byte of the result."""
    report = install_pack(
        store,
        path,
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=verify_pack_files,
        verify=verify,
    )
    installed = store.active(report.name)
    verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    return report


def test_a_carried_pack_is_installed_and_told_where_it_came_from(store: PackStore, carried: Path) -> None:
    report = install(store, carried)
    assert (report.action, str(report.version), report.source) == (Action.DOWNLOAD, "1.0.0", "street-art.edgepack")
    assert store.active("street-art").published_utc == NOW
    assert install(store, carried).action is Action.UP_TO_DATE


def test_an_installed_pack_keeps_its_server_and_a_newer_one_stays(
    store: PackStore, carried: Path, small_pack: SmallPack, server_url: str, tmp_path: Path
) -> None:
    publish(tmp_path / "pack", tmp_path / "repo", now_utc=NOW)
    sync_pack(store, server_url, name=None, variant_names=lambda m: m.variant_names(), self_test=lambda *_: None)
    newer = small_pack(tmp_path / "newer", version="1.1.0", payload={"index.faiss": b"more vectors"})
    write_carried_pack(newer, tmp_path / "newer.edgepack", now_utc=NOW)

    report = install(store, tmp_path / "newer.edgepack")

    assert (str(report.version), report.fetched_files) == ("1.1.0", 1)
    assert store.active("street-art").source == server_url
    assert "newer" in install(store, carried).note
    assert str(store.active("street-art").version) == "1.1.0"


def test_whoever_checks_signatures_is_asked_before_anything_is_written(
    store: PackStore, small_pack: SmallPack, tmp_path: Path
) -> None:
    path = tmp_path / "signed.edgepack"
    write_carried_pack(small_pack(tmp_path / "pack"), path, now_utc=NOW, trust_files={"1.root.json": b"{}"})
    seen: list[dict[str, bytes]] = []

    def refuse(pack: CarriedPack) -> None:
        seen.append(pack.trust_files())
        raise PackFormatError("not signed by anybody")

    with pytest.raises(PackFormatError, match="not signed"):
        install(store, path, refuse)
    assert seen == [{"1.root.json": b"{}"}]
    assert not store.root.exists()


def test_the_same_pack_and_time_give_the_same_bytes(carried: Path, tmp_path: Path) -> None:
    write_carried_pack(tmp_path / "pack", tmp_path / "again.edgepack", now_utc=NOW)
    assert (tmp_path / "again.edgepack").read_bytes() == carried.read_bytes()


def rewritten(path: Path, change: Callable[[zipfile.ZipInfo], None], **more: bytes) -> None:
    """Write an archive anew, with changed entries and more of them."""
    with zipfile.ZipFile(path) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in entries:
            change(entry)
            archive.writestr(entry, data)
        for name, data in more.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", "/")), data)


def nothing(_: zipfile.ZipInfo) -> None:
    """Change nothing."""


def as_link(entry: zipfile.ZipInfo) -> None:
    if entry.filename == "index.faiss":
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16


def compressed(entry: zipfile.ZipInfo) -> None:
    entry.compress_type = zipfile.ZIP_DEFLATED


def climbing(entry: zipfile.ZipInfo) -> None:
    if entry.filename == "index.faiss":
        entry.filename = "../index.faiss"


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        (as_link, {}, "no plain file"),
        (compressed, {}, "compressed"),
        (climbing, {}, "does not list"),
        (nothing, {"__etc__passwd": b"x"}, "does not list"),
        (nothing, {"INDEX.faiss": b"x"}, "does not list"),
        (nothing, {".trust__a__b": b"x"}, "files of trust"),
        (nothing, {f".trust__{number}": b"" for number in range(MAX_TRUST_FILES + 1)}, "files of trust"),
        (nothing, {".trust__1.root.json": bytes(MAX_TRUST_BYTES + 1)}, "files of trust"),
        (nothing, {"folder__": b""}, "no plain file"),
    ],
)
def test_what_does_not_belong_there_is_refused_before_anything_is_written(
    change: Callable[[zipfile.ZipInfo], None], more: dict[str, bytes], words: str, store: PackStore, carried: Path
) -> None:
    rewritten(carried, change, **more)
    with pytest.raises(PackFormatError, match=words):
        install(store, carried)
    assert not store.root.exists()


def test_a_name_twice_is_refused(store: PackStore, carried: Path) -> None:
    with zipfile.ZipFile(carried, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(zipfile.ZipInfo("index.faiss"), b"vectors")
    with pytest.raises(PackFormatError, match="a name twice"):
        install(store, carried)


def test_a_directory_without_end_is_refused_before_it_is_read(store: PackStore, carried: Path) -> None:
    data = bytearray(carried.read_bytes())
    struct.pack_into("<L", data, len(data) - 22 + 12, 2**31)
    carried.write_bytes(data)
    with pytest.raises(PackDamagedError, match="directory"):
        install(store, carried)


def test_every_truncated_file_is_refused(store: PackStore, carried: Path) -> None:
    data = carried.read_bytes()
    for kept in range(0, len(data), 97):
        carried.write_bytes(data[:kept])
        with pytest.raises(PackError):
            install(store, carried)
    assert store.names() == ()


def test_no_flipped_bit_installs_another_pack(carried: Path, tmp_path: Path) -> None:
    data = carried.read_bytes()
    expected = read_manifest(tmp_path / "pack")
    for at in range(5, len(data), len(data) // 60):
        carried.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        try:
            install(PackStore(tmp_path / f"store-{at}"), carried)
        except PackError:
            continue
        assert read_manifest(PackStore(tmp_path / f"store-{at}").active("street-art").folder) == expected


def test_a_file_that_is_not_there_or_none_is_named(store: PackStore, tmp_path: Path) -> None:
    with pytest.raises(PackNotFoundError, match="no such file"):
        install(store, tmp_path / "none.edgepack")
    (tmp_path / "photo.edgepack").write_bytes(b"\xff\xd8" + bytes(1000))
    with (
        pytest.raises(PackDamagedError, match=r"is no \.edgepack file"),
        open_carried_pack(tmp_path / "photo.edgepack"),
    ):
        pass
