"""An installed pack: what its pointer `active.json` says, and opening it.

The pointer names the version that answers; see `pack_store` for the folders around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_sha256
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.store.verified_files import NOTES_NAME, VerifiedFiles

POINTER_NAME = "active.json"
TAUGHT_FOLDER_NAME = "taught"  # what a person taught; neither an update nor a removal of the pack touches it
POINTS_FOLDER_NAME = "points"  # beside the versions, since most thumbnails of a version are those of the one before
_VERSIONS_NAME = "versions"
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
        previous: The version before, still on the disk, or None. After a rollback, it is the newer one.
        before: What the pointer said of that version; None if an older release wrote the pointer.
        published_utc: When its publisher published the version, as far as is known.
        mirrors: Other addresses of the same repository.
        signed_utc: When the server signed what it offered, as text; None if the pack came unsigned.
    """

    name: str
    version: PackVersion
    folder: Path
    variant_names: tuple[str, ...]
    source: str
    manifest_sha256: str
    previous: PackVersion | None
    before: InstalledPack | None = None
    published_utc: datetime | None = None
    mirrors: tuple[str, ...] = ()
    signed_utc: str | None = None

    @property
    def is_rolled_back(self) -> bool:
        """Whether the version before is a newer one, which a person has taken back."""
        return self.previous is not None and self.previous > self.version


def version_folder(home: Path, version: PackVersion) -> Path:
    """Return the folder of a version, below the folder of its pack."""
    return home / _VERSIONS_NAME / str(version)


def parse_pointer(home: Path, data: bytes) -> InstalledPack:
    """Read a pointer.

    Args:
        home: The pack's folder in the store, named as the pack.
        data: The bytes of `active.json`.

    Raises:
        PackFormatError: Not JSON, longer than `MAX_POINTER_BYTES`, or a field is missing or malformed.
    """
    fields = parse_json_object(data, where=str(home / POINTER_NAME), max_bytes=MAX_POINTER_BYTES)
    return _installed(home, fields, is_active=True)


def installed_at(folder: Path) -> InstalledPack | None:
    """Return the active version of a pack in a store, whose folder this is; None for any other folder."""
    whole = folder.resolve()
    home = whole.parent.parent
    try:
        found = parse_pointer(home, (home / POINTER_NAME).read_bytes())
    except (OSError, PackFormatError):
        return None
    return found if found.folder == whole else None


def _installed(home: Path, fields: JsonObject, *, is_active: bool) -> InstalledPack:
    version = PackVersion.parse(fields.text("version"))
    previous = fields.optional_text("previous") if is_active else None
    before = _installed(home, fields.object("before"), is_active=False) if is_active and fields.has("before") else None
    return InstalledPack(
        name=home.name,
        version=version,
        folder=version_folder(home, version),
        variant_names=fields.texts("variants"),
        source=fields.text("source"),
        manifest_sha256=checked_sha256(fields.text("manifest_sha256")),
        previous=None if previous is None else PackVersion.parse(previous),
        before=before,
        published_utc=_time(fields, "published_utc"),
        mirrors=fields.texts("mirrors") if fields.has("mirrors") else (),
        signed_utc=fields.optional_text("signed_utc"),
    )


def _time(fields: JsonObject, key: str) -> datetime | None:
    """Return a time; None if it is missing or none. Only its age is shown, so it is no reason to refuse a pack."""
    try:
        return datetime.fromisoformat(fields.text(key)).astimezone(UTC) if fields.has(key) else None
    except (ValueError, OverflowError):
        return None


def serialise_pointer(installed: InstalledPack) -> bytes:
    """Return the canonical bytes of `active.json`; `parse_pointer` gives the same value back."""
    values = _as_json(installed) | {"previous": None if installed.previous is None else str(installed.previous)}
    if installed.before is not None:
        values["before"] = _as_json(installed.before)
    return canonical_json(values)


def _as_json(installed: InstalledPack) -> dict[str, Any]:
    values: dict[str, Any] = {
        "version": str(installed.version),
        "variants": list(installed.variant_names),
        "source": installed.source,
        "manifest_sha256": installed.manifest_sha256,
    }
    if installed.published_utc is not None:
        values["published_utc"] = installed.published_utc.isoformat(timespec="seconds")
    if installed.mirrors:
        values["mirrors"] = list(installed.mirrors)
    if installed.signed_utc is not None:
        values["signed_utc"] = installed.signed_utc
    return values


def has_intact_manifest(installed: InstalledPack) -> bool:
    """Return whether the installed `pack.json` exists and has not changed since it was activated."""
    try:
        return sha256_of_file(installed.folder / MANIFEST_NAME) == installed.manifest_sha256
    except OSError:
        return False


def forget_checks(folder: Path) -> None:
    """Remove the records of hash checks of a version, so that each of its files is hashed at its next use.

    Args:
        folder: The folder of a version in a store. Any other folder has no records, and nothing happens.
    """
    home = folder.parent.parent
    if (home / POINTER_NAME).is_file() and folder.parent.name == _VERSIONS_NAME:
        VerifiedFiles(home / NOTES_NAME).forget()


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
