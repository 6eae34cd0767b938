"""Opening a pack of the store without hashing again the files that were not touched."""

from __future__ import annotations

from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.store.pack_store import InstalledPack
from edge_identify.edge_runtime.store.verified_files import NOTES_NAME, VerifiedFiles


def open_installed(installed: InstalledPack) -> Pack:
    """Open a pack of the store; a file that was hashed before and has not been touched is not hashed again."""
    verified = VerifiedFiles(installed.folder.parent.parent / NOTES_NAME)
    return open_pack(installed.folder, variant_names=installed.variant_names, check=verified.check)
