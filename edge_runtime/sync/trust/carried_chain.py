"""What proves who signed an `.edgepack` file: the metadata in it, verified with python-tuf against a pinned root.

The steps are those of a sync, in the same folder of verified metadata. So a file cannot go back behind what a device
has seen, and a later sync cannot go back behind the file.

One rule differs. Timestamp and snapshot say what is the newest version *now*, and expire within days. No file can know
that. So they must have been valid when the file was made, and the device tells that time. Root and targets, which say
whose signatures count, must not have expired: their keys may have been replaced since, without the device knowing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackNotFoundError, SetupError, UntrustedServerError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.sync.http_download import NotServedError
from edge_identify.edge_runtime.sync.listing import time_text
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    MAX_TIMESTAMP_BYTES,
    METADATA_FOLDER,
    SIGNED_AT_FIELD,
    TIMESTAMP_NAME,
)
from edge_identify.edge_runtime.sync.trust.signed_offers import SignedOffer, verified_offer
from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoots

if TYPE_CHECKING:
    from pathlib import Path

    from edge_identify.edge_runtime.sync.carried_pack import CarriedPack
    from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoot


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedSignature:
    """Who signed a file that was carried by hand.

    Attributes:
        url: The server whose pinned root has verified it.
        signed_utc: When the server signed the metadata in it, as text; empty if it does not say.
        published_utc: When this version was published.
        expired_utc: When the timestamp in it expired, as text; None if it is still valid.
    """

    url: str
    signed_utc: str
    published_utc: datetime
    expired_utc: str | None


def carried_signature(
    store: Path, carried: CarriedPack, *, unsigned: bool, now_utc: datetime | None = None
) -> CarriedSignature | None:
    """Verify who signed an `.edgepack` file.

    A pack that came from a server with a pinned root is replaced by what that root signed only. Otherwise every pinned
    root counts.

    Args:
        store: The folder of the installed packs, with the pinned roots.
        carried: The file. Its `url` is the server that the installed pack came from, if it is installed.
        unsigned: A person accepts an unsigned file, this time.
        now_utc: The time; None for now.

    Returns:
        Who signed it; None for an unsigned file that is accepted.

    Raises:
        UntrustedServerError: It is not signed, or not as a pinned root asks, or older than what this device has seen.
        PackNotFoundError: Its publisher has signed no such pack.
        SetupError: No root is pinned on this device, or the clock is wrong.
    """
    now_utc, roots = now_utc or datetime.now(UTC), TrustedRoots(store)
    own = roots.root_of(carried.url)
    if own is not None and unsigned:
        raise SetupError(
            f"{carried.manifest.name} came from {own.url}, whose root is pinned on this device, so the signatures of "
            "the file are checked; install it without --unsigned"
        )
    known = roots.all() if own is None else (own,)
    files = carried.trust_files()
    if not files or not known:
        if not unsigned:
            raise _unsigned(carried) if not files else _undecided(carried)
        return None
    try:
        return _by_one_of(known, carried, files, now_utc)
    except EdgeIdentifyError:
        if unsigned:
            return None
        raise


def _by_one_of(
    known: Sequence[TrustedRoot], carried: CarriedPack, files: Mapping[str, bytes], now_utc: datetime
) -> CarriedSignature:
    """Return the signature by the first root that verifies it; raise the error that tells most if none does."""
    problems: list[EdgeIdentifyError] = []
    for trusted in known:
        try:
            return _verified(trusted, carried, files, now_utc)
        except (UntrustedServerError, PackNotFoundError, SetupError) as error:
            problems.append(error)
    telling = [problem for problem in problems if not isinstance(problem, _OtherKeysError)]
    raise (telling or problems)[0]


class _OtherKeysError(UntrustedServerError):
    """Other keys than the root's have signed."""


def _verified(
    trusted: TrustedRoot, carried: CarriedPack, files: Mapping[str, bytes], now_utc: datetime
) -> CarriedSignature:
    from tuf.api.exceptions import DownloadError, RepositoryError

    signed_at = _signed_at(files)
    try:
        offer = verified_offer(
            _CarriedMetadata(trusted.url, files),
            trusted,
            carried.manifest.name,
            now_utc=now_utc,
            carried_utc=min(signed_at, now_utc) if signed_at else now_utc,
        )
    except (RepositoryError, DownloadError) as error:
        raise _explained(error, trusted, carried, files) from error
    _check_is_signed_version(offer, carried)
    return CarriedSignature(
        url=trusted.url,
        signed_utc=offer.signed_utc,
        published_utc=offer.pack.newest.published_utc,
        expired_utc=_expired_utc(files[TIMESTAMP_NAME], now_utc),
    )


