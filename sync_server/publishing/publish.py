"""From a pack's folder to the static tree that devices fetch from, in a folder or in a bucket.

The order is the safety: files first, then the manifest, then the page, and the listing last. Whoever reads
the listing finds everything it speaks of, and a run that is killed leaves only files that nobody refers to
yet.

A version is published once. The same bytes again change nothing; other bytes under the same number are
refused, since caches and devices keep what they have seen for ever.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES, parse_manifest
from edge_identify.edge_runtime.pack.pack_reader import verify_pack_files
from edge_identify.edge_runtime.sync.listing import (
    Listing,
    NewerListingError,
    OfferedPack,
    OfferedVersion,
    manifest_path,
    serialise_listing,
    with_version,
)
from edge_identify.sync_server.publishing.bucket_objects import ChangedMeanwhileError
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.packs_page import listing_page

_TRIES = 20  # to extend a listing that others extend at the same time; each try that fails is another's that did not


class PublishedTree(Protocol):
    """Where packs are published."""

    def check_apart(self, pack: Path) -> None:
        """Refuse a pack that the tree lies in.

        Raises:
            SetupError: It would become part of what is published.
        """

    def publishing(self) -> AbstractContextManager[None]:
        """Return what is held while something is published.

        Raises:
            SetupError: Another publish is running, the disk or the bucket refuses, or is full.
        """

    def listing(self) -> Listing:
        """Return what the tree offers; an empty listing where nothing was published yet.

        Raises:
            PackFormatError: The listing cannot be read by this version.
        """

    def add_blob(self, source: Path, entry: FileEntry) -> bool:
        """Put a file where its hash says; return False if it is there already.

        Raises:
            PackDamagedError: The file was changed since it was verified.
        """

    def add_manifest(self, manifest: FileEntry, data: bytes, *, is_listed: bool) -> None:
        """Put a version's manifest there.

        Args:
            manifest: Where it goes.
            data: Its bytes.
            is_listed: Whether the tree lists this version with these bytes: what differs from them is then damaged,
                and replaced.

        Raises:
            ChangedMeanwhileError: Somebody else has put another one there.
        """

    def write_page(self, data: bytes) -> None:
        """Replace the page for people."""

    def write_listing(self, data: bytes) -> None:
        """Replace the listing that `listing` returned last.

        Raises:
            ChangedMeanwhileError: Somebody else has.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What publishing a pack did.

    Attributes:
        name: The pack's name.
        version: Its version.
        is_new: False if this very version was published before.
        copied_files: Files that the tree did not have yet, or had damaged.
        copied_bytes: Their length together.
        reused_files: Files that an earlier version, or another pack, had brought.
    """

    name: str
    version: str
    is_new: bool
    copied_files: int
    copied_bytes: int
    reused_files: int


def publish(pack: Path, repo: Path, *, now_utc: datetime) -> PublishReport:
    """Add a pack's version to a tree in a folder; see `publish_into`."""
    return publish_into(pack, FolderTree(repo), now_utc=now_utc)


def publish_into(pack: Path, tree: PublishedTree, *, now_utc: datetime) -> PublishReport:
    """Add a pack's version to a published tree.

    Args:
        pack: The pack's folder.
        tree: Where to; made if it is not there.
        now_utc: The time to note, with a time zone.

    Raises:
        PackNotFoundError: No pack is in that folder.
        PackDamagedError: A file of the pack differs from its manifest.
        PackFormatError: The manifest, or the tree's listing, cannot be read by this version.
        SetupError: The tree would lie inside the pack, the version was published with other bytes, a newer one is
            published, another publish is running, or the disk or the bucket is full or refuses.
        NetworkError: The bucket cannot be reached.
    """
    manifest_bytes = _manifest_bytes(pack)
    tree.check_apart(pack)
    manifest = parse_manifest(manifest_bytes, where=str(pack / MANIFEST_NAME))
    verify_pack_files(pack, manifest)
    offered = _offered(manifest, manifest_bytes, now_utc)
    with tree.publishing():
        is_listed = not _is_new(_listing_to_extend(tree).packs.get(manifest.name), manifest.name, offered)  # first
        copied = [entry for entry in _contents(manifest) if tree.add_blob(pack / entry.path, entry)]
        _add_manifest(tree, manifest.name, offered, manifest_bytes, is_listed=is_listed)
        is_new = _list(tree, manifest, offered)
    return PublishReport(
        name=manifest.name,
        version=str(manifest.version),
        is_new=is_new,
        copied_files=len(copied),
        copied_bytes=sum(entry.length_bytes for entry in copied),
        reused_files=len(_contents(manifest)) - len(copied),
    )


