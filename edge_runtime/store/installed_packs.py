"""An installed pack: what its pointer `active.json` says, and opening it.

The pointer names the version that answers; see `pack_store` for the folders around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.io.json_fields import canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_sha256
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.store.verified_files import NOTES_NAME, VerifiedFiles

POINTER_NAME = "active.json"
POINTS_FOLDER_NAME = "points"  # beside the versions, since most thumbnails of a version are those of the one before
MAX_POINTER_BYTES = 64 * 2**10  # a pointer has some hundred bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPack:
    """The active version of a pack on this device.

    Attributes:
        name: The pack's name.
        version: The version that answers.
        folder: The version's folder.
        variant_names: The encoder variants on this device.
        source: Address of the server from which the pack was fetched.
        manifest_sha256: SHA-256 of its `pack.json`, so that damage to the manifest itself is noticed.
        previous: The version before, still on the disk, or None.
        signed_utc: When the server signed what it offered, as text; None if the pack came unsigned.
    """

    name: str
    version: PackVersion
    folder: Path
    variant_names: tuple[str, ...]
    source: str
    manifest_sha256: str
    previous: PackVersion | None
    signed_utc: str | None = None


def version_folder(home: Path, version: PackVersion) -> Path:
    """Return the folder of a version, below the folder of its pack."""
    return home / "versions" / str(version)


def parse_pointer(home: Path, data: bytes) -> InstalledPack:
    """Read a pointer.

    Args:
        home: The pack's folder in the store, named as the pack.
        data: The bytes of `active.json`.

    Raises:
        PackFormatError: Not JSON, longer than `MAX_POINTER_BYTES`, or a field is missing or malformed.
    """
    fields = parse_json_object(data, where=str(home / POINTER_NAME), max_bytes=MAX_POINTER_BYTES)
    version = PackVersion.parse(fields.text("version"))
    previous = fields.optional_text("previous")
    return InstalledPack(
        name=home.name,
        version=version,
        folder=version_folder(home, version),
        variant_names=fields.texts("variants"),
        source=fields.text("source"),
        manifest_sha256=checked_sha256(fields.text("manifest_sha256")),
        previous=None if previous is None else PackVersion.parse(previous),
        signed_utc=fields.optional_text("signed_utc"),
    )


def serialise_pointer(installed: InstalledPack) -> bytes:
    """Return the canonical bytes of `active.json`; `parse_pointer` gives the same value back."""
    signed = {} if installed.signed_utc is None else {"signed_utc": installed.signed_utc}
    return canonical_json(
        signed
        | {
            "version": str(installed.version),
            "variants": list(installed.variant_names),
            "source": installed.source,
            "manifest_sha256": installed.manifest_sha256,
            "previous": None if installed.previous is None else str(installed.previous),
        }
    )


def has_intact_manifest(installed: InstalledPack) -> bool:
    """Return whether the installed `pack.json` exists and has not changed since it was activated."""
    try:
        return sha256_of_file(installed.folder / MANIFEST_NAME) == installed.manifest_sha256
    except OSError:
        return False


def open_installed(installed: InstalledPack) -> Pack:
    """Open an installed pack. Files that are unchanged since their last check are not hashed again.

    Raises:
        PackDamagedError: A file is missing or has the wrong length.
        PackFormatError: This version cannot read the manifest.
        PackNotFoundError: The version's folder holds no manifest.
    """
    home = installed.folder.parent.parent
    return open_pack(
        installed.folder,
        variant_names=installed.variant_names,
        check=VerifiedFiles(home / NOTES_NAME).check,
        is_tried=True,
        points_folder=home / POINTS_FOLDER_NAME,
    )
