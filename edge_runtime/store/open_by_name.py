"""Opens a pack by its name in the store, or by its folder, or all packs that a question without a name asks."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from edge_identify.edge_runtime.errors import PackError, PackNotFoundError
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.store.default_pack import missing_default, read_default_pack
from edge_identify.edge_runtime.store.installed_packs import TAUGHT_FOLDER_NAME, InstalledPack, open_installed
from edge_identify.edge_runtime.store.pack_store import PackStore, default_store_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPacks:
    """The packs that a question asks.

    Attributes:
        packs: In the order of their names, at least one.
        damaged: Packs that cannot be opened, and why, by name; the others answer.
    """

    packs: tuple[Pack, ...]
    damaged: tuple[tuple[str, PackError], ...] = ()

    @property
    def are_several(self) -> bool:
        """Whether several packs were to answer, so that an answer must name its own."""
        return len(self.packs) + len(self.damaged) > 1


def open_asked(name: str | Path | None, store_folder: Path | None) -> AskedPacks:
    """Open the pack of a name, or those that are asked without one: the default pack, or else all packs in the store.

    Args:
        name: As for `open_named`.
        store_folder: The folder of the store; None for this platform's data folder.

    Raises:
        PackError: There is no such pack, or no pack at all, or none can be opened.
        SetupError: The store is a file, or the record of its default pack is damaged.
    """
    if name is not None:
        return AskedPacks(packs=(open_named(name, store_folder),))
    store = PackStore(store_folder or default_store_folder())
    if read_default_pack(store.root) is not None or len(store.names()) < 2:
        return AskedPacks(packs=(open_named(None, store_folder),))
    packs: list[Pack] = []
    damaged: list[tuple[str, PackError]] = []
    for one in store.names():
        try:
            packs.append(_with_taught(store.active(one)))
        except PackError as error:
            damaged.append((one, error))
    if not packs:
        raise PackError("; ".join(str(error) for _, error in damaged))
    return AskedPacks(packs=tuple(packs), damaged=tuple(damaged))


def open_named(name: str | Path | None, store_folder: Path | None) -> Pack:
    """Open one pack.

    Args:
        name: A pack's name in the store, or a pack's folder: a `Path`, or text with a slash. None for the default pack
            of the store, or the only pack in it.
        store_folder: The folder of the store; None for this platform's data folder.

    Raises:
        PackError: There is no such pack, or it is damaged.
        SetupError: The name is None, several packs are installed, and none is the default.
    """
    if isinstance(name, Path) or (name is not None and is_folder_path(name)):
        folder = Path(name).absolute()
        return replace(open_pack(Path(name)), taught_folder=folder.with_name(f"{folder.name}.{TAUGHT_FOLDER_NAME}"))
    store = PackStore(store_folder or default_store_folder())
    return _with_taught(_unnamed(store) if name is None else _installed(store, name))


def _with_taught(installed: InstalledPack) -> Pack:
    """Open an installed pack with what a person taught beside it."""
    home = installed.folder.parent.parent
    return replace(open_installed(installed), taught_folder=home / TAUGHT_FOLDER_NAME)


def is_folder_path(text: str) -> bool:
    """Return whether text names a folder and not a pack of the store."""
    return "/" in text or os.sep in text or text in (".", "..")


def _unnamed(store: PackStore) -> InstalledPack:
    name = read_default_pack(store.root)
    if name is None:
        return store.only_pack()
    if name not in store.names():
        raise missing_default(name, store.root)
    return store.active(name)


def _installed(store: PackStore, name: str) -> InstalledPack:
    try:
        return store.active(name)
    except PackNotFoundError as error:
        if not Path(name).is_dir():
            raise
        raise PackNotFoundError(f"no pack {name!r} is installed; for the folder, write --pack ./{name}") from error