def _add_manifest(tree: PublishedTree, name: str, offered: OfferedVersion, data: bytes, *, is_listed: bool) -> None:
    """Put a version's manifest there, and leave another's as it is: it may be listed at any moment."""
    try:
        tree.add_manifest(offered.manifest, data, is_listed=is_listed)
    except ChangedMeanwhileError as error:
        _is_new(_listing_to_extend(tree).packs.get(name), name, offered)  # says so if it is listed by now
        raise SetupError(
            f"{offered.manifest.path}: another publish of {name} {offered.version} has put other content there; build "
            "with a higher --version, or publish that other build again if its publish was cut off"
        ) from error


def _list(tree: PublishedTree, manifest: Manifest, offered: OfferedVersion) -> bool:
    """Add a version to the listing; return False if it is there already."""
    for _ in range(_TRIES):
        listing = _listing_to_extend(tree)
        is_new = _is_new(listing.packs.get(manifest.name), manifest.name, offered)
        if is_new:
            listing = with_version(listing, manifest.name, manifest.title, offered)
        tree.write_page(listing_page(listing))  # always: it may be missing or damaged
        if not is_new:
            return False
        try:
            tree.write_listing(serialise_listing(listing))
        except ChangedMeanwhileError:
            continue
        return True
    raise SetupError(f"{manifest.name} {offered.version}: others publish all the time; try again in a while")


def _listing_to_extend(tree: PublishedTree) -> Listing:
    """Return what the tree offers, or say how to go on without a listing that is damaged."""
    try:
        return tree.listing()
    except NewerListingError:
        raise  # nothing is wrong with it
    except PackFormatError as error:
        raise PackFormatError(
            f"{error}; restore it from a copy, or delete it and publish each version again, oldest first"
        ) from error


def _manifest_bytes(pack: Path) -> bytes:
    """Read the manifest, once: the bytes that are checked are the bytes that are published."""
    path = pack / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            return file.read(MAX_MANIFEST_BYTES + 1)  # one more: the parser refuses what is longer
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PackNotFoundError(f"{pack}: no pack is there (no {MANIFEST_NAME}); give the folder of a pack") from error
    except OSError as error:
        raise PackDamagedError(f"{path}: cannot be read ({error.strerror}); check who may read it") from error


def _offered(manifest: Manifest, manifest_bytes: bytes, now_utc: datetime) -> OfferedVersion:
    return OfferedVersion(
        version=manifest.version,
        manifest=FileEntry(
            path=manifest_path(manifest.name, manifest.version),
            length_bytes=len(manifest_bytes),
            sha256=sha256_of_bytes(manifest_bytes),
        ),
        size_bytes=manifest.size_bytes(),
        published_utc=now_utc.replace(microsecond=0),
    )


def _is_new(pack: OfferedPack | None, name: str, offered: OfferedVersion) -> bool:
    """Return whether this version is still to be listed; raise `SetupError` if it may not be."""
    if pack is None:
        return True
    for published in pack.versions:
        if published.version == offered.version:
            if published.manifest.sha256 == offered.manifest.sha256:
                return False
            raise SetupError(
                f"{name} {offered.version} is published with other content; versions are immutable: build "
                f"with --version {_next_after(pack)}"
            )
    if offered.version < pack.newest.version:
        raise SetupError(
            f"{name} {offered.version} is older than {pack.newest.version}, which is published; build with "
            f"--version {_next_after(pack)}"
        )
    return True


def _next_after(pack: OfferedPack) -> str:
    newest = pack.newest.version
    return f"{newest.major}.{newest.minor + 1}.0"


def _contents(manifest: Manifest) -> tuple[FileEntry, ...]:
    """Return one file for each content: two files with the same bytes are one blob."""
    return tuple({entry.sha256: entry for entry in manifest.files.values()}.values())
