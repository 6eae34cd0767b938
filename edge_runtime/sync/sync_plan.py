"""The plan of a sync: pure functions, without disk, network or clock.

Version numbers alone do not decide: the installed version may be the newest one and still need work, if a file is
damaged or the device wants another encoder variant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_identify.edge_runtime.errors import NetworkError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.pack.manifest import FileEntry, Manifest
from edge_identify.edge_runtime.store.installed_packs import InstalledPack
from edge_identify.edge_runtime.sync.listing import Listing, OfferedPack, OfferedVersion

SPARE_BYTES = 16 * 2**20  # space left free beside the files: for folders, the pointer, and the device itself


class Action(StrEnum):
    """The action of a sync."""

    UP_TO_DATE = "up-to-date"  # the active version stays, and nothing is fetched
    DOWNLOAD = "download"  # a version is assembled, tested and activated


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The work of one sync.

    Attributes:
        action: Whether a version is downloaded.
        note: The reason, in a few words for people.
        reuse: Files to take from the active version.
        fetch: Files to fetch from the server; each content once.
    """

    action: Action
    note: str
    reuse: tuple[FileEntry, ...] = ()
    fetch: tuple[FileEntry, ...] = ()

    @property
    def fetch_bytes(self) -> int:
        """Total length of the files to fetch."""
        return sum(entry.length_bytes for entry in self.fetch)


def choose_pack(listing: Listing, name: str | None, *, source: str) -> OfferedPack:
    """Return the pack to fetch.

    Args:
        listing: The server's listing.
        name: The requested pack; None for the only one.
        source: The server's address, for messages.

    Raises:
        PackNotFoundError: The server does not offer that pack, or any.
        SetupError: No name is given, and the server offers several packs.
    """
    offered = ", ".join(listing.packs)
    if not listing.packs:
        raise PackNotFoundError(f"{source} offers no pack yet; publish one with `edge-serve publish`")
    if name is None and len(listing.packs) > 1:
        raise SetupError(f"{source} offers several packs; choose one with --pack: {offered}")
    if name is not None and name not in listing.packs:
        raise PackNotFoundError(f"{source} offers no pack {name!r}; it has {offered}")
    return listing.packs[name if name is not None else next(iter(listing.packs))]


def reason_to_stay(installed: InstalledPack | None, offered: OfferedVersion, *, source: str) -> str | None:
    """Return why the installed version stays, in words; None if the sync must go on.

    It stays if it is newer than the offered one, or if a person has taken the offered one back.

    Args:
        installed: The active version, or None.
        offered: The newest version on the server.
        source: The server's address, for messages.

    Raises:
        NetworkError: The offered version has the installed version's number, but another content.
    """
    if installed is None:
        return None
    if installed.is_rolled_back and installed.previous == offered.version:
        return (
            f"{offered.version} was taken back on this device; {installed.version} stays until a newer one is "
            "published, or until another `edge-identify rollback`"
        )
    if installed.version < offered.version:
        return None
    if installed.version > offered.version:
        return f"the installed {installed.version} is newer than the {offered.version} on offer; it stays"
    if installed.manifest_sha256 != offered.manifest.sha256:
        raise NetworkError(
            f"{source} offers {installed.name} {offered.version} with other content than the "
            f"{offered.version} installed here; versions never change, so ask its publisher for a new number"
        )
    return None


def plan_sync(
    *,
    installed: InstalledPack | None,
    manifest: Manifest,
    variant_names: tuple[str, ...],
    intact: frozenset[FileEntry],
    is_manifest_intact: bool = True,
) -> Plan:
    """Decide what to fetch for a version that is not older than the installed one.

    Args:
        installed: The active version, or None.
        manifest: Manifest of the offered version.
        variant_names: The encoder variants that this device keeps.
        intact: Files of the active version that were checked and are undamaged.
        is_manifest_intact: Whether the installed manifest is unchanged since its activation.
    """
    wanted = manifest.files_for(variant_names)
    here = {entry.sha256 for entry in intact}
    by_hash = {entry.sha256: entry for entry in wanted if entry.sha256 not in here}
    plan = Plan(
        action=Action.DOWNLOAD,
        note=_reason_to_download(installed, manifest, variant_names),
        reuse=tuple(entry for entry in wanted if entry.sha256 in here),
        fetch=tuple(sorted(by_hash.values(), key=lambda entry: entry.path)),
    )
    if installed is None or installed.version != manifest.version:
        return plan
    is_whole = is_manifest_intact and intact.issuperset(wanted)
    if installed.variant_names == variant_names and is_whole:
        return Plan(action=Action.UP_TO_DATE, note=f"{manifest.version} is installed and whole")
    return plan


def _reason_to_download(installed: InstalledPack | None, manifest: Manifest, variant_names: tuple[str, ...]) -> str:
    if installed is None:
        return f"{manifest.version} is new on this device"
    if installed.version != manifest.version:
        return f"{installed.version} is replaced by {manifest.version}"
    if installed.variant_names != variant_names:
        return f"{manifest.version} changes its encoders to {', '.join(variant_names)}"
    return f"{manifest.version} has damaged or missing files"


def check_fits(plan: Plan, *, free_bytes: int, store: str) -> None:
    """Check that the disk has enough space for a plan.

    Args:
        plan: The plan.
        free_bytes: Free space on the store's disk.
        store: The store's folder, for the message.

    Raises:
        SetupError: The space is less than the plan fetches plus `SPARE_BYTES`.
    """
    needed = plan.fetch_bytes + SPARE_BYTES
    if free_bytes < needed:
        raise SetupError(
            f"{store}: {needed / 1e6:.0f} MB are needed, {free_bytes / 1e6:.0f} MB are free; "
            "make room or choose another --store"
        )
