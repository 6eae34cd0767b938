"""Add a version of a pack to the static tree that devices download from, in a folder or a bucket.

The write order makes it safe: files, updates, manifest, page, and the listing last. A reader of the listing finds
everything that it names. A killed run leaves only files that nothing refers to.

Versions are immutable, since caches and devices keep them. Publishing the same bytes again changes nothing. Other bytes
under a published version are refused.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.io.progress import Progress, during, no_progress
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
from edge_identify.sync_server.publishing.changed_meanwhile import ChangedMeanwhileError
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.packs_page import listing_page
from edge_identify.sync_server.publishing.transfer_files import with_transfer_files

if TYPE_CHECKING:
    from edge_identify.edge_runtime.store.bounded_self_test import SelfTest

_TRIES = 20  # to extend a listing while others do; each failed try means that another publisher succeeded


class PublishedTree(Protocol):
    """Writing a published tree."""

    def check_apart(self, pack: Path) -> None:
        """Check that the tree is not inside the pack's folder.

        Raises:
            SetupError: It is.
        """

    def publishing(self) -> AbstractContextManager[None]:
        """Return a context manager to hold while publishing.

        Raises:
            SetupError: Another publish is running, or the disk is full or not writable.
        """

    def listing(self) -> Listing:
        """Return the tree's listing; an empty one if nothing was published yet.

        Raises:
            PackFormatError: The listing cannot be read by this version.
        """

    def manifest(self, manifest: FileEntry) -> bytes:
        """Return the bytes of a published manifest. One over `MAX_MANIFEST_BYTES` may be truncated.

        Raises:
            PackError: It is missing or cannot be read.
        """

    def lay_out(self, entry: FileEntry, target: Path) -> None:
        """Write a published file to `target`, which does not exist yet. Its content may have to be checked.

        Raises:
            PackError: The file is missing, damaged or cannot be read.
        """

    def add_blob(self, source: Path, entry: FileEntry) -> bool:
        """Write a file under its hash; return False if the tree has it already.

        Raises:
            PackDamagedError: The file was changed after it was verified.
        """

    def add_manifest(self, manifest: FileEntry, data: bytes, *, is_listed: bool) -> None:
        """Write a version's manifest.

        Args:
            manifest: Its path, length and hash.
            data: Its bytes.
            is_listed: Whether the listing already has this version with these bytes. A different manifest in the tree
                is then damaged, and is replaced.

        Raises:
            ChangedMeanwhileError: Another publisher has written a different manifest.
        """

    def write_page(self, data: bytes) -> None:
        """Replace the HTML page."""

    def write_listing(self, data: bytes) -> None:
        """Replace the listing that `listing` returned last.

        Raises:
            ChangedMeanwhileError: Another publisher has replaced it.
        """


class Signing(Protocol):
    """Signs what is published. `signing.tree_signing.TreeSigning` implements it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root that devices pin, for the page."""

    def check(self, pack: str) -> None:
        """Check that a pack can be signed; nothing is written.

        Raises:
            SetupError: The key is missing or does not open.
        """

    def sign(self, pack: str, offered: OfferedVersion, manifest: bytes) -> None:
        """Sign a version as the newest of its pack.

        Raises:
            SetupError: A key is missing, or others keep changing the metadata.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """The result of publishing a pack.

    Attributes:
        name: Name of the pack.
        version: Its version.
        is_new: False if this version was published before.
        copied_files: Number of files that were missing or damaged in the tree.
        copied_bytes: Their total length.
        reused_files: Number of files that the tree had already.
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


def publish_into(
    pack: Path,
    tree: PublishedTree,
    *,
    now_utc: datetime,
    progress: Progress = no_progress,
    self_test: SelfTest | None = None,
    signing: Signing | None = None,
) -> PublishReport:
    """Add a pack's version to a published tree.

    Args:
        pack: The pack's folder.
        tree: The tree; made if necessary.
        now_utc: The publishing time, with a time zone.
        progress: Shows the progress over the files.
        self_test: Tests the pack before anything is written. None: the caller knows that it works.
        signing: Signs the version; None for an unsigned tree.

    Raises:
        EdgeIdentifyError: `self_test` raised it. The tree is unchanged.
        PackNotFoundError: The folder contains no pack.
        PackDamagedError: A file of the pack differs from its manifest.
        PackFormatError: The manifest, or the tree's listing, cannot be read by this version.
        SetupError: The tree is inside the pack, the version or a newer one is published with other bytes, another
            publish is running, or the disk or the bucket is full or refuses.
        NetworkError: The bucket cannot be reached.
    """
    manifest_bytes = _manifest_bytes(pack)
    tree.check_apart(pack)
    manifest = parse_manifest(manifest_bytes, where=str(pack / MANIFEST_NAME))
    if signing is not None:
        signing.check(manifest.name)  # asks for passphrases before the long steps
    during(progress, "checking files", lambda: verify_pack_files(pack, manifest))
    if self_test is not None:
        during(progress, "testing the pack", partial(self_test, pack, manifest, manifest.variant_names()))
    offered = _offered(manifest, manifest_bytes, now_utc)
    with tree.publishing():
        # Check before any write.
        before = _listing_to_extend(tree).packs.get(manifest.name)
        is_listed = not _is_new(before, manifest.name, offered)
        copied = [
            entry for entry in progress("publishing", _contents(manifest)) if tree.add_blob(pack / entry.path, entry)
        ]
        if not is_listed:
            offered = during(
                progress,
                "computing updates",
                partial(with_transfer_files, tree, pack, manifest, offered, before),
            )
        _add_manifest(tree, manifest.name, offered, manifest_bytes, is_listed=is_listed)
        if signing is not None:
            signing.sign(manifest.name, _as_listed(tree, manifest.name, offered), manifest_bytes)
        is_new = _list(tree, manifest, offered, signing)
    return PublishReport(
        name=manifest.name,
        version=str(manifest.version),
        is_new=is_new,
        copied_files=len(copied),
        copied_bytes=sum(entry.length_bytes for entry in copied),
        reused_files=len(_contents(manifest)) - len(copied),
    )


def _add_manifest(tree: PublishedTree, name: str, offered: OfferedVersion, data: bytes, *, is_listed: bool) -> None:
    """Write a version's manifest. Another publisher's manifest stays: it may be listed at any moment."""
    try:
        tree.add_manifest(offered.manifest, data, is_listed=is_listed)
    except ChangedMeanwhileError as error:
        _is_new(_listing_to_extend(tree).packs.get(name), name, offered)  # raises if the version is listed by now
        raise SetupError(
            f"{offered.manifest.path}: another publish of {name} {offered.version} has written other content; build "
            "with a higher --version, or, if that publish was interrupted, publish that build again"
        ) from error


def _as_listed(tree: PublishedTree, name: str, offered: OfferedVersion) -> OfferedVersion:
    """Return the version as the listing has it, with the time when it was published first."""
    pack = tree.listing().packs.get(name)
    versions = () if pack is None else pack.versions
    return next((known for known in versions if known.version == offered.version), offered)


def _list(tree: PublishedTree, manifest: Manifest, offered: OfferedVersion, signing: Signing | None) -> bool:
    """Add a version to the listing; return False if the listing has it already."""
    for _ in range(_TRIES):
        listing = _listing_to_extend(tree)
        is_new = _is_new(listing.packs.get(manifest.name), manifest.name, offered)
        if is_new:
            listing = with_version(listing, manifest.name, manifest.title, offered)
        tree.write_page(listing_page(listing, fingerprint_of(signing)))  # always: the page may be missing or damaged
        if not is_new:
            return False
        try:
            tree.write_listing(serialise_listing(listing))
        except ChangedMeanwhileError:
            continue
        return True
    raise SetupError(f"{manifest.name} {offered.version}: others keep changing the listing; try again later")


def fingerprint_of(signing: Signing | None) -> str | None:
    """Return the fingerprint of a signed tree's root; None for an unsigned tree."""
    return None if signing is None else signing.fingerprint


def _listing_to_extend(tree: PublishedTree) -> Listing:
    """Return the listing. If it is damaged, the error says how to continue."""
    try:
        return tree.listing()
    except NewerListingError:
        raise  # the listing is not damaged
    except PackFormatError as error:
        raise PackFormatError(
            f"{error}; restore it from a copy, or delete it and publish each version again, oldest first"
        ) from error


def _manifest_bytes(pack: Path) -> bytes:
    """Read the manifest once, so that the checked bytes are the published bytes."""
    path = pack / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            return file.read(MAX_MANIFEST_BYTES + 1)  # one more: the parser refuses what is longer
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PackNotFoundError(f"{pack}: contains no pack (no {MANIFEST_NAME}); give the folder of a pack") from error
    except OSError as error:
        raise PackDamagedError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


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
    """Return whether the listing lacks this version; raise `SetupError` if it must not be added."""
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
    """Return one entry for each hash: files with equal bytes share a blob."""
    return tuple({entry.sha256: entry for entry in manifest.files.values()}.values())