class _CarriedMetadata:
    """The metadata in a file, as a server would give it out."""

    def __init__(self, url: str, files: Mapping[str, bytes]) -> None:
        self.url, self._files = url, files

    def fetch_document(self, path: str, *, max_bytes: int) -> bytes:
        data = self._files.get(path.removeprefix(f"{METADATA_FOLDER}/"))
        if data is None or len(data) > max_bytes:
            raise NotServedError(f"{path}: is not in the file")
        return data


def _check_is_signed_version(offer: SignedOffer, carried: CarriedPack) -> None:
    signed, manifest = offer.pack.newest.manifest, carried.manifest
    if (signed.length_bytes, signed.sha256) != (len(carried.manifest_bytes), sha256_of_bytes(carried.manifest_bytes)):
        raise UntrustedServerError(
            f"{carried.file_name}: its publisher has signed {manifest.name} {offer.pack.newest.version} with other "
            f"content than the {manifest.version} in the file; do not install it, and get it again from its publisher"
        )


def _signed_at(files: Mapping[str, bytes]) -> datetime | None:
    """Return when the metadata says that it was signed. Nothing is verified yet; verification follows."""
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        found = datetime.fromisoformat(_timestamp_fields(files[TIMESTAMP_NAME])[SIGNED_AT_FIELD])
        return found if found.tzinfo is not None else None
    return None


def _timestamp_fields(data: bytes) -> dict[str, str]:
    fields: dict[str, str] = json.loads(data[:MAX_TIMESTAMP_BYTES])["signed"]
    return fields


def _expired_utc(timestamp: bytes, now_utc: datetime) -> str | None:
    """Return when a verified timestamp expired; None if it has not."""
    expires = datetime.fromisoformat(_timestamp_fields(timestamp)["expires"])
    return time_text(expires) if expires <= now_utc else None


def _explained(
    error: Exception, trusted: TrustedRoot, carried: CarriedPack, files: Mapping[str, bytes]
) -> UntrustedServerError:
    from tuf.api.exceptions import DownloadError, ExpiredMetadataError, UnsignedMetadataError

    where, reason = carried.file_name, " ".join(str(error).split())[:300]
    if isinstance(error, UnsignedMetadataError):
        return _OtherKeysError(
            f"{where}: is not signed by the publisher of {trusted.url}, whose root is pinned here ({reason}); do not "
            "install it, or pin the root of its publisher with `edge-identify trust`"
        )
    if isinstance(error, ExpiredMetadataError):
        return UntrustedServerError(
            f"{where}: its signatures have expired ({reason}), so their keys may have been replaced since; get a newer "
            "file from its publisher (`edge-serve carry`). Installed packs go on working"
        )
    if isinstance(error, DownloadError):
        return UntrustedServerError(f"{where}: lacks a part of its signatures ({reason}); make it anew")
    if _is_older(trusted, files):
        return UntrustedServerError(
            f"{where}: is older than what this device has seen of {trusted.url} ({reason}); nothing was installed. Get "
            "a newer file, or sync"
        )
    return UntrustedServerError(
        f"{where}: its signatures do not fit together ({reason}); do not install it, and get it again from its "
        "publisher"
    )


def _is_older(trusted: TrustedRoot, files: Mapping[str, bytes]) -> bool:
    """Return whether the device has verified a newer timestamp than the one in the file."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        seen = _timestamp_fields((trusted.metadata_folder / TIMESTAMP_NAME).read_bytes())["version"]
        return bool(_timestamp_fields(files[TIMESTAMP_NAME])["version"] < seen)
    return False


def _unsigned(carried: CarriedPack) -> UntrustedServerError:
    return UntrustedServerError(
        f"{carried.file_name}: is not signed, so whoever wrote the file can have made any pack; --unsigned accepts "
        "that, this time. `edge-serve carry` writes a signed file"
    )


def _undecided(carried: CarriedPack) -> SetupError:
    return SetupError(
        f"{carried.file_name}: is signed, and this device has no pinned root; run `edge-identify trust URL --root "
        "root.json` with the address and the root.json of its publisher, which needs no network"
    )
