"""A published tree in a folder, for `edge-serve run` and any static host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained, link_or_copy
from edge_identify.edge_runtime.io.durable_writes import replacing, sha256_of_file, write_bytes
from edge_identify.edge_runtime.io.locking import only_writer
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES
from edge_identify.edge_runtime.sync.listing import (
    EMPTY_LISTING,
    LISTING_NAME,
    MAX_LISTING_BYTES,
    PAGE_NAME,
    Listing,
    blob_path,
    parse_listing,
)
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    MAX_TARGETS_BYTES,
    METADATA_FOLDER,
    TIMESTAMP_NAME,
    metadata_path,
)
from edge_identify.sync_server.publishing.changed_meanwhile import ChangedMeanwhileError

_LOCK_NAME = ".publishing"
# Temporary names of `durable_writes.replacing`: a dot, the name, eight random characters, `.part`.
_LEFTOVER_IN = {
    ".": re.compile(rf"\.({re.escape(LISTING_NAME)}|{re.escape(PAGE_NAME)})\.[a-z0-9_]{{8}}\.part"),
    "manifests/*": re.compile(r"\.[0-9]+\.[0-9]+\.[0-9]+\.json\.[a-z0-9_]{8}\.part"),
    METADATA_FOLDER: re.compile(r"\.[a-z0-9.-]+\.json\.[a-z0-9_]{8}\.part"),
    "blobs/sha256/*": re.compile(r"\.[0-9a-f]{64}\.[a-z0-9_]{8}\.part"),
}
_CHUNK_BYTES = 1 << 20  # as in `durable_writes`: large enough that SHA-256 takes most of the time


class FolderTree:
    """A published tree in a folder. Implements `PublishedTree` and `ReadableTree`."""

    def __init__(self, repo: Path) -> None:
        """Take a folder. `publishing` makes it if necessary."""
        self._repo = repo

    def check_apart(self, pack: Path) -> None:
        """See `PublishedTree.check_apart`."""
        if self._repo.resolve().is_relative_to(pack.resolve()):
            raise SetupError(f"{self._repo}: is inside the pack {pack}; choose a --repo outside of it")

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """See `PublishedTree.publishing`. Removes the temporary files of a killed publish."""
        busy = f"{self._repo}: another publish is running; try again when it has ended"
        with disk_errors_explained(self._repo):
            self._repo.mkdir(parents=True, exist_ok=True)
            with only_writer(self._repo / _LOCK_NAME, busy=busy):
                self._remove_leftovers()
                yield

    def listing(self) -> Listing:
        """See `PublishedTree.listing`."""
        return read_listing(self._repo)

    def published(self) -> Listing:
        """See `ReadableTree.published`. `edge-serve run` refuses a folder without a listing."""
        return self.listing()

    def manifest(self, manifest: FileEntry) -> bytes:
        """See `ReadableTree.manifest`."""
        path = self._repo / manifest.path
        try:
            with path.open("rb") as file:
                return file.read(MAX_MANIFEST_BYTES + 1)  # one more: the parser refuses what is longer
        except OSError as error:
            raise PackDamagedError(f"{path}: cannot be read ({error.strerror}); publish the pack again") from error

    def lay_out(self, entry: FileEntry, target: Path) -> None:
        """See `ReadableTree.lay_out`. Makes a link if the file system supports it, else a copy."""
        try:
            link_or_copy(self._repo / blob_path(entry.sha256), target)
        except OSError as error:
            raise PackDamagedError(
                f"{error.filename or target}: cannot be read ({error.strerror}); publish the pack again"
            ) from error

    def add_blob(self, source: Path, entry: FileEntry) -> bool:
        """See `PublishedTree.add_blob`. Replaces a damaged blob."""
        target = self._repo / blob_path(entry.sha256)
        # Check the hash too: publishing again is the only way to repair a blob.
        if target.is_file() and target.stat().st_size == entry.length_bytes and sha256_of_file(target) == entry.sha256:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with source.open("rb") as original, replacing(target) as copy:
            while chunk := original.read(_CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
            if digest.hexdigest() != entry.sha256:  # it was verified before copying
                raise PackDamagedError(f"{source}: was changed while it was published; build the pack again")
        return True

    def add_manifest(self, manifest: FileEntry, data: bytes, *, is_listed: bool) -> None:  # noqa: ARG002
        """See `PublishedTree.add_manifest`. The lock excludes other publishers, so any other content is replaced."""
        target = self._repo / manifest.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_bytes() != data:
            write_bytes(target, data)

    def write_page(self, data: bytes) -> None:
        """See `PublishedTree.write_page`."""
        write_bytes(self._repo / PAGE_NAME, data)

    def write_listing(self, data: bytes) -> None:
        """See `PublishedTree.write_listing`. The lock excludes other publishers."""
        write_bytes(self._repo / LISTING_NAME, data)

    def read_metadata(self, name: str) -> bytes | None:
        """See `MetadataFiles.read_metadata`."""
        try:
            with (self._repo / metadata_path(name)).open("rb") as file:
                return file.read(MAX_TARGETS_BYTES + 1)
        except FileNotFoundError:
            return None

    def create_metadata(self, name: str, data: bytes) -> None:
        """See `MetadataFiles.create_metadata`. The lock of `publishing` excludes others."""
        path = self._repo / metadata_path(name)
        if path.exists():
            raise ChangedMeanwhileError(str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data)

    def replace_timestamp(self, data: bytes) -> None:
        """See `MetadataFiles.replace_timestamp`. The lock of `publishing` excludes others."""
        write_bytes(self._repo / metadata_path(TIMESTAMP_NAME), data)

    def _remove_leftovers(self) -> None:
        """Delete the temporary files of a killed publish. The lock ensures that no publish is running.

        Other programs may use the same suffix, so this deletes only our own names in our own folders.
        """
        for pattern, leftover in _LEFTOVER_IN.items():
            for folder in (self._repo,) if pattern == "." else self._repo.glob(pattern):
                for part in folder.glob(".*.part"):
                    if leftover.fullmatch(part.name) and part.is_file() and not part.is_symlink():
                        part.unlink()


def read_listing(repo: Path) -> Listing:
    """Return the listing of a tree in a folder; an empty listing if there is no file.

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
