"""Flipped bits in packs, update files, metadata and `.edgepack` files: each is refused, or changes no installed byte.

    EDGE_IDENTIFY_FLIPS=10000 python -m pytest -s tests/faults/test_bit_flips.py

draws so many flips and prints what became of them. Without it, a few are drawn.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fault_sweep import (
    CARRIED_NAME,
    CHANGES,
    NEW,
    OLD,
    PACK,
    Repositories,
    answering,
    install_carried,
    store_before,
    sync,
    write_material,
)
from memory_transport import served_from_memory

from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackError
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync import partial_file, piece_hashes, update_steps
from edge_identify.sync_server.publishing import transfer_files

FLIPS = int(os.environ.get("EDGE_IDENTIFY_FLIPS", "150"))
PIECE_BYTES = 512  # so that a small file has several
IN_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def material(small_pack: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = IN_MEMORY if IN_MEMORY.is_dir() else tmp_path_factory.mktemp("flips")
    with tempfile.TemporaryDirectory(dir=root) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        for module in (piece_hashes, partial_file, update_steps, transfer_files):
            patch.setattr(module, "PIECE_BYTES", PIECE_BYTES)
        yield write_material(Path(folder) / "material", small_pack)


class Flips:
    """Draws flips and notes what becomes of them."""

    def __init__(self, material: Path) -> None:
        self.draw, self.counts = random.Random(20), Counter[str]()
        self.material, self.repositories = material, Repositories(material)
        self.served = self.repositories.of_version[NEW]
        self.packs = {version: files_in(material / version) for version in (OLD, NEW)}
        self.before = {
            name: store_before(CHANGES[name], material, self.repositories) for name in ("first sync", "update")
        }
        self.asked = {name: self._asked_in(name) for name in self.before}

    def _asked_in(self, name: str) -> list[str]:
        """Return the paths of files that a sync without flips asks for."""
        store = PackStore(self.material / "asking")
        shutil.copytree(self.before[name], store.root, symlinks=True)
        with served_from_memory(self.served) as asked:
            sync(store, None)
        shutil.rmtree(store.root)
        return sorted({path for path in asked if path in self.served})

    def flipped(self, data: bytes) -> bytes:
        """Return the bytes with one bit changed."""
        changed = bytearray(data)
        changed[self.draw.randrange(len(data))] ^= 1 << self.draw.randrange(8)
        return bytes(changed)

    def of_served(self, begins: str, what: str, change: str = "first sync") -> None:
        """Flip a bit of a file that a sync asks for and whose path begins so."""
        name = self.draw.choice([path for path in self.asked[change] if path.startswith(begins)])
        with served_from_memory({**self.served, name: self.flipped(self.served[name])}):
            self.tried(what, lambda store: sync(store, None if what == "listing" else PACK), before=change)

    def of_carried_file(self) -> None:
        """Flip a bit of an `.edgepack` file, and install it."""
        path = self.material / "flipped.edgepack"
        path.write_bytes(self.flipped((self.material / CARRIED_NAME).read_bytes()))
        self.tried(".edgepack", lambda store: install_carried(store, path))

    def of_installed(self) -> None:
        """Flip a bit of a file of the store; nothing wrong may answer, and a sync must repair it or refuse."""

        def change(store: PackStore) -> None:
            path = self.draw.choice(sorted(path for path in store.root.rglob("*") if path.is_file()))
            path.write_bytes(self.flipped(path.read_bytes()) if path.stat().st_size else b"?")
            with suppress(PackError):
                self.check_answering(store)
            sync(store)

        with served_from_memory(self.served):
            self.tried("store", change, may_be_damaged=True)

    def tried(
        self, what: str, change: Callable[[PackStore], object], *, before: str = "update", may_be_damaged: bool = False
    ) -> None:
        """Change a copy of a store, and check what answers."""
        store = PackStore(self.material / "store")
        shutil.copytree(self.before[before], store.root, symlinks=True)
        try:
            change(store)
        except EdgeIdentifyError:
            self.counts[f"{what}: refused"] += 1
            with suppress(*([PackError] if may_be_damaged else [])):
                self.check_answering(store)
        else:
            self.counts[f"{what}: every byte is right"] += 1
            assert self.check_answering(store)
        finally:
            shutil.rmtree(store.root)

    def check_answering(self, store: PackStore) -> str:
        """Check that the pack that answers is byte by byte the one that was published; return its version."""
        version = answering(store)
        if version:
            assert files_in(store.active(PACK).folder) == self.packs[version]
        return version


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_flipped_bit_is_refused_or_changes_nothing(material: Path) -> None:
    flips = Flips(material)
    kinds: list[Callable[[], None]] = [
        lambda: flips.of_served("tuf/", "metadata"),
        lambda: flips.of_served("manifests/", "manifest"),
        lambda: flips.of_served("blobs/", "files of a first sync"),
        lambda: flips.of_served("blobs/", "files and patches of an update", "update"),
        lambda: flips.of_served("packs.json", "listing"),
        flips.of_carried_file,
        flips.of_installed,
    ]
    for number in range(FLIPS):
        kinds[number % len(kinds)]()

    for what, count in sorted(flips.counts.items()):
        sys.stdout.write(f"{count:6} {what}\n")
    sys.stdout.write(f"{flips.counts.total():6} flipped bits, none unnoticed\n")
    assert flips.counts.total() == FLIPS
