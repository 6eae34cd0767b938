"""What saves transfers, made when a version is published: hashes of pieces, and updates from the last versions.

Both are blobs of the tree, named by the listing; `edge_runtime.sync` reads them. They may be deleted at any time:
devices then fetch whole files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest
from edge_identify.edge_runtime.sync.listing import MAX_UPDATE_BYTES, OfferedPack, OfferedUpdate, OfferedVersion
from edge_identify.edge_runtime.sync.piece_hashes import PIECE_BYTES, hashes_of_pieces, serialise_piece_hashes
from edge_identify.edge_runtime.sync.update_file import MAX_PATCHED_BYTES, make_patch, write_update

if TYPE_CHECKING:
    from edge_identify.sync_server.publishing.publish import PublishedTree

UPDATES_FROM = 4  # versions: devices that sync once a month, and packs that change once a week
_MOST_SHARE = 0.6  # of the whole file: a larger patch costs a device more than it saves


def with_transfer_files(
    tree: PublishedTree, pack: Path, manifest: Manifest, offered: OfferedVersion, before: OfferedPack | None
) -> OfferedVersion:
    """Write the blobs that save transfers, and return the version with their names.

    Args:
        tree: The tree, which holds the versions before.
        pack: The folder of the new version.
        manifest: Its manifest.
        offered: The new version, as it will be listed.
        before: The versions before, or None.

    Raises:
        EdgeIdentifyError: The tree refuses.
    """
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        return replace(
            offered,
            pieces=_add_pieces(tree, pack, manifest, folder),
            updates=tuple(_add_updates(tree, pack, manifest, before, folder)),
        )


def _add_pieces(tree: PublishedTree, pack: Path, manifest: Manifest, folder: Path) -> FileEntry | None:
    large = {
        entry.sha256: hashes_of_pieces(pack / entry.path)
        for entry in manifest.files.values()
        if entry.length_bytes > PIECE_BYTES
    }
    return _add_bytes(tree, serialise_piece_hashes(large), folder / "pieces") if large else None


def _add_updates(
    tree: PublishedTree, pack: Path, manifest: Manifest, before: OfferedPack | None, folder: Path
) -> Iterator[OfferedUpdate]:
    for old in () if before is None else before.versions[:UPDATES_FROM]:
        patches = dict(_patches(tree, pack, manifest, old, folder / str(old.version)))
        data = write_update(patches)
        if patches and len(data) <= MAX_UPDATE_BYTES:
            blob = _add_bytes(tree, data, folder / f"{old.version}.update")
            yield OfferedUpdate(from_version=old.version, blob=blob)


def _patches(
    tree: PublishedTree, pack: Path, manifest: Manifest, old: OfferedVersion, folder: Path
) -> Iterator[tuple[str, bytes]]:
    """Yield path and patch of every file that a patch makes smaller, the manifest first."""
    try:
        old_data = tree.manifest(old.manifest)
        old_manifest = parse_manifest(old_data)
    except PackError:
        return  # a damaged tree: devices with that version fetch whole files
    new_data = (pack / MANIFEST_NAME).read_bytes()
    yield from _worthwhile(MANIFEST_NAME, old_data, new_data)
    for entry in manifest.files.values():
        before = old_manifest.files.get(entry.path)
        if before is None or before.sha256 == entry.sha256:
            continue
        if max(before.length_bytes, entry.length_bytes) > MAX_PATCHED_BYTES:
            continue
        target = folder / entry.sha256
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            tree.lay_out(before, target)
        except PackError:
            continue
        if sha256_of_file(target) == before.sha256:
            yield from _worthwhile(entry.path, target.read_bytes(), (pack / entry.path).read_bytes())


def _worthwhile(path: str, old_data: bytes, new_data: bytes) -> Iterator[tuple[str, bytes]]:
    patch = make_patch(old_data, new_data)
    if len(patch) < _MOST_SHARE * len(new_data):
        yield path, patch


def _add_bytes(tree: PublishedTree, data: bytes, path: Path) -> FileEntry:
    path.write_bytes(data)
    entry = FileEntry(path=path.name, length_bytes=len(data), sha256=sha256_of_bytes(data))
    tree.add_blob(path, entry)
    return entry
