"""Copy what a published folder offers into another folder, for a static host, a stick or a bucket's own tools.

Files that change come last: a host that serves the copy meanwhile names nothing that is missing. Nothing is deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained, link_or_copy
from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, PAGE_NAME, blob_path
from edge_identify.edge_runtime.sync.trust.metadata_layout import METADATA_FILE, METADATA_FOLDER, TIMESTAMP_NAME
from edge_identify.sync_server.publishing.folder_tree import FolderTree

_HASH = re.compile(rb'"([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        copied_files: Number of new files.
        reused_files: Number of files that were there already.
    """

    copied_files: int
    reused_files: int


def export_tree(repo: Path, out: Path) -> ExportReport:
    """Copy the listed versions, their files, the metadata and the page.

    Args:
        repo: The published folder.
        out: The other folder; made if necessary.

    Raises:
        PackNotFoundError: Nothing is published in `repo`.
        PackDamagedError: A listed file is missing.
        SetupError: The disk is full or refuses, or one folder is inside the other.
    """
    if not (repo / LISTING_NAME).is_file():
        raise PackNotFoundError(f"{repo}: nothing is published there; run `edge-serve publish`")
    if out.resolve().is_relative_to(repo.resolve()) or repo.resolve().is_relative_to(out.resolve()):
        raise SetupError(f"{out}: is inside {repo}, or around it; choose another --out")
    tree = FolderTree(repo)
    with disk_errors_explained(out), tree.publishing():
        out.mkdir(parents=True, exist_ok=True)
        unchanging = [*_blobs_and_manifests(tree, repo), *_metadata(repo)]
        copied = [path for path in unchanging if _place(repo / path, out / path)]
        for path in (f"{METADATA_FOLDER}/{TIMESTAMP_NAME}", PAGE_NAME, LISTING_NAME):
            if (repo / path).is_file():
                write_bytes(out / path, (repo / path).read_bytes())
    return ExportReport(copied_files=len(copied), reused_files=len(unchanging) - len(copied))


def _blobs_and_manifests(tree: FolderTree, repo: Path) -> list[str]:
    """Return the paths of the listed manifests, and of every blob that they or the listing name."""
    manifests = [version.manifest for pack in tree.listing().packs.values() for version in pack.versions]
    texts = [(repo / LISTING_NAME).read_bytes(), *(tree.manifest(manifest) for manifest in manifests)]
    named = {found.decode() for text in texts for found in _HASH.findall(text)}
    blobs = sorted(path for path in map(blob_path, named) if (repo / path).is_file())
    return [*blobs, *(manifest.path for manifest in manifests)]


def _metadata(repo: Path) -> list[str]:
    names = sorted(path.name for path in (repo / METADATA_FOLDER).glob("*.json"))
    return [f"{METADATA_FOLDER}/{name}" for name in names if METADATA_FILE.fullmatch(name) and name != TIMESTAMP_NAME]


def _place(source: Path, target: Path) -> bool:
    """Put a file that never changes into place; return False if it is there."""
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        return False
    target.unlink(missing_ok=True)
    try:
        link_or_copy(source, target)
    except FileNotFoundError as error:
        raise PackDamagedError(f"{source}: is missing; publish the pack again") from error
    return True
