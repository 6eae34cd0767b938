"""The store: the pointer decides which version is active, whatever else is damaged."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.installed_packs import InstalledPack
from edge_identify.edge_runtime.store.pack_store import PackStore, default_store_folder

SmallPack = Callable[..., Path]
SOURCE = "http://packs.example.org"


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path / "store")


def _install(store: PackStore, pack: Path, *, variant_names: tuple[str, ...] | None = None) -> InstalledPack:
    """Do what a sync does, with files from a folder."""
    manifest = read_manifest(pack)
    names = manifest.variant_names() if variant_names is None else variant_names
    with store.updating(manifest.name):
        now = store.pointer(manifest.name)
        wanted = manifest.files_for(names)
        intact = store.intact_files(now, wanted) if now else frozenset()
        reused = {entry.path: now.folder / entry.path for entry in intact if now and entry in wanted}
        staging = store.stage(manifest.name, (pack / MANIFEST_NAME).read_bytes(), reused)
        for entry in wanted:
            if entry.path not in reused:
                (staging / entry.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(pack / entry.path, staging / entry.path)
        hash_now = sha256_of_file(pack / MANIFEST_NAME)
        return store.activate(
            store.describe(
                manifest.name, manifest.version, variant_names=names, source=SOURCE, manifest_sha256=hash_now
            )
        )


def _is_whole(installed: InstalledPack) -> bool:
    verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    return True


def test_an_installed_pack_is_found_again(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    installed = _install(store, small_pack(tmp_path / "pack"))
    assert store.names() == ("street-art",)
    assert store.active("street-art") == store.only_pack() == installed
    assert installed.version == PackVersion(1, 0, 0)
    assert installed.source == SOURCE
    assert installed.previous is None
    assert _is_whole(installed)


def test_an_empty_store_says_how_to_fetch_a_pack(store: PackStore) -> None:
    assert store.names() == ()
    for ask in (store.only_pack, lambda: store.active("street-art")):
        with pytest.raises(PackNotFoundError, match="edge-identify sync URL"):
            ask()
    assert not store.root.exists()


def test_a_wrong_name_gets_the_names_that_are_there(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    _install(store, small_pack(tmp_path / "pack"))
    with pytest.raises(PackNotFoundError, match=r"'street-arts'.*there is street-art;"):
        store.active("street-arts")


@pytest.mark.parametrize("name", ["../street-art", "", "A", "a/b", "."])
def test_a_name_that_climbs_is_refused(store: PackStore, name: str) -> None:
    with pytest.raises(PackFormatError):
        store.active(name)


def test_several_packs_must_be_chosen_from(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    for name in ("birds", "street-art"):
        _install(store, small_pack(tmp_path / name, name=name))
    with pytest.raises(SetupError, match="--pack: birds, street-art"):
        store.only_pack()


def test_the_version_before_stays_and_older_ones_go(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        _install(store, small_pack(tmp_path / version, version=version))
    installed = store.active("street-art")
    assert (installed.version, installed.previous) == (PackVersion(2, 0, 0), PackVersion(1, 1, 0))
    assert sorted(folder.name for folder in installed.folder.parent.iterdir()) == ["1.1.0", "2.0.0"]


def test_unchanged_files_are_the_same_file_on_the_disk(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    old = _install(store, small_pack(tmp_path / "old"))
    new = _install(store, small_pack(tmp_path / "new", version="1.1.0", payload={"index.faiss": b"more"}))
    encoder = "image/onnx-int8.onnx"
    assert (old.folder / encoder).stat().st_ino == (new.folder / encoder).stat().st_ino
    assert (old.folder / "index.faiss").read_bytes() != (new.folder / "index.faiss").read_bytes()
    assert _is_whole(old)
    assert _is_whole(new)


def test_a_file_system_without_hard_links_gets_copies(
    store: PackStore, small_pack: SmallPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EPERM, "no hard links here")

    _install(store, small_pack(tmp_path / "old"))
    monkeypatch.setattr(os, "link", refuse)
    assert _is_whole(_install(store, small_pack(tmp_path / "new", version="1.1.0")))


def test_damaged_files_are_not_taken_over(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    installed = _install(store, small_pack(tmp_path / "pack"))
    (installed.folder / "index.faiss").write_bytes(b"vectorz")
    (installed.folder / "references.sqlite").unlink()
    wanted = read_manifest(installed.folder).files.values()
    paths = {entry.path for entry in store.intact_files(installed, wanted)}
    assert paths == {"conformance/cases.json", "image/onnx-int8.onnx", "image/onnx-fp32.onnx"}


def test_the_same_version_again_repairs_it_in_place(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    installed = _install(store, pack)
    (installed.folder / "index.faiss").write_bytes(b"vectorz")
    assert _is_whole(_install(store, pack))
    assert store.active("street-art").previous is None


def test_files_of_a_variant_that_is_dropped_are_deleted(
    store: PackStore, small_pack: SmallPack, tmp_path: Path
) -> None:
    pack = small_pack(tmp_path / "pack")
    _install(store, pack)
    installed = _install(store, pack, variant_names=("onnx-int8",))
    assert not (installed.folder / "image/onnx-fp32.onnx").exists()
    assert _is_whole(installed)


def test_a_changed_manifest_is_noticed_when_the_pack_is_opened(
    store: PackStore, small_pack: SmallPack, tmp_path: Path
) -> None:
    installed = _install(store, small_pack(tmp_path / "pack"))
    manifest = installed.folder / MANIFEST_NAME
    manifest.write_bytes(manifest.read_bytes().replace(b"Street art", b"Street art!"))
    with pytest.raises(PackDamagedError, match=f"sync {SOURCE} --pack street-art"):
        store.active("street-art")


def test_a_version_that_was_deleted_by_hand_is_noticed(store: PackStore, small_pack: SmallPack, tmp_path: Path) -> None:
    shutil.rmtree(_install(store, small_pack(tmp_path / "pack")).folder)
    with pytest.raises(PackDamagedError, match="missing"):
        store.active("street-art")


@pytest.mark.parametrize("pointer", [b"", b"{}", b'{"version": "../..", "variants": [], "source": ""}'])
def test_a_damaged_pointer_is_an_error_for_readers_and_a_fresh_start_for_repairs(
    store: PackStore, small_pack: SmallPack, tmp_path: Path, pointer: bytes
) -> None:
    pack = small_pack(tmp_path / "pack")
    _install(store, pack)
    (store.root / "street-art/active.json").write_bytes(pointer)
    with pytest.raises(PackDamagedError, match=r"active\.json.*--pack street-art"):
        store.active("street-art")
    assert store.pointer("street-art") is None
    assert _is_whole(_install(store, pack))


def test_the_pointer_is_a_small_file_that_a_person_can_read(
    store: PackStore, small_pack: SmallPack, tmp_path: Path
) -> None:
    installed = _install(store, small_pack(tmp_path / "pack"))
    assert json.loads((store.root / "street-art/active.json").read_bytes()) == {
        "version": "1.0.0",
        "variants": ["onnx-fp32", "onnx-int8"],
        "source": SOURCE,
        "manifest_sha256": installed.manifest_sha256,
        "previous": None,
    }


def test_staging_that_a_crash_left_is_cleared_by_the_next_sync(store: PackStore) -> None:
    leftover = store.root / "street-art/staging/half-a-file"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    with store.updating("street-art"):
        assert not leftover.parent.exists()


def test_two_syncs_of_one_pack_do_not_meet(store: PackStore) -> None:
    with (
        store.updating("street-art"),
        store.updating("birds"),
        pytest.raises(SetupError, match="another process"),
        store.updating("street-art"),
    ):
        pass


def test_a_disk_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SetupError, match="file"),
        PackStore(tmp_path / "file" / "store").updating("street-art"),
    ):
        pass


def test_a_file_that_is_given_as_the_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = PackStore(tmp_path / "file")
    for ask in (store.names, store.only_pack, lambda: store.active("street-art")):
        with pytest.raises(SetupError, match="file: is a file; give the folder"):
            ask()


@pytest.mark.skipif(sys.platform == "win32", reason="a file with a hole takes its whole room there")
def test_of_a_pointer_that_is_far_too_long_only_the_beginning_is_read(store: PackStore) -> None:
    pointer = store.root / "street-art/active.json"
    pointer.parent.mkdir(parents=True)
    with pointer.open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no room, but reading it whole would take all memory
    with pytest.raises(PackDamagedError, match=r"active\.json: is damaged"):
        store.active("street-art")
    assert store.pointer("street-art") is None


def test_free_space_is_known_before_the_store_exists(store: PackStore) -> None:
    assert store.free_bytes() > 0


def test_the_default_folder_is_this_applications_own() -> None:
    assert default_store_folder().name == "packs"
    assert "edge-identify" in str(default_store_folder())


def test_a_pointer_that_a_killed_process_left_unfinished_is_removed_by_the_next_update(tmp_path: Path) -> None:
    store = PackStore(tmp_path / "store")
    left = tmp_path / "store/art/.active.json.x1y2z3.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"{")

    with store.updating("art"):
        assert not left.exists()
