"""Opens a pack by its name in the store, or by its folder."""

from __future__ import annotations

import os
from pathlib import Path

from edge_identify.edge_runtime.errors import PackNotFoundError
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.store.installed_packs import InstalledPack, open_installed
from edge_identify.edge_runtime.store.pack_store import PackStore, default_store_folder


def open_named(name: str | Path | None, store_folder: Path | None) -> Pack:
    """Open a pack.

    Args:
        name: A pack's name in the store, or a pack's folder: a `Path`, or text with a slash. None for the only pack in
            the store.
        store_folder: The folder of the store; None for this platform's data folder.

    Raises:
        PackError: There is no such pack, or it is damaged.
        SetupError: The name is None and several packs are installed.
    """
    if isinstance(name, Path) or (name is not None and is_folder_path(name)):
        return open_pack(Path(name))
    store = PackStore(store_folder or default_store_folder())
    return open_installed(store.only_pack() if name is None else _installed(store, name))


def is_folder_path(text: str) -> bool:
    """Return whether text names a folder and not a pack of the store."""
    return "/" in text or os.sep in text or text in (".", "..")


def _installed(store: PackStore, name: str) -> InstalledPack:
    try:
        return store.active(name)
    except PackNotFoundError as error:
        if not Path(name).is_dir():
            raise
        raise PackNotFoundError(f"no pack {name!r} is installed; for the folder, write --pack ./{name}") from error
