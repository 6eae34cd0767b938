"""What a signed server offers: verified with python-tuf against the pinned root.

Metadata comes over the connections of `http_download`, with their limits of length, time and redirects. python-tuf
verifies it in the order of the TUF specification and keeps the newest in the store, so that a server cannot go back.

Trap: python-tuf takes 0.1 s to import. Only `sync` and `trust` may import it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from edge_identify.edge_runtime.errors import PackFormatError, PackNotFoundError, SetupError, UntrustedServerError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.io.locking import only_writer
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name
from edge_identify.edge_runtime.sync.http_download import NotServedError
from edge_identify.edge_runtime.sync.listing import OfferedPack, manifest_path, offered_from_json
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    MAX_ROOT_BYTES,
    MAX_SNAPSHOT_BYTES,
    MAX_TARGETS_BYTES,
    MAX_TIMESTAMP_BYTES,
    METADATA_FOLDER,
    MOST_ROOTS,
    SIGNED_AT_FIELD,
    TIMESTAMP_NAME,
    metadata_path,
    target_path,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tuf.api.metadata import TargetFile
    from tuf.ngclient import FetcherInterface, Updater

    from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoot

_LOCK_PATIENCE_S = 30.0  # another sync from this server verifies its metadata; that takes seconds
_LOCK_PAUSE_S = 0.1
_UNFINISHED = "tmp*"  # python-tuf's temporary files; a killed process leaves them
_MOST_CLOCK_ERROR = timedelta(days=1)  # time zones set wrongly, and clocks that drift


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOffer:
    """The newest version of a pack, as its publisher signed it.

    Attributes:
        pack: The pack with this version only.
        signed_utc: When the server signed its newest metadata, as text; empty if it does not say.
    """

    pack: OfferedPack
    signed_utc: str


class MetadataSource(Protocol):
    """Where metadata comes from: a server, or a file that was carried by hand."""

    @property
    def url(self) -> str:
        """The address of the tree."""

    def fetch_document(self, path: str, *, max_bytes: int) -> bytes:
        """Return a file of the tree; see `HttpServer.fetch_document`."""


def signed_offer(
    server: MetadataSource, trusted: TrustedRoot, name: str, *, now_utc: datetime | None = None
) -> SignedOffer:
    """Return the newest version of a pack on a signed server.

    Args:
        server: The connections to the server.
        trusted: Its pinned root.
        name: The pack's name.
        now_utc: The time for the check of this device's clock; None for now.

    Raises:
        UntrustedServerError: The metadata is not signed as the root asks, went back, expired, or does not fit together.
        PackNotFoundError: The publisher has not signed a pack of this name, or has withdrawn it.
        NetworkError: The server cannot be reached, or sends something else.
        SetupError: This device's clock is wrong, the disk is full, or another sync does not end.
    """
    from tuf.api.exceptions import DownloadError, RepositoryError

    try:
        return verified_offer(server, trusted, name, now_utc=now_utc or datetime.now(UTC))
    except (RepositoryError, DownloadError) as error:
        raise _explained(error, trusted.url) from error


def verified_offer(
    server: MetadataSource, trusted: TrustedRoot, name: str, *, now_utc: datetime, carried_utc: datetime | None = None
) -> SignedOffer:
    """Return the newest version of a pack; see `signed_offer`.

    Args:
        server: Where the metadata comes from.
        trusted: The pinned root.
        name: The pack's name.
        now_utc: The time.
        carried_utc: When metadata that was carried by hand says that it was signed. Timestamp and snapshot, which say
            what is newest, must have been valid then; what says who may sign must be valid now. None from a server.

    Raises:
        tuf.api.exceptions.RepositoryError: The metadata is not as the root asks.
        tuf.api.exceptions.DownloadError: A file of the metadata is missing.
        EdgeIdentifyError: As `signed_offer`.
    """
    path = target_path(checked_pack_name(name))
    folder = trusted.metadata_folder
    with disk_errors_explained(folder), _only_reader(folder, trusted.url):
        updater = _updater(server, trusted)
        if carried_utc is not None:
            updater._trusted_set.reference_time = carried_utc  # python-tuf has no parameter for it
        updater.refresh()
        signed_utc = _signed_utc(folder)
        _check_clock(signed_utc, now_utc, url=trusted.url)
        target = updater.get_targetinfo(path)
        if carried_utc is not None:
            _check_signers(updater, now_utc)
    if target is None:
        raise PackNotFoundError(
            f"{trusted.url}: its publisher has signed no pack {name!r}, or has withdrawn it; an installed version stays"
        )
    return SignedOffer(pack=_offer(name, target, trusted.url), signed_utc=signed_utc)


def _check_signers(updater: Updater, now_utc: datetime) -> None:
    """Raise `ExpiredMetadataError` if the metadata that says who may sign what has expired."""
    from tuf.api.exceptions import ExpiredMetadataError

    for signed in updater._trusted_set:  # the metadata itself, not the names of the roles
        if signed.type not in ("timestamp", "snapshot") and signed.is_expired(now_utc):
            raise ExpiredMetadataError(f"{signed.type} expired on {signed.expires:%Y-%m-%d}")


def _updater(server: MetadataSource, trusted: TrustedRoot) -> Updater:
    from tuf.ngclient import Updater, UpdaterConfig

    trusted.metadata_folder.mkdir(parents=True, exist_ok=True)
    return Updater(
        metadata_dir=str(trusted.metadata_folder),
        metadata_base_url=f"{server.url}/{METADATA_FOLDER}/",
        fetcher=_fetcher(server),
        config=UpdaterConfig(
            max_root_rotations=MOST_ROOTS,
            max_delegations=1,  # the first maker whose namespace has the pack, and no delegation of theirs
            root_max_length=MAX_ROOT_BYTES,
            timestamp_max_length=MAX_TIMESTAMP_BYTES,
            snapshot_max_length=MAX_SNAPSHOT_BYTES,
            targets_max_length=MAX_TARGETS_BYTES,
        ),
        bootstrap=trusted.root,
    )


def _fetcher(server: MetadataSource) -> FetcherInterface:
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient import FetcherInterface as Interface

    class GuardedFetcher(Interface):
        """Fetches over the connections of a sync. A `NetworkError` passes through python-tuf as it is."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            yield self.download_bytes(url, MAX_TARGETS_BYTES)

        def download_bytes(self, url: str, max_length: int) -> bytes:
            try:
                return server.fetch_document(url.removeprefix(f"{server.url}/"), max_bytes=max_length)
            except NotServedError as error:
                raise DownloadHTTPError(str(error), 404) from error  # for a root, it ends the search for newer ones

    return GuardedFetcher()


