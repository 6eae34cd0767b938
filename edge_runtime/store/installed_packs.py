"""Opens packs by name from the store, or from a folder.

A file of the store that was hashed before and has not been touched since is not hashed again.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.store.pack_store import InstalledPack, PackStore, default_store_folder
from edge_identify.edge_runtime.store.verified_files import NOTES_NAME, VerifiedFiles


def open_installed(installed: InstalledPack) -> Pack:
    """Open a pack of the store; a file that was hashed before and has not been touched is not hashed again."""
    verified = VerifiedFiles(installed.folder.parent.parent / NOTES_NAME)
    return open_pack(installed.folder, variant_names=installed.variant_names, check=verified.check)


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
    return open_installed(store.the_only() if name is None else store.active(name))


def is_folder_path(text: str) -> bool:
    """Return whether text names a folder and not a pack of the store."""
    return "/" in text or os.sep in text or text in (".", "..")
