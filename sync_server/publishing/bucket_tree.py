"""A published tree in a bucket, which serves devices directly or through a CDN.

Object writes are atomic. The listing is replaced only if it is still the one that was read, so two publishers cannot
overwrite each other. A blob with the right name and length is not sent again: the server checked its bytes when it
arrived (see `Bucket`). So an interrupted publish continues.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, PackNotFoundError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
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
from edge_identify.edge_runtime.sync.trust.metadata_layout import MAX_TARGETS_BYTES, TIMESTAMP_NAME, metadata_path
from edge_identify.sync_server.publishing.bucket_objects import Bucket, BucketObject
from edge_identify.sync_server.publishing.cache_control import IMMUTABLE, REVALIDATE
from edge_identify.sync_server.publishing.changed_meanwhile import ChangedMeanwhileError

_JSON, _HTML, _BYTES = "application/json", "text/html; charset=utf-8", "application/octet-stream"


class BucketTree:
    """A published tree in a bucket. Implements `PublishedTree` and `ReadableTree`."""

    def __init__(self, bucket: Bucket) -> None:
        """Take a bucket, or a folder in it. It may be empty."""
        self._bucket = bucket
        self._known: BucketObject | None = None
        self._known_timestamp: BucketObject | None = None

    def check_apart(self, pack: Path) -> None:
        """See `PublishedTree.check_apart`. A bucket is never inside a pack."""

    def publishing(self) -> AbstractContextManager[None]:
        """See `PublishedTree.publishing`. A bucket needs no lock."""
        return nullcontext()

    def listing(self) -> Listing:
        """See `PublishedTree.listing`."""
        self._known = self._bucket.read(LISTING_NAME, max_bytes=MAX_LISTING_BYTES)
        if self._known is None:
            return EMPTY_LISTING
        return parse_listing(self._known.data, where=f"{self._bucket.address}/{LISTING_NAME}")

    def published(self) -> Listing:
        """See `ReadableTree.published`."""
        listing = self.listing()
        if self._known is None:
            raise PackNotFoundError(
                f"{self._bucket.address}: nothing is published there (no {LISTING_NAME}); check the address, or run "
                f"`edge-serve publish --pack DIR --to {self._bucket.address}`"
            )
        return listing

    def manifest(self, manifest: FileEntry) -> bytes:
        """See `ReadableTree.manifest`."""
        found = self._bucket.read(manifest.path, max_bytes=MAX_MANIFEST_BYTES)
        if found is None:
            raise PackDamagedError(f"{self._bucket.address}/{manifest.path}: is missing; publish the pack again")
        return found.data

    def lay_out(self, entry: FileEntry, target: Path) -> None:
        """See `ReadableTree.lay_out`. Checks length and hash while it downloads."""
        target.parent.mkdir(parents=True, exist_ok=True)
        self._bucket.fetch(blob_path(entry.sha256), target, entry)

    def add_blob(self, source: Path, entry: FileEntry) -> bool:
        """See `PublishedTree.add_blob`."""
        path = blob_path(entry.sha256)
        if self._bucket.length(path) == entry.length_bytes:
            return False
        if sha256_of_file(source) != entry.sha256:  # it was verified when the publish began, which may be long ago
            raise PackDamagedError(f"{source}: was changed while it was published; build the pack again")
        self._bucket.write(path, source, content_type=_BYTES, cache_control=IMMUTABLE)
        return True

    def add_manifest(self, manifest: FileEntry, data: bytes, *, is_listed: bool) -> None:
        """See `PublishedTree.add_manifest`. If two publishers write different manifests, the first one stays."""
        try:
            self._bucket.replace(manifest.path, data, None, content_type=_JSON, cache_control=IMMUTABLE)
        except ChangedMeanwhileError:
            if self.manifest(manifest) == data:
                return
            if not is_listed:
                raise
            self._bucket.write(manifest.path, data, content_type=_JSON, cache_control=IMMUTABLE)

    def write_page(self, data: bytes) -> None:
        """See `PublishedTree.write_page`."""
        self._bucket.write(PAGE_NAME, data, content_type=_HTML, cache_control=REVALIDATE)

    def write_listing(self, data: bytes) -> None:
        """See `PublishedTree.write_listing`."""
        self._bucket.replace(LISTING_NAME, data, self._known, content_type=_JSON, cache_control=REVALIDATE)

    def read_metadata(self, name: str) -> bytes | None:
        """See `MetadataFiles.read_metadata`."""
        found = self._bucket.read(metadata_path(name), max_bytes=MAX_TARGETS_BYTES)
        if name == TIMESTAMP_NAME:
            self._known_timestamp = found
        return None if found is None else found.data

    def create_metadata(self, name: str, data: bytes) -> None:
        """See `MetadataFiles.create_metadata`."""
        self._bucket.replace(metadata_path(name), data, None, content_type=_JSON, cache_control=IMMUTABLE)

    def replace_timestamp(self, data: bytes) -> None:
        """See `MetadataFiles.replace_timestamp`."""
        path = metadata_path(TIMESTAMP_NAME)
        self._bucket.replace(path, data, self._known_timestamp, content_type=_JSON, cache_control=REVALIDATE)
