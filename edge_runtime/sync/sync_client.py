"""A sync, from the first request to the activation of the new version.

The order makes it safe: listing, manifest, plan, free space, files, self-test, and last the pointer. If a step fails,
the installed pack stays active and unchanged. If nothing is new, the listing is the only request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import (
    NetworkError,
    PackDamagedError,
    PackError,
    PackFormatError,
    SelfTestNotStartedError,
    SelfTestUnfinishedError,
)
from edge_identify.edge_runtime.io.disk import link_or_copy
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.io.json_fields import parse_json_object
from edge_identify.edge_runtime.pack.manifest import FileEntry, Manifest
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.arrived_files import ArrivedFiles
from edge_identify.edge_runtime.store.installed_packs import InstalledPack, has_intact_manifest
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.carried_pack import CarriedPack, open_carried_pack
from edge_identify.edge_runtime.sync.http_download import READ_TIMEOUT_S, Downloader, HttpServer, PackServer
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, MAX_LISTING_BYTES, Listing, OfferedPack, parse_listing
from edge_identify.edge_runtime.sync.mirrors import Mirrors
from edge_identify.edge_runtime.sync.piece_hashes import PieceHashes
from edge_identify.edge_runtime.sync.server_address import tree_url
from edge_identify.edge_runtime.sync.sync_plan import Action, Plan, check_fits, choose_pack, plan_sync, reason_to_stay
from edge_identify.edge_runtime.sync.trust.pack_offers import Believe, BelievedOffer, as_listed
from edge_identify.edge_runtime.sync.update_file import UpdateFile
from edge_identify.edge_runtime.sync.update_steps import (
    fetch_pieces,
    fetch_update,
    known_manifest,
    patch_files,
    update_blobs,
)

if TYPE_CHECKING:
    from edge_identify.edge_runtime.store.bounded_self_test import SelfTest
    from edge_identify.edge_runtime.sync.trust.carried_chain import CarriedSignature

#: Called several times with (bytes that have arrived, bytes in total), to draw a progress bar.
ByteProgress = Callable[[int, int], None]
#: Returns the names of the encoder variants that this device keeps of a pack.
ChooseVariants = Callable[[Manifest], tuple[str, ...]]

#: After these, nobody knows whether the new version works: it is not activated, and its files stay for the next sync.
_UNTESTED = (SelfTestNotStartedError, SelfTestUnfinishedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """The result of a sync.

    Attributes:
        name: The pack's name.
        version: The active version after the sync.
        action: Whether a version was downloaded.
        note: The reason, in a few words for people.
        source: The server's address.
        fetched_files: Number of files that were fetched whole from the server.
        fetched_bytes: Their total length in bytes.
        patched_files: Number of files made from those of the version before, by the patches of an update.
        received_bytes: All that the server sent in this sync: listing, manifest, files, patches.
        reused_files: Number of files taken from the version before.
        seconds: Duration of the sync.
        signed_utc: When the server signed what it offers; None if it is unsigned.
        expired_utc: When the signature in an `.edgepack` file expired, as text; None if it has not, and for a server.
    """

    name: str
    version: PackVersion
    action: Action
    note: str
    source: str
    fetched_files: int
    fetched_bytes: int
    reused_files: int
    seconds: float
    patched_files: int = 0
    received_bytes: int = 0
    signed_utc: str | None = None
    expired_utc: str | None = None


def sync_pack(
    store: PackStore,
    url: str,
    *,
    name: str | None,
    variant_names: ChooseVariants,
    self_test: SelfTest,
    progress: ByteProgress | None = None,
    sleep: Callable[[float], None] = time.sleep,
    read_timeout_s: float = READ_TIMEOUT_S,
    mirrors: Sequence[str] = (),
    bytes_per_s: float | None = None,
    believe: Believe = as_listed,
) -> SyncReport:
    """Update a pack to the newest version that a server offers, or install it.

    Args:
        store: The store that keeps the pack.
        url: The server's address, as a person typed it.
        name: The pack's name; None for the only pack on offer.
        variant_names: Chooses the encoder variants that this device keeps.
        self_test: Tests the new version before it is activated.
        progress: Called with the progress of the download; None for no progress.
        sleep: Waits a number of seconds between attempts.
        read_timeout_s: Seconds without a byte after which an attempt fails.
        mirrors: Other addresses of the same repository, asked for what the first one does not give.
        bytes_per_s: Most bytes per second of files; None for no limit.
        believe: Says which version to believe: `pack_offers.as_signed` on a device. The default believes the listing.

    Raises:
        SetupError: The address is malformed, the name is missing among several packs, the disk is full, or another sync
            is running.
        NetworkError: The server cannot be reached, or sent wrong content.
        PackNotFoundError: The server does not offer the pack.
        PackFormatError: The pack has a newer format, or lacks a chosen variant.
        PackDamagedError: The installed version is damaged, and the server has only older versions.
        EdgeIdentifyError: `self_test` raised it. In every case the installed pack stays unchanged.
    """
    started = time.monotonic()
    servers = [
        HttpServer(tree_url(one), sleep=sleep, read_timeout_s=read_timeout_s, bytes_per_s=bytes_per_s)
        for one in (url, *mirrors)
    ]
    with closing(Mirrors(servers)) as server:
        believed = believe(server, name, lambda: choose_pack(_listing(server), name, source=server.url))
        return _updated(store, server, believed, variant_names, self_test, progress, started)


def install_pack(
    store: PackStore,
    path: Path,
    *,
    variant_names: ChooseVariants,
    self_test: SelfTest,
    progress: ByteProgress | None = None,
    verify: Callable[[CarriedPack], CarriedSignature | None] = lambda _: None,
) -> SyncReport:
    """Install a pack from an `.edgepack` file, as a sync does from a server.

    An installed pack keeps its source, so that a later sync finds its server. A new one gets the server whose root has
    verified it.

    Args:
        store: The store that keeps the pack.
        path: The file.
        variant_names: Chooses the encoder variants that this device keeps.
        self_test: Tests the new version before it is activated.
        progress: Called with the progress of the copying; None for no progress.
        verify: Called before anything is written, to check who signed the manifest. It raises to refuse the file, and
            returns who signed it, or None.

    Raises:
        PackError: There is no such file, it is damaged, or its pack does not work here.
        SetupError: The disk is full, or a sync of the pack is running.
        NetworkError: The installed version has the same number and another content.
        EdgeIdentifyError: `verify` or `self_test` raised it. In every case the installed pack stays unchanged.
    """
    started = time.monotonic()
    with open_carried_pack(path) as carried:
        installed = store.pointer(carried.manifest.name)
        if installed is not None:
            carried.url, carried.mirror_urls = installed.source, installed.mirrors
        signature = verify(carried)
        if signature is None:
            believed = BelievedOffer(pack=carried.offered(), signed_utc=None)
            return _updated(store, carried, believed, variant_names, self_test, progress, started)
        if "://" not in carried.url:
            carried.url = signature.url
        believed = BelievedOffer(pack=carried.offered(signature.published_utc), signed_utc=signature.signed_utc)
        report = _updated(store, carried, believed, variant_names, self_test, progress, started)
        return replace(report, expired_utc=signature.expired_utc)


def _updated(
    store: PackStore,
    server: PackServer,
    believed: BelievedOffer,
    variant_names: ChooseVariants,
    self_test: SelfTest,
    progress: ByteProgress | None,
    started: float,
) -> SyncReport:
    offer = believed.pack
    with store.updating(offer.name):
        plan, version, patched = _bring_up_to_date(store, server, believed, variant_names, self_test, progress)
        store.arrived(offer.name).remove()
        if plan.action is Action.DOWNLOAD:
            store.record_checked(store.active(offer.name))
        elif version == offer.newest.version:
            store.note_signature(offer.name, believed.signed_utc)
    return SyncReport(
        name=offer.name,
        version=version,
        action=plan.action,
        note=plan.note,
        source=server.url,
        fetched_files=len(plan.fetch) - len(patched),
        fetched_bytes=plan.fetch_bytes - sum(entry.length_bytes for entry in patched),
        patched_files=len(patched),
        received_bytes=server.received_bytes,
        reused_files=len(plan.reuse),
        seconds=time.monotonic() - started,
        signed_utc=believed.signed_utc,
    )


def _bring_up_to_date(
    store: PackStore,
    server: PackServer,
    believed: BelievedOffer,
    variant_names: ChooseVariants,
    self_test: SelfTest,
    progress: ByteProgress | None,
) -> tuple[Plan, PackVersion, frozenset[FileEntry]]:
    offer = believed.pack
    installed = store.pointer(offer.name)
    note = reason_to_stay(installed, offer.newest, source=server.url)
    if (
        installed is not None
        and note is not None
        and not (installed.is_rolled_back and not _is_whole(store, installed))
    ):
        _check_whole(store, installed, offer, source=server.url)
        return Plan(action=Action.UP_TO_DATE, note=note), installed.version, frozenset()
    arrived = store.arrived(offer.name)
    update = fetch_update(server, store, offer.newest, installed)
    manifest_bytes, manifest = _manifest(server, offer, installed, update)
    variants = variant_names(manifest)
    intact = _intact(store, installed, manifest, variants)
    plan = plan_sync(
        installed=installed,
        manifest=manifest,
        variant_names=variants,
        intact=intact,
        is_manifest_intact=installed is None or has_intact_manifest(installed),
    )
    patched: frozenset[FileEntry] = frozenset()
    if plan.action is Action.DOWNLOAD:
        try:
            here = arrived.keep_only((*plan.fetch, *update_blobs(offer.newest, installed)))
            check_fits(plan, free_bytes=store.free_bytes() + here, store=str(store.root))
            staging = store.stage(offer.name, manifest_bytes, _reused(plan, installed, intact))
            patched = patch_files(update, installed, plan.fetch, arrived)
            _fetch_files(server, plan, fetch_pieces(server, offer.newest, plan.fetch, patched), arrived, progress)
            for entry in plan.fetch:
                arrived.place(entry, staging / entry.path)
            _place_repeated(manifest, variants, staging)
            with _kept_if_untested(plan, arrived, staging):
                self_test(staging, manifest, variants)
            store.activate(_new_pack(store, believed, variants, server))
        except (NetworkError, *_UNTESTED):
            raise  # what has arrived stays for the next sync
        except Exception:
            arrived.remove()  # a full disk, or a pack that does not work here
            raise
    return plan, manifest.version, patched


@contextmanager
def _kept_if_untested(plan: Plan, arrived: ArrivedFiles, staging: Path) -> Iterator[None]:
    """Keep the files that were fetched and checked if the self-test, which the block runs, comes to no end."""
    try:
        yield
    except (*_UNTESTED, KeyboardInterrupt):
        for entry in plan.fetch:
            arrived.take_back(entry, staging / entry.path)
        raise


def _is_whole(store: PackStore, installed: InstalledPack) -> bool:
    try:
        files = read_manifest(store.active(installed.name).folder).files_for(installed.variant_names)
    except PackError:
        return False
    return store.intact_files(installed, files).issuperset(files)


def _check_whole(store: PackStore, installed: InstalledPack, offer: OfferedPack, *, source: str) -> None:
    """Raise `PackDamagedError` if the installed version is damaged; this server does not have it any more."""
    try:
        store.active(installed.name)
        verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    except PackError as error:
        raise PackDamagedError(
            f"{installed.name} {installed.version} is damaged, and {source} has only {offer.newest.version} and older: "
            f"sync from a server that has {installed.version}, or delete {store.root / installed.name} and sync again "
            f"to go back to {offer.newest.version}"
        ) from error


def _listing(server: Mirrors) -> Listing:
    where = f"{server.url}/{LISTING_NAME}"
    data = server.fetch_document(LISTING_NAME, max_bytes=MAX_LISTING_BYTES)
    if data.lstrip()[:1] == b"<":  # a web page without a content type
        raise NetworkError(f"{where}: answered with a web page, not a pack listing; check the address")
    try:
        is_listing = parse_json_object(data, where=where, max_bytes=MAX_LISTING_BYTES).has("format")
    except PackFormatError as error:
        raise NetworkError(f"{error}; check the address") from error
    if not is_listing:
        raise NetworkError(f"{where}: is not a pack listing; check the address")
    return parse_listing(data, where=where)


def _manifest(
    server: PackServer, offer: OfferedPack, installed: InstalledPack | None, update: UpdateFile | None
) -> tuple[bytes, Manifest]:
    """Return the newest manifest, checked against the listing: the installed one, a patched one or a fetched one."""
    expected = offer.newest.manifest
    where = f"{server.url}/{expected.path}"
    data = known_manifest(expected, installed, update) or server.fetch_document(
        expected.path, max_bytes=expected.length_bytes
    )
    if len(data) != expected.length_bytes or sha256_of_bytes(data) != expected.sha256:
        raise NetworkError(
            f"{where}: is not the manifest that the listing describes; sync again, or tell its publisher"
        )
    manifest = parse_manifest(data, where=where)
    if (manifest.name, manifest.version) != (offer.name, offer.newest.version):
        raise NetworkError(
            f"{where}: is of {manifest.name} {manifest.version}, but listed as {offer.name} "
            f"{offer.newest.version}; tell its publisher"
        )
    return data, manifest


def _intact(
    store: PackStore, installed: InstalledPack | None, manifest: Manifest, variants: tuple[str, ...]
) -> frozenset[FileEntry]:
    return frozenset() if installed is None else store.intact_files(installed, manifest.files_for(variants))


def _reused(plan: Plan, installed: InstalledPack | None, intact: frozenset[FileEntry]) -> dict[str, Path]:
    """Return path in the new version -> installed file with the same content, for all files that need no download."""
    if installed is None:
        return {}
    here = {entry.sha256: installed.folder / entry.path for entry in intact}
    return {entry.path: here[entry.sha256] for entry in plan.reuse}


def _fetch_files(
    downloader: Downloader, plan: Plan, pieces: PieceHashes, arrived: ArrivedFiles, progress: ByteProgress | None
) -> None:
    before = 0
    for entry in plan.fetch:
        counted = _counted_from(before, plan.fetch_bytes, progress)
        downloader.fetch_blob(entry, arrived.path(entry), counted, pieces=pieces.get(entry.sha256, ()))
        before += entry.length_bytes


def _counted_from(before: int, total: int, progress: ByteProgress | None) -> Callable[[int], None]:
    """Return a callback that adds the bytes of earlier files and calls `progress`."""

    def on_bytes(arrived: int) -> None:
        if progress is not None:
            progress(before + arrived, total)

    return on_bytes


def _place_repeated(manifest: Manifest, variants: tuple[str, ...], staging: Path) -> None:
    """Create the files that have the same content as another file of the pack; each content was fetched once."""
    wanted = manifest.files_for(variants)
    here = {entry.sha256: staging / entry.path for entry in wanted if (staging / entry.path).exists()}
    for entry in wanted:
        if not (staging / entry.path).exists():
            link_or_copy(here[entry.sha256], staging / entry.path)


def _new_pack(
    store: PackStore, believed: BelievedOffer, variants: tuple[str, ...], server: PackServer
) -> InstalledPack:
    offer = believed.pack
    return store.describe(
        offer.name,
        offer.newest.version,
        variant_names=variants,
        source=server.url,
        manifest_sha256=offer.newest.manifest.sha256,
        published_utc=offer.newest.published_utc,
        mirrors=server.mirror_urls,
        signed_utc=believed.signed_utc,
    )
