"""Changes to installed packs that need no server: go back to the version before, remove a pack, make room.

Each holds the pack's lock. The pointer is switched or removed first, so a crash leaves a pack that answers, or none.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.disk import flush_folder
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.pack_names import checked_pack_name
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.default_pack import read_default_pack, remove_default_pack
from edge_identify.edge_runtime.store.installed_packs import (
    POINTER_NAME,
    POINTS_FOLDER_NAME,
    TAUGHT_FOLDER_NAME,
    InstalledPack,
    has_intact_manifest,
    version_folder,
)
from edge_identify.edge_runtime.store.pack_store import PackStore

if TYPE_CHECKING:
    from edge_identify.edge_runtime.store.bounded_self_test import SelfTest

_LOCK_NAME = "lock"
_ARRIVED_NAME, _VERSIONS_NAME = "arrived", "versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What pruning has removed.

    Attributes:
        packs: Names of the packs whose version before was removed.
        freed_bytes: Bytes that the store is smaller.
        store_bytes: Bytes that it still has.
    """

    packs: tuple[str, ...]
    freed_bytes: int
    store_bytes: int


def roll_back(store: PackStore, name: str, self_test: SelfTest) -> InstalledPack:
    """Make the version before the active one. Called again, it goes forward again.

    Args:
        store: The store.
        name: The pack's name.
        self_test: Tests the version before it is activated.

    Returns:
        The version that answers now.

    Raises:
        PackNotFoundError: No such pack is installed.
        SetupError: There is no version before, or another sync is running, or the disk refuses.
        PackDamagedError: The version before is damaged. The active one stays.
        EdgeIdentifyError: `self_test` raised it. The active one stays.
    """
    _check_installed(store, name)
    with store.updating(name):
        now = store.pointer(name)
        if now is None or now.previous is None:
            raise SetupError(f"{name}: has no version before; `edge-identify packs` lists what is installed")
        before = _version_before(store, now)
        manifest = read_manifest(before.folder)
        verify_pack_files(before.folder, manifest, before.variant_names)
        self_test(before.folder, manifest, before.variant_names)
        store.point_to(replace(before, previous=now.version, before=replace(now, previous=None, before=None)))
        return store.active(name)


def remove_pack(store: PackStore, name: str) -> int:
    """Remove a pack with all its versions. If it is the default pack, the store has none afterwards.

    What a person taught beside the pack stays.

    Returns:
        How many bytes of disk that gives back.

    Raises:
        PackNotFoundError: No such pack is installed.
        SetupError: A sync of it is running, or the disk refuses.
    """
    home = store.root / checked_pack_name(name)
    if not (home / _VERSIONS_NAME).is_dir():  # else a removal that was cut off goes on
        _check_installed(store, name)
    before = _size_bytes(store.root)
    with store.updating(name):
        (home / POINTER_NAME).unlink(missing_ok=True)  # from here on, the pack is not there
        flush_folder(home)
        for path in home.iterdir():
            if path.name == TAUGHT_FOLDER_NAME:  # the person's own: the pack, installed again, has it
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != _LOCK_NAME:  # if it were removed, two processes could hold it
                path.unlink()
    if read_default_pack(store.root) == name:
        remove_default_pack(store.root)
    return before - _size_bytes(store.root)


def prune(store: PackStore, *, keep: int = 2, max_bytes: int | None = None) -> Freed:
    """Remove what no pack needs to answer: downloads that were not finished, versions before, points of thumbnails.

    The active version of a pack is never removed.

    Args:
        store: The store.
        keep: Versions of each pack to keep: 1 for the active one, 2 for the one before, too.
        max_bytes: Remove versions before, of the largest store folder first, until the store has at most so many bytes;
            None for no limit.

    Raises:
        SetupError: A sync of a pack is running, or the disk refuses.
    """
    start = _size_bytes(store.root)
    pruned: list[str] = []
    homes = sorted(store.names(), key=lambda name: _size_bytes(store.root / name), reverse=True)
    for name in homes:
        is_over = max_bytes is not None and _size_bytes(store.root) > max_bytes
        with store.updating(name):
            if keep < 2 or is_over:  # the active version and the one before
                _remove_folders(store.root / name / part for part in (_ARRIVED_NAME, POINTS_FOLDER_NAME))
                pruned += [name] if _remove_before(store, name) else []
    end = _size_bytes(store.root)
    return Freed(packs=tuple(sorted(pruned)), freed_bytes=start - end, store_bytes=end)


def _check_installed(store: PackStore, name: str) -> None:
    if checked_pack_name(name) not in store.names():
        known = ", ".join(store.names()) or "none"
        raise PackNotFoundError(f"no pack {name!r} is installed in {store.root}; installed: {known}")


def _version_before(store: PackStore, now: InstalledPack) -> InstalledPack:
    """Return the version before, as the pointer or, if an older release wrote it, its folder describes it."""
    if now.before is not None and now.before.version == now.previous:
        if not has_intact_manifest(now.before):
            raise SetupError(f"{now.before.folder / MANIFEST_NAME}: is missing or has changed; {now.version} stays")
        return now.before
    assert now.previous is not None, "the caller has checked it"
    folder = version_folder(store.root / now.name, now.previous)
    manifest = read_manifest(folder)
    return replace(
        now,
        version=now.previous,
        folder=folder,
        variant_names=_variants_in(folder, manifest),
        manifest_sha256=sha256_of_file(folder / MANIFEST_NAME),
        published_utc=None,
    )


def _variants_in(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Return the encoder variants whose files are in a folder."""
    return tuple(
        name
        for name in manifest.variant_names()
        if all((folder / entry.path).is_file() for entry in manifest.files_for((name,)))
    )


def _remove_before(store: PackStore, name: str) -> bool:
    now = store.pointer(name)
    if now is None:
        return False
    if now.previous is not None:
        store.point_to(replace(now, previous=None, before=None))
    # Also those that a pruning left which was cut off: no pointer names them.
    versions = store.root / name / _VERSIONS_NAME
    others = [folder for folder in versions.iterdir() if folder.name != str(now.version)]
    _remove_folders(others)
    return bool(others)


def _remove_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)


def _size_bytes(folder: Path) -> int:
    """Return the bytes of the files in a folder; files that several names share count once."""
    statuses = [path.lstat() for path in folder.rglob("*") if not path.is_dir()]
    return sum({(status.st_dev, status.st_ino): status.st_size for status in statuses}.values())
