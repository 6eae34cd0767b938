"""Changes of a store that fail at each of their steps in turn: what must hold afterwards, and the loop.

A folder has what the changes need, made by `write_material`: a signed repository with version 1.0.0 of a small pack,
the same with 1.1.0, its root, and 1.1.0 as a signed `.edgepack` file.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from disk_faults import DiskFaults
from memory_transport import URL, files_of, served_from_memory

from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackNotFoundError
from edge_identify.edge_runtime.pack.manifest import Manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.store.verified_files import NOTES_NAME
from edge_identify.edge_runtime.store.version_changes import prune, remove_pack, roll_back
from edge_identify.edge_runtime.sync.sync_client import install_pack, sync_pack
from edge_identify.edge_runtime.sync.trust.carried_chain import carried_signature
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy, TrustedRoots
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.publishing.signing.carried_file import write_signed_file
from edge_identify.sync_server.publishing.signing.tree_signing import TreeSigning
from signed_trees import SignedTree, memory_ring, sign_folder

PACK = "street-art"
OLD, NEW = "1.0.0", "1.1.0"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
CARRIED_NAME = "new.edgepack"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a store.

    Attributes:
        begins_with: Versions that are installed before it, in this order.
        run: Makes the change.
        results: The versions that may answer if it was cut off; an empty text for no pack.
        result: The version that answers if it was not.
        again: What a person does after a failure; None for a sync.
    """

    begins_with: tuple[str, ...]
    run: Callable[[PackStore, Path], object]
    results: frozenset[str]
    result: str
    again: Callable[[PackStore, Path], object] | None = None


class Repositories:
    """The files of both repositories, read once."""

    def __init__(self, material: Path) -> None:
        self.of_version = {version: files_of(material / f"repo-{version}") for version in (OLD, NEW)}
        self.root = (material / "root.json").read_bytes()


def passes(folder: Path, manifest: Manifest, variant_names: tuple[str, ...]) -> None:
    """Stand in for the self-test: check each file's hash."""
    verify_pack_files(folder, manifest, variant_names)


def sync(store: PackStore, name: str | None = PACK) -> None:
    """Sync from the memory, with signatures."""
    sync_pack(
        store,
        URL,
        name=name,
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=passes,
        sleep=lambda _: None,
        believe=as_signed(store.root, unsigned=False),
    )


def install_carried(store: PackStore, path: Path) -> None:
    """Install an `.edgepack` file, with signatures."""
    install_pack(
        store,
        path,
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=passes,
        verify=partial(carried_signature, store.root, unsigned=False),
    )


def _prune(store: PackStore, _: Path) -> None:
    prune(store, keep=1)


def _roll_back(store: PackStore, _: Path) -> None:
    roll_back(store, PACK, passes)


def _pin(store: PackStore, material: Path) -> None:
    other = (material / "other-root.json").read_bytes()
    TrustedRoots(store.root).pin(URL, other, pinned_by=PinnedBy.ROOT_FILE, now_utc=NOW)


def _remove(store: PackStore, _: Path) -> None:
    remove_pack(store, PACK)


Fail = Callable[[int], Callable[[DiskFaults, str], None]]
EITHER = frozenset({OLD, NEW})
CHANGES = {
    "first sync": Change(begins_with=(), run=lambda store, _: sync(store), results=frozenset({"", NEW}), result=NEW),
    "update": Change(begins_with=(OLD,), run=lambda store, _: sync(store), results=EITHER, result=NEW),
    "install from a file": Change(
        begins_with=(OLD,),
        run=lambda store, material: install_carried(store, material / CARRIED_NAME),
        results=EITHER,
        result=NEW,
    ),
    "pin another root": Change(begins_with=(OLD,), run=_pin, results=frozenset({OLD}), result=OLD, again=_pin),
    "roll back": Change(begins_with=(OLD, NEW), run=_roll_back, results=EITHER, result=OLD),
    "prune": Change(begins_with=(OLD, NEW), run=_prune, results=frozenset({NEW}), result=NEW, again=_prune),
    "remove": Change(begins_with=(OLD, NEW), run=_remove, results=frozenset({"", NEW}), result="", again=_remove),
}


def write_material(folder: Path, make_pack: Callable[..., Path]) -> Path:
    """Write what the changes need; return the folder.

    Args:
        folder: A new folder.
        make_pack: The fixture `small_pack`.
    """
    index = bytes(range(256)) * 8
    packs = {
        OLD: make_pack(folder / OLD, payload={"index.faiss": index}),
        NEW: make_pack(folder / NEW, version=NEW, payload={"index.faiss": index + b"more", "notes.txt": b"new"}),
    }
    publish(packs[OLD], folder / f"repo-{OLD}", now_utc=NOW)
    ring = memory_ring()
    root = sign_folder(folder / f"repo-{OLD}", ring)
    shutil.copytree(folder / f"repo-{OLD}", folder / f"repo-{NEW}")
    publish(packs[NEW], folder / f"repo-{NEW}", now_utc=NOW)
    tree = FolderTree(folder / f"repo-{NEW}")
    TreeSigning(tree, replace(ring, root=root), lambda _: None, now_utc=datetime.now(UTC)).sign_listed()
    (folder / "root.json").write_bytes(root)
    (folder / "other-root.json").write_bytes(SignedTree().first_root)
    write_signed_file(tree, PACK, folder / CARRIED_NAME)
    return folder