@contextmanager
def _only_reader(folder: Path, url: str) -> Iterator[None]:
    """Hold the lock of a server's metadata; wait while another process has it. What a killed one left is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    give_up_s = time.monotonic() + _LOCK_PATIENCE_S
    busy = f"{url}: another sync is checking its signatures; try again when it has ended"
    while True:
        lock = only_writer(folder.parent / "lock", busy=busy)
        try:
            lock.__enter__()
        except SetupError:
            if time.monotonic() >= give_up_s:
                raise
            time.sleep(_LOCK_PAUSE_S)
            continue
        try:
            for path in folder.glob(_UNFINISHED):
                path.unlink(missing_ok=True)
            yield
        finally:
            lock.__exit__(None, None, None)
        return


def _signed_utc(folder: Path) -> str:
    """Return when the verified timestamp was signed; empty if it does not say."""
    from tuf.api.metadata import Metadata, Timestamp

    timestamp = Metadata[Timestamp].from_file(str(folder / TIMESTAMP_NAME)).signed
    found = timestamp.unrecognized_fields.get(SIGNED_AT_FIELD, "")
    return found if isinstance(found, str) else ""


def _check_clock(signed_utc: str, now_utc: datetime, *, url: str) -> None:
    """Raise `SetupError` if this device's clock is before the signature: then nothing would ever seem expired."""
    try:
        signed = datetime.fromisoformat(signed_utc)
    except ValueError:
        return
    if signed.tzinfo is not None and now_utc + _MOST_CLOCK_ERROR < signed:
        raise SetupError(
            f"this device's clock says {now_utc:%Y-%m-%d}, but {url} was signed on {signed:%Y-%m-%d}; set the clock, "
            "then sync again"
        )


def _explained(error: Exception, url: str) -> UntrustedServerError:
    from tuf.api.exceptions import DownloadError, ExpiredMetadataError

    reason = " ".join(str(error).split())[:300]
    if isinstance(error, ExpiredMetadataError):
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        return UntrustedServerError(
            f"{url}: its signatures have expired ({reason}), and this device's clock says {today}; if the clock "
            "is right, ask the publisher to run `edge-serve refresh`. Installed packs go on working"
        )
    if isinstance(error, DownloadError):
        return UntrustedServerError(
            f"{url}: its signatures cannot be fetched ({reason}); nothing was installed. Check the address, or ask the "
            f"publisher whether {metadata_path(TIMESTAMP_NAME)} is there"
        )
    return UntrustedServerError(
        f"{url}: is not signed as its pinned root asks ({reason}); nothing was installed. Sync again later; if this "
        "stays, ask the publisher, and do not install packs from there meanwhile"
    )


def _offer(name: str, target: TargetFile, url: str) -> OfferedPack:
    """Return a signed target as an offer. Its signer may be hostile, so every field is checked."""
    where = f"{url}: target {target.path}"
    custom: Any = target.unrecognized_fields.get("custom")
    if not isinstance(custom, dict) or not isinstance(custom.get("version"), str):
        raise PackFormatError(f"{where}: `custom.version` is missing; ask its publisher")
    manifest = {
        "path": manifest_path(name, PackVersion.parse(custom["version"])),
        "length_bytes": target.length,
        "sha256": target.hashes.get("sha256", ""),
    }
    version = offered_from_json({**custom, "manifest": manifest}, where=where)
    title = custom.get("title")
    return OfferedPack(name=name, title=title if isinstance(title, str) else "", versions=(version,))
