"""The roots that were pinned on this device, one for each server.

    STORE/.trust/KEY/trust.json     the address, how its root was chosen, and when
    STORE/.trust/KEY/root.json      the pinned root, as it was
    STORE/.trust/KEY/metadata/      the newest metadata that was verified; python-tuf writes it

KEY is made from the server's address. No pack can be called `.trust`, so the store's packs are not affected.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from edge_identify.edge_runtime.errors import PackFormatError, SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.io.json_fields import canonical_json, parse_json_object
from edge_identify.edge_runtime.sync.listing import time_text
from edge_identify.edge_runtime.sync.trust.metadata_layout import MAX_ROOT_BYTES

_FOLDER = ".trust"
_RECORD_NAME, _ROOT_NAME = "trust.json", "root.json"
_MAX_RECORD_BYTES = 64 * 2**10  # a record has some hundred bytes
_KEY_DIGITS = 32


class PinnedBy(StrEnum):
    """How a person chose a root."""

    ROOT_FILE = "root-file"
    FINGERPRINT = "fingerprint"
    FIRST_USE = "first-use"  # nothing was compared: the first answer was believed


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoot:
    """A pinned root.

    Attributes:
        url: Root URL of the published tree, from `server_address.tree_url`.
        pinned_by: How it was chosen.
        pinned_utc: When, as text.
        root: Its bytes.
        metadata_folder: The folder for the newest verified metadata.
    """

    url: str
    pinned_by: PinnedBy
    pinned_utc: str
    root: bytes
    metadata_folder: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the pinned root."""
        return sha256_of_bytes(self.root)


class TrustedRoots:
    """The pinned roots of a store."""

    def __init__(self, store: Path) -> None:
        """Use a store's folder. Nothing is read yet."""
        self._store = store

    def root_of(self, url: str) -> TrustedRoot | None:
        """Return the pinned root of a server; None if there is none.

        Args:
            url: From `server_address.tree_url`.

        Raises:
            SetupError: Its record is damaged, or cannot be read.
        """
        folder = self._folder(url)
        if not (folder / _RECORD_NAME).exists():
            return None
        try:
            return _read(folder)
        except (OSError, PackFormatError, ValueError) as error:
            raise SetupError(
                f"{folder}: the pinned root is damaged ({error}); pin it again with `edge-identify trust {url}`"
            ) from error

    def all(self) -> tuple[TrustedRoot, ...]:
        """Return all pinned roots, sorted by address. Damaged records are left out: `root_of` tells them."""
        found = []
        for record in sorted((self._store / _FOLDER).glob(f"*/{_RECORD_NAME}")):
            with suppress(OSError, PackFormatError, ValueError):
                found.append(_read(record.parent))
        return tuple(sorted(found, key=lambda root: root.url))

    def pin(self, url: str, root: bytes, *, pinned_by: PinnedBy, now_utc: datetime) -> TrustedRoot:
        """Pin a root for a server. What was known of another root is removed.

        Args:
            url: From `server_address.tree_url`.
            root: The bytes of a root that was checked.
            pinned_by: How it was chosen.
            now_utc: The time.

        Raises:
            SetupError: The disk is full or refuses.
        """
        import shutil

        folder = self._folder(url)
        before = self._known_bytes(folder)
        with disk_errors_explained(self._store):
            folder.mkdir(parents=True, exist_ok=True)
            if before != root:
                shutil.rmtree(folder / "metadata", ignore_errors=True)
            record = {"url": url, "pinned_by": str(pinned_by), "pinned_utc": time_text(now_utc)}
            write_bytes(folder / _ROOT_NAME, root)
            write_bytes(folder / _RECORD_NAME, canonical_json(record))
        return _read(folder)

    def forget(self, url: str) -> bool:
        """Remove the pinned root of a server; return whether there was one."""
        import shutil

        folder = self._folder(url)
        if not folder.exists():
            return False
        shutil.rmtree(folder)
        return True

    def _known_bytes(self, folder: Path) -> bytes | None:
        path = folder / _ROOT_NAME
        return path.read_bytes() if path.is_file() else None

    def _folder(self, url: str) -> Path:
        return self._store / _FOLDER / hashlib.sha256(url.encode()).hexdigest()[:_KEY_DIGITS]


def _read(folder: Path) -> TrustedRoot:
    with (folder / _RECORD_NAME).open("rb") as file:
        data = file.read(_MAX_RECORD_BYTES + 1)
    fields = parse_json_object(data, where=str(folder / _RECORD_NAME), max_bytes=_MAX_RECORD_BYTES)
    with (folder / _ROOT_NAME).open("rb") as file:
        root = file.read(MAX_ROOT_BYTES + 1)
    return TrustedRoot(
        url=fields.text("url"),
        pinned_by=PinnedBy(fields.text("pinned_by")),
        pinned_utc=fields.text("pinned_utc"),
        root=root,
        metadata_folder=folder / "metadata",
    )
