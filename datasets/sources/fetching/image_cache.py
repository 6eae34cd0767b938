"""The pictures that were fetched, in a folder: one file for each address, and beside it what its server said of it.

What a newcomer would get wrong: a run that is killed leaves the files of that moment. A picture counts only once its
entry is there, which is written last, and only while its hash is the entry's.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file, write_bytes
from edge_identify.edge_runtime.photos.images import SUFFIXES

_NAME_DIGITS = 40  # of SHA-256: as many as git takes, and short enough for any file system


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """What is known of a picture that was fetched.

    Attributes:
        address: Where from.
        sha256: Of its bytes.
        fetched_s: When the server was last asked, in seconds since 1970.
        etag: The server's name for this version, or None.
        last_modified: When it last changed, in the server's words, or None.
    """

    address: str
    sha256: str
    fetched_s: float
    etag: str | None = None
    last_modified: str | None = None


class ImageCache:
    """A folder of fetched pictures."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is made with the first picture."""
        self.folder = folder

    def path(self, address: str) -> Path:
        """Return where the picture of an address lies or would lie, absolute; its folder exists after `prepare`."""
        name = sha256_of_bytes(address.encode())[:_NAME_DIGITS]
        suffix = PurePosixPath(urlsplit(address).path).suffix.lower()
        return self.folder.absolute() / name[:2] / (name + (suffix if suffix in SUFFIXES else ""))

    def prepare(self, address: str) -> Path:
        """Make the folder for an address's picture, and return the picture's path."""
        path = self.path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def entry(self, address: str) -> CacheEntry | None:
        """Return what is known of an address whose picture is here, whole; None otherwise."""
        try:
            known = CacheEntry(**json.loads(self._entry_path(address).read_bytes()))
            is_whole = known.address == address and sha256_of_file(self.path(address)) == known.sha256
        except (OSError, ValueError, TypeError):
            return None
        return known if is_whole else None

    def keep(self, entry: CacheEntry) -> None:
        """Write the entry of a picture that is in its place."""
        write_bytes(self._entry_path(entry.address), json.dumps(asdict(entry)).encode())

    def forget(self, address: str) -> None:
        """Remove an address's picture and entry, if they are there."""
        self._entry_path(address).unlink(missing_ok=True)
        self.path(address).unlink(missing_ok=True)

    def _entry_path(self, address: str) -> Path:
        path = self.path(address)
        return path.with_name(path.stem + ".json")
