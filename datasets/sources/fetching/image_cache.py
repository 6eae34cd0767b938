"""The cache of fetched images: a folder with one file for each URL, and an entry with its HTTP validators.

The entry is written last, and an image counts only if its SHA-256 equals the entry's. So a killed run leaves no half
images that count.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file, write_bytes
from edge_identify.edge_runtime.photos.images import SUFFIXES

_NAME_DIGITS = 40  # of SHA-256; as many as git uses, and short enough for every file system


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """The entry of a fetched image.

    Attributes:
        address: Its URL.
        sha256: Hash of its bytes.
        fetched_s: Unix time of the last request, in seconds.
        etag: The response's `ETag`, or None.
        last_modified: The response's `Last-Modified`, or None.
    """

    address: str
    sha256: str
    fetched_s: float
    etag: str | None = None
    last_modified: str | None = None


class ImageCache:
    """A folder of fetched images. Methods raise `OSError` if it cannot be written."""

    def __init__(self, folder: Path) -> None:
        """Use a folder. It is made with the first image."""
        self.folder = folder

    def path(self, address: str) -> Path:
        """Return the absolute path for the image of a URL. Its folder exists after `prepare`."""
        name = sha256_of_bytes(address.encode())[:_NAME_DIGITS]
        suffix = PurePosixPath(urlsplit(address).path).suffix.lower()
        return self.folder.absolute() / name[:2] / (name + (suffix if suffix in SUFFIXES else ""))

    def prepare(self, address: str) -> Path:
        """Make the folder for the image of a URL, and return the image's path."""
        path = self.path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def entry(self, address: str) -> CacheEntry | None:
        """Return the entry of a URL if its image is complete, else None."""
        try:
            known = CacheEntry(**json.loads(self._entry_path(address).read_bytes()))
            is_whole = known.address == address and sha256_of_file(self.path(address)) == known.sha256
        except (OSError, ValueError, TypeError):
            return None
        return known if is_whole else None

    def keep(self, entry: CacheEntry) -> None:
        """Write the entry of an image that is at its path."""
        write_bytes(self._entry_path(entry.address), json.dumps(asdict(entry)).encode())

    def forget(self, address: str) -> None:
        """Remove the image and the entry of a URL, if present."""
        self._entry_path(address).unlink(missing_ok=True)
        self.path(address).unlink(missing_ok=True)

    def _entry_path(self, address: str) -> Path:
        path = self.path(address)
        return path.with_name(path.stem + ".json")
