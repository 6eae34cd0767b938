"""When the signatures of a served tree expire, read from its files, without keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import JsonObject, parse_json_object
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    MAX_TARGETS_BYTES,
    MOST_ROOTS,
    TIMESTAMP_NAME,
    root_name,
)

if TYPE_CHECKING:
    from edge_identify.sync_server.publishing.signing.signed_repository import MetadataFiles

OFFLINE_WARNING_S = 30 * 86_400.0  # a person has to come with a key: a month
ONLINE_WARNING_S = 2 * 86_400.0  # the server should have renewed it days ago
_ONLINE_ROLES = ("snapshot", "timestamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureHealth:
    """When each role of a tree expires.

    Attributes:
        expires_utc: By role; empty if the tree is unsigned.
    """

    expires_utc: Mapping[str, datetime] = field(default_factory=dict)

    def state(self, now_utc: datetime) -> str:
        """Return `unsigned`, or the worst of `valid`, `expiring` and `expired` over all roles."""
        states = {expiry_state(role, ends, now_utc) for role, ends in self.expires_utc.items()}
        return next((state for state in ("expired", "expiring", "valid") if state in states), "unsigned")


def expiry_state(role: str, expires_utc: datetime, now_utc: datetime) -> str:
    """Return `valid`, `expiring` (a person should look) or `expired`."""
    remaining_s = (expires_utc - now_utc).total_seconds()
    if remaining_s <= 0:
        return "expired"
    return "expiring" if remaining_s < (ONLINE_WARNING_S if role in _ONLINE_ROLES else OFFLINE_WARNING_S) else "valid"


def signature_health(files: MetadataFiles) -> SignatureHealth:
    """Return when the signatures of a tree expire. Files that are missing or unreadable are left out."""
    root = _newest_root(files)
    if root is None:
        return SignatureHealth()
    names = {"root": root, "timestamp": TIMESTAMP_NAME}
    snapshot = _version_named(files, TIMESTAMP_NAME, "snapshot.json")
    if snapshot is not None:
        names["snapshot"] = f"{snapshot}.snapshot.json"
        for file in _names_in(files, names["snapshot"]):
            names[file.removesuffix(".json")] = f"{_version_named(files, names['snapshot'], file)}.{file}"
    ends = {role: _expiry(files, name) for role, name in names.items()}
    return SignatureHealth(expires_utc={role: end for role, end in ends.items() if end is not None})


def _newest_root(files: MetadataFiles) -> str | None:
    newest = None
    for version in range(1, MOST_ROOTS + 1):
        if files.read_metadata(root_name(version)) is None:
            break
        newest = root_name(version)
    return newest


def _expiry(files: MetadataFiles, name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(_signed(files, name).text("expires"))
    except (PackFormatError, ValueError):
        return None


def _version_named(files: MetadataFiles, name: str, file: str) -> int | None:
    try:
        return _signed(files, name).object("meta").object(file).integer("version", least=1)
    except PackFormatError:
        return None


def _names_in(files: MetadataFiles, name: str) -> tuple[str, ...]:
    try:
        return tuple(_signed(files, name).object("meta").values)
    except PackFormatError:
        return ()


def _signed(files: MetadataFiles, name: str) -> JsonObject:
    data = files.read_metadata(name)
    if data is None:
        raise PackFormatError(f"{name}: is missing")
    return parse_json_object(data, where=name, max_bytes=MAX_TARGETS_BYTES).object("signed")
