"""The listing of a server: the layout of the published tree, and its one mutable file, `packs.json`.

    packs.json                       the packs and their versions; the only file that changes
    index.html                       the same for people
    manifests/NAME/1.2.0.json        the exact bytes of a version's pack.json; never changes
    blobs/sha256/ab/abcdef...        every other file, named by its SHA-256; never changes

The tree is plain files, so any static host can serve it. Both `sync_server`, which writes it, and the device,
which reads it, take the layout from here. The listing names the SHA-256 of each manifest, and a manifest those of its
files. The listing itself is not signed: see `trust`, whose metadata names the same manifests.

Fields that this version does not know are kept and written back, so that an older publisher removes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name, checked_path, checked_sha256

LISTING_FORMAT = 1
LISTING_NAME = "packs.json"
PAGE_NAME = "index.html"
MAX_LISTING_BYTES = 8 * 2**20  # 300 bytes a version, so some 25,000; read whole into memory on a phone
_MAX_SIZE_BYTES = 2**50  # size of a whole pack; only shown to people

_LISTING_FIELDS = frozenset({"format", "packs"})
_PACK_FIELDS = frozenset({"name", "title", "newest", "versions"})
_VERSION_FIELDS = frozenset({"version", "manifest", "size_bytes", "published_utc"})


class NewerListingError(PackFormatError):
    """The listing is valid JSON, but only a newer version of the software can read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedVersion:
    """One published version of a pack.

    Attributes:
        version: The pack's version.
        manifest: Path of its manifest in the tree, with length and hash.
        size_bytes: Total length of its files, with all encoder variants; a device fetches less.
        published_utc: Time of publication.
        other: Fields that this version of the software does not know.
    """

    version: PackVersion
    manifest: FileEntry
    size_bytes: int
    published_utc: datetime
    other: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPack:
    """A pack and its published versions.

    Attributes:
        name: The pack's name.
        title: One line for people, from the newest version.
        versions: Newest first, at least one.
        other: Fields that this version of the software does not know.
    """

    name: str
    title: str
    versions: tuple[OfferedVersion, ...]
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def newest(self) -> OfferedVersion:
        """The version that devices fetch."""
        return self.versions[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The packs that a server offers.

    Attributes:
        packs: The packs by name, sorted by name.
        other: Fields that this version of the software does not know.
    """

    packs: Mapping[str, OfferedPack]
    other: Mapping[str, Any] = field(default_factory=dict)


EMPTY_LISTING = Listing(packs={})


def manifest_path(name: str, version: PackVersion) -> str:
    """Return the path of a version's manifest in the tree."""
    return f"manifests/{name}/{version}.json"


def blob_path(sha256: str) -> str:
    """Return the path of the file with this SHA-256 in the tree.

    The first two digits name a folder. 256 folders stay small, since some hosts are slow with large ones.
    """
    return f"blobs/sha256/{sha256[:2]}/{sha256}"


def parse_listing(data: bytes, *, where: str = LISTING_NAME) -> Listing:
    """Read a listing.

    Args:
        data: The bytes of `packs.json`.
        where: The file's name in messages.

    Raises:
        NewerListingError: The listing has a newer format.
        PackFormatError: Not JSON, too long, or a field is missing or out of range.
    """
    fields = parse_json_object(data, where=where, max_bytes=MAX_LISTING_BYTES)
    found = fields.integer("format", least=1)
    if found > LISTING_FORMAT:
        raise NewerListingError(
            f"{where}: listing format {found}, but this software reads up to {LISTING_FORMAT}; update edge-identify"
        )
    packs = [_pack(entry) for entry in fields.objects("packs")]
    by_name = {pack.name: pack for pack in sorted(packs, key=lambda pack: pack.name)}
    if len(by_name) < len(packs):
        raise PackFormatError(f"{where}: lists a pack twice")
    return Listing(packs=by_name, other=_unknown(fields, _LISTING_FIELDS))


def serialise_listing(listing: Listing) -> bytes:
    """Return the canonical bytes of `packs.json`; `parse_listing` gives the same value back."""
    packs = [_pack_as_json(pack) for pack in listing.packs.values()]
    return canonical_json({**listing.other, "format": LISTING_FORMAT, "packs": packs})


def with_version(listing: Listing, name: str, title: str, new: OfferedVersion) -> Listing:
    """Return the listing with one more version of a pack, and `title` as the pack's title."""
    before = listing.packs.get(name)
    versions = (*(before.versions if before else ()), new)
    pack = OfferedPack(
        name=name,
        title=title,
        versions=tuple(sorted(versions, key=_by_version, reverse=True)),
        other=before.other if before else {},
    )
    packs = {**listing.packs, name: pack}
    return Listing(packs={key: packs[key] for key in sorted(packs)}, other=listing.other)


def without_pack(listing: Listing, name: str) -> Listing:
    """Return the listing without a pack."""
    return Listing(packs={key: pack for key, pack in listing.packs.items() if key != name}, other=listing.other)


def _pack(fields: JsonObject) -> OfferedPack:
    versions = sorted((_version(entry) for entry in fields.objects("versions")), key=_by_version, reverse=True)
    if not versions:
        raise PackFormatError(f"{fields.where}: has no version")
    if len({offered.version for offered in versions}) < len(versions):
        raise PackFormatError(f"{fields.where}: lists a version twice")
    if PackVersion.parse(fields.text("newest")) != versions[0].version:
        raise PackFormatError(
            f"{fields.where}: `newest` is {fields.text('newest')}, but it lists {versions[0].version}"
        )
    return OfferedPack(
        name=checked_pack_name(fields.text("name")),
        title=fields.text("title"),
        versions=tuple(versions),
        other=_unknown(fields, _PACK_FIELDS),
    )


def _by_version(offered: OfferedVersion) -> PackVersion:
    return offered.version


def _version(fields: JsonObject) -> OfferedVersion:
    manifest = fields.object("manifest")
    return OfferedVersion(
        version=PackVersion.parse(fields.text("version")),
        manifest=FileEntry(
            path=checked_path(manifest.text("path")),
            length_bytes=manifest.integer("length_bytes", least=1, most=MAX_MANIFEST_BYTES),
            sha256=checked_sha256(manifest.text("sha256")),
        ),
        size_bytes=fields.integer("size_bytes", most=_MAX_SIZE_BYTES),
        published_utc=_time(fields, "published_utc"),
        other=_unknown(fields, _VERSION_FIELDS),
    )


def _time(fields: JsonObject, key: str) -> datetime:
    text = fields.text(key)
    try:
        time = datetime.fromisoformat(text)
        in_utc = time.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # OverflowError: the time zone leads before the year 1
        raise PackFormatError(
            f"{fields.where}: `{key}` is {text!r}, not a time such as 2026-01-31T12:00:00Z"
        ) from error
    if time.tzinfo is None:
        raise PackFormatError(f"{fields.where}: `{key}` is {text!r}, without a time zone")
    return in_utc


def _unknown(fields: JsonObject, known: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in fields.values.items() if key not in known}


def _pack_as_json(pack: OfferedPack) -> dict[str, Any]:
    return {
        **pack.other,
        "name": pack.name,
        "title": pack.title,
        "newest": str(pack.newest.version),
        "versions": [_version_as_json(offered) for offered in pack.versions],
    }


def offered_as_json(offered: OfferedVersion) -> dict[str, Any]:
    """Return the JSON object of a version in the listing; `offered_from_json` gives the same value back."""
    return _version_as_json(offered)


def offered_from_json(values: Mapping[str, Any], *, where: str) -> OfferedVersion:
    """Read the JSON object of a version.

    Args:
        values: As in the listing.
        where: Its name in messages.

    Raises:
        PackFormatError: A field is missing or out of range.
    """
    return _version(JsonObject(dict(values), where))


def _version_as_json(offered: OfferedVersion) -> dict[str, Any]:
    manifest = offered.manifest
    return {
        **offered.other,
        "version": str(offered.version),
        "manifest": {"path": manifest.path, "length_bytes": manifest.length_bytes, "sha256": manifest.sha256},
        "size_bytes": offered.size_bytes,
        "published_utc": time_text(offered.published_utc),
    }


def time_text(time: datetime) -> str:
    """Return a time as text such as `2026-01-31T12:00:00Z`: UTC, whole seconds."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