def store_before(change: Change, material: Path, repositories: Repositories) -> Path:
    """Return the folder of a store as it is before a change; made once."""
    store = PackStore(material / f"store-{'-'.join(change.begins_with)}")
    if not store.root.exists():
        TrustedRoots(store.root).pin(URL, repositories.root, pinned_by=PinnedBy.ROOT_FILE, now_utc=NOW)
        for version in change.begins_with:
            with served_from_memory(repositories.of_version[version]):
                sync(store)
    return store.root


def answering(store: PackStore) -> str:
    """Return the version that answers, every byte of it checked; empty if the pack is not installed."""
    if PACK not in store.names():
        return ""
    installed = store.active(PACK)
    verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    return str(installed.version)


def sweep_failures(name: str, material: Path, work: Path, fail: Fail) -> tuple[int, list[str]]:
    """Let a change fail at its first step, at its second, and so on, until it comes through.

    Args:
        name: A key of `CHANGES`.
        material: From `write_material`.
        work: A new folder.
        fail: Takes the number of a step, and returns what lets it fail.

    Returns:
        The number of steps, and the problems.
    """
    sweep = _Sweep(name, material, work)
    number, has_failed = 0, True
    while has_failed:
        number += 1
        root = work / str(number)
        shutil.copytree(sweep.before, root, symlinks=True)
        has_failed = sweep.run_to_fault(root, fail(number), number)
        sweep.check(root, f"step {number}", has_failed=has_failed)
    return number - 1, sweep.problems


def sweep_ends(name: str, material: Path, work: Path) -> tuple[int, int, list[str]]:
    """End a change at each of its steps, as `kill -9` does, and as a power cut does.

    What a process leaves on the disk when it ends is copied at each step: no process has to be started. States that are
    alike are checked once.

    Returns:
        The number of steps, the number of different states, and the problems. See `sweep_failures`.
    """
    sweep = _Sweep(name, material, work)
    root, states = work / "changed", dict[str, Path]()
    shutil.copytree(sweep.before, root, symlinks=True)

    def keep(faults: DiskFaults, _: str) -> None:
        for by_power_cut in (False, True)[: 1 + faults.has_unflushed]:
            left = work / f"{len(faults.steps)}{'-power-cut' if by_power_cut else ''}"
            faults.copy_as_left(left, by_power_cut=by_power_cut)
            if states.setdefault(_state(left), left) != left:
                shutil.rmtree(left)

    faults = DiskFaults(root, keep)
    with served_from_memory(sweep.files), faults.watching():
        sweep.change.run(PackStore(root), material)
    for left in states.values():
        sweep.check(left, f"ended at {left.name}", has_failed=True)
    return len(faults.steps), len(states), sweep.problems


class _Sweep:
    """One change, and what is checked after each of its failures."""

    def __init__(self, name: str, material: Path, work: Path) -> None:
        repositories = Repositories(material)
        self.change, self._material = CHANGES[name], material
        self.files = repositories.of_version[NEW]
        self.before = store_before(self.change, material, repositories)
        self.problems: list[str] = []
        undisturbed = work / "undisturbed"
        shutil.copytree(self.before, undisturbed, symlinks=True)
        with served_from_memory(self.files):
            self.change.run(PackStore(undisturbed), material)
            self._recover(PackStore(undisturbed))
        self._names = _names(undisturbed)

    def run_to_fault(self, root: Path, fail: Callable[[DiskFaults, str], None], number: int) -> bool:
        """Run the change until an error; return whether its step `number` was reached."""
        faults = DiskFaults(root, fail)
        with served_from_memory(self.files), faults.watching(), suppress(EdgeIdentifyError):
            self.change.run(PackStore(root), self._material)
        return len(faults.steps) >= number

    def check(self, root: Path, when: str, *, has_failed: bool) -> None:
        """Note what is wrong with a store after the change, recover it, note what is wrong then, and remove it."""
        store = PackStore(root)
        found = answering(store)
        if found not in (self.change.results if has_failed else {self.change.result}):
            self.problems.append(f"{when}: {found or 'nothing'} answers")
        with served_from_memory(self.files):
            self._recover(store)
        left = _names(root)
        if answering(store) not in self.change.results or left != self._names:
            names = f"too many names {sorted(left - self._names)}, missing {sorted(self._names - left)}"
            self.problems.append(f"{when}, after the next sync: {answering(store) or 'nothing'} answers, {names}")
        shutil.rmtree(root)

    def _recover(self, store: PackStore) -> None:
        with suppress(PackNotFoundError):  # removed already
            (self.change.again or (lambda store, _: sync(store)))(store, self._material)


def _names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.name != NOTES_NAME}  # notes may fail


def _state(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(f"{path.relative_to(root)}\n".encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()
