"""From a pack's folder to the static tree that devices fetch from.

The order is the safety: files first, then the manifest, then the page, and the listing last. Whoever reads
the listing finds everything it speaks of, and a run that is killed leaves only files that nobody refers to
yet.

A version is published once. The same bytes again change nothing; other bytes under the same number are
refused, since caches and devices keep what they have seen for ever.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge_identify.edge_runtime.disk import disk_errors_explained
from edge_identify.edge_runtime.durable import replacing, sha256_of_bytes, sha256_of_file, write_bytes
from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.listing import (
    EMPTY_LISTING,
    LISTING_NAME,
    MAX_LISTING_BYTES,
    PAGE_NAME,
    Listing,
    NewerListingError,
    OfferedPack,
    OfferedVersion,
    blob_path,
    manifest_path,
    parse_listing,
    serialise_listing,
    with_version,
)
from edge_identify.edge_runtime.locking import only_writer
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES, parse_manifest
from edge_identify.edge_runtime.pack.reader import verify_pack_files
from edge_identify.sync_server.page import listing_page

_LOCK_NAME = ".publishing"
# What `durable.replacing` puts around a name: a dot before it, eight random characters and an ending after it.
_LEFTOVER_IN = {
    ".": re.compile(rf"\.({re.escape(LISTING_NAME)}|{re.escape(PAGE_NAME)})\.[a-z0-9_]{{8}}\.part"),
    "manifests/*": re.compile(r"\.[0-9]+\.[0-9]+\.[0-9]+\.json\.[a-z0-9_]{8}\.part"),
    "blobs/sha256/*": re.compile(r"\.[0-9a-f]{64}\.[a-z0-9_]{8}\.part"),
}
_CHUNK_BYTES = 1 << 20  # as in `durable`: Python's overhead vanishes beside SHA-256


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
    """Add a pack's version to a published tree.

    Args:
        pack: The pack's folder.
        repo: The tree; made if it is not there.
        now_utc: The time to note, with a time zone.

    Raises:
        PackNotFoundError: No pack is in that folder.
        PackDamagedError: A file of the pack differs from its manifest.
        PackFormatError: The manifest, or the tree's listing, cannot be read by this version.
        SetupError: The tree would lie inside the pack, the version was published with other bytes, a newer one is
            published, another publish is running, or the disk is full or refuses.
    """
    manifest_bytes = _manifest_bytes(pack)
    _check_apart(pack, repo)
    manifest = parse_manifest(manifest_bytes, where=str(pack / MANIFEST_NAME))
    verify_pack_files(pack, manifest)
    with disk_errors_explained(repo):
        offered = _offered(manifest, manifest_bytes, now_utc)
        repo.mkdir(parents=True, exist_ok=True)
        with only_writer(repo / _LOCK_NAME, busy=f"{repo}: another publish is running; try again when it has ended"):
            listing = _listing_to_extend(repo)
            is_new = _is_new(listing.packs.get(manifest.name), manifest.name, offered)
            _remove_leftovers(repo)
            copied = [entry for entry in _contents(manifest) if _copy_blob(pack, repo, entry)]
            _write_manifest(repo, offered.manifest, manifest_bytes)
            if is_new:
                listing = with_version(listing, manifest.name, manifest.title, offered)
            write_bytes(repo / PAGE_NAME, listing_page(listing))  # always: it may be missing or damaged
            if is_new:
                write_bytes(repo / LISTING_NAME, serialise_listing(listing))
    return PublishReport(
        name=manifest.name,
        version=str(manifest.version),
        is_new=is_new,
        copied_files=len(copied),
        copied_bytes=sum(entry.length_bytes for entry in copied),
        reused_files=len(_contents(manifest)) - len(copied),
    )


def read_listing(repo: Path) -> Listing:
    """Return what a tree offers; an empty listing where nothing was published yet.

    Raises:
        PackFormatError: The listing cannot be read by this version.
    """
    path = repo / LISTING_NAME
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LISTING_BYTES + 1)  # one more: the parser refuses what is longer
    except FileNotFoundError:
        return EMPTY_LISTING
    return parse_listing(data, where=str(path))


def _listing_to_extend(repo: Path) -> Listing:
    """Return what the tree offers, or say how to go on without a listing that is damaged."""
    try:
        return read_listing(repo)
    except NewerListingError:
        raise  # nothing is wrong with it
    except PackFormatError as error:
        raise PackFormatError(
            f"{error}; restore it from a copy, or delete it and publish each version again, oldest first"
        ) from error


def _check_apart(pack: Path, repo: Path) -> None:
    """Raise `SetupError` for a tree inside the pack: it would become part of what is published."""
    if repo.resolve().is_relative_to(pack.resolve()):
        raise SetupError(f"{repo}: lies inside the pack {pack}; choose a --repo outside of it")


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


def _copy_blob(pack: Path, repo: Path, entry: FileEntry) -> bool:
    """Copy a file to where its hash says; return False if it is there already, and whole."""
    target = repo / blob_path(entry.sha256)
    # The hash too, not only the length: to publish again is the one way to repair a blob.
    if target.is_file() and target.stat().st_size == entry.length_bytes and sha256_of_file(target) == entry.sha256:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with (pack / entry.path).open("rb") as source, replacing(target) as copy:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            copy.write(chunk)
        if digest.hexdigest() != entry.sha256:  # it was whole when it was verified a moment ago
            raise PackDamagedError(f"{pack / entry.path}: was changed while it was published; build the pack again")
    return True


def _write_manifest(repo: Path, manifest: FileEntry, data: bytes) -> None:
    target = repo / manifest.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_file() or target.read_bytes() != data:
        write_bytes(target, data)


def _remove_leftovers(repo: Path) -> None:
    """Delete the temporary files of a publish that was killed; the lock makes sure that none is running.

    Other files may lie in the tree, and other programs use the same ending: only our own names go, where we write.
    """
    for pattern, leftover in _LEFTOVER_IN.items():
        for folder in (repo,) if pattern == "." else repo.glob(pattern):
            for part in folder.glob(".*.part"):
                if leftover.fullmatch(part.name) and part.is_file() and not part.is_symlink():
                    part.unlink()
