"""The steps of a sync that save transfers: the update file, its patches, and the hashes of pieces.

Each is optional. If one cannot be had, or gives wrong bytes, the sync fetches whole files instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from edge_identify.edge_runtime.errors import NetworkError, PackError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.store.arrived_files import ArrivedFiles
from edge_identify.edge_runtime.store.installed_packs import InstalledPack, has_intact_manifest
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.http_download import PackServer
from edge_identify.edge_runtime.sync.listing import OfferedVersion, blob_path
from edge_identify.edge_runtime.sync.piece_hashes import PIECE_BYTES, PieceHashes, parse_piece_hashes
from edge_identify.edge_runtime.sync.sync_plan import SPARE_BYTES
from edge_identify.edge_runtime.sync.update_file import UpdateFile, applied, open_update, patch_file


def update_blobs(offered: OfferedVersion, installed: InstalledPack | None) -> tuple[FileEntry, ...]:
    """Return the update file from the installed version to the offered one; empty if there is none."""
    blob = None if installed is None else offered.update_from(installed.version)
    return () if blob is None else (blob,)


def fetch_update(
    server: PackServer, store: PackStore, offered: OfferedVersion, installed: InstalledPack | None
) -> UpdateFile | None:
    """Fetch the update file from the installed version to the offered one; None if there is none that helps.

    A download of it that was ended goes on.
    """
    for blob in update_blobs(offered, installed):
        if installed is None or not has_intact_manifest(installed):
            return None
        if store.free_bytes() < blob.length_bytes + SPARE_BYTES:
            return None
        arrived = store.arrived(installed.name)
        arrived.create()
        with suppress(NetworkError, PackError):
            server.fetch_blob(blob, arrived.path(blob), lambda _: None)
            return open_update(arrived.path(blob))
    return None


def known_manifest(expected: FileEntry, installed: InstalledPack | None, update: UpdateFile | None) -> bytes | None:
    """Return the bytes of a manifest that can be had without a request; None if they must be fetched."""
    if installed is None or not has_intact_manifest(installed):
        return None
    old = (installed.folder / MANIFEST_NAME).read_bytes()
    if installed.manifest_sha256 == expected.sha256:
        return old
    patch = None if update is None else update.patches.get(MANIFEST_NAME)
    if update is None or patch is None:
        return None
    with suppress(PackError):
        new = b"".join(applied(update.bytes_of(patch), old, expected.length_bytes))
        return new if sha256_of_bytes(new) == expected.sha256 else None
    return None


def patch_files(
    update: UpdateFile | None, installed: InstalledPack | None, wanted: Iterable[FileEntry], arrived: ArrivedFiles
) -> frozenset[FileEntry]:
    """Make files of the new version from those of the installed one.

    Args:
        update: The update file, or None.
        installed: The installed version, or None.
        wanted: The files that the new version needs.
        arrived: Where the files are put.

    Returns:
        The files that were made. The others must be fetched.

    Raises:
        OSError: The disk is full or refuses.
    """
    if update is None or installed is None:
        return frozenset()
    old_files = _files_of(installed)
    made = set()
    for entry in wanted:
        old = old_files.get(entry.path)
        if old is None or entry.path not in update.patches or arrived.path(entry).exists():
            continue
        with suppress(PackError, FileNotFoundError):
            patch_file(update, installed.folder / old.path, old.sha256, entry, arrived.path(entry))
            made.add(entry)
    return frozenset(made)


def fetch_pieces(
    server: PackServer, offered: OfferedVersion, wanted: Iterable[FileEntry], patched: frozenset[FileEntry]
) -> PieceHashes:
    """Fetch the hashes of pieces of the large files that will be fetched; empty if there are none."""
    large = [entry for entry in wanted if entry.length_bytes > PIECE_BYTES and entry not in patched]
    blob = offered.pieces
    if not large or blob is None:
        return {}
    with suppress(NetworkError, PackError):
        data = server.fetch_document(blob_path(blob.sha256), max_bytes=blob.length_bytes)
        if sha256_of_bytes(data) == blob.sha256:
            return parse_piece_hashes(data, large)
    return {}


def _files_of(installed: InstalledPack) -> Mapping[str, FileEntry]:
    try:
        return read_manifest(installed.folder).files
    except PackError:
        return {}
