"""The TUF metadata of a published tree: made, extended, renewed, and its keys rotated.

A change is complete when the timestamp is replaced. It is written last; a version that nothing names is adopted by the
next change or renewal. So whoever has the targets key, or a maker's, may write without the online key: `renew` runs
where the online key is, checks what they signed, and puts it into a new snapshot.

Everything that is read is verified against the root in the folder of keys, since a server may have been attacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.pack_names import checked_pack_name
from edge_identify.edge_runtime.sync.listing import time_text
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    MAX_TARGETS_BYTES,
    MOST_ROOTS,
    SIGNED_AT_FIELD,
    TIMESTAMP_NAME,
    TOP_ROLES,
    is_in_namespace,
    namespace_patterns,
    root_name,
    target_path,
)
from edge_identify.sync_server.publishing.changed_meanwhile import ChangedMeanwhileError
from edge_identify.sync_server.publishing.signing.key_ring import ONLINE, AskPassphrase, KeyRing

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

_TRIES = 20  # each failed try means that another publisher succeeded
_MOST_PENDING = 100_000  # versions to look through; so many only if there is no snapshot that the keys signed
_SERIALISER = JSONSerializer(compact=True)

_Signed = TypeVar("_Signed", Root, Timestamp, Snapshot, Targets)


class MetadataFiles(Protocol):
    """The metadata files of a tree, in a folder or a bucket."""

    def read_metadata(self, name: str) -> bytes | None:
        """Return a file; None if it is missing."""

    def create_metadata(self, name: str, data: bytes) -> None:
        """Write a new file.

        Raises:
            ChangedMeanwhileError: It exists already.
        """

    def replace_timestamp(self, data: bytes) -> None:
        """Replace the timestamp that was read last.

        Raises:
            ChangedMeanwhileError: Another program has replaced it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleState:
    """One role's newest metadata.

    Attributes:
        role: Its name.
        version: Its version.
        expires_utc: When it expires.
        threshold: How many keys must sign it.
        keyids: The keys that may.
        is_pending: Whether no snapshot names this version yet.
    """

    role: str
    version: int
    expires_utc: datetime
    threshold: int
    keyids: tuple[str, ...]
    is_pending: bool = False


def is_signed_tree(files: MetadataFiles) -> bool:
    """Return whether a tree has a root."""
    return files.read_metadata(root_name(1)) is not None


class SignedRepository:
    """A tree's metadata, with the keys that are here."""

    def __init__(self, files: MetadataFiles, ring: KeyRing, ask: AskPassphrase, *, now_utc: datetime) -> None:
        """Use a tree and a folder of keys. Nothing is read yet.

        Args:
            files: The tree's metadata.
            ring: The keys.
            ask: Returns passphrases.
            now_utc: The time of signing, with a time zone.
        """
        self._files, self._ring, self._ask = files, ring, ask
        self._now = now_utc.replace(microsecond=0)

    # ------------------------------------------------------------------ first metadata

    def initialise(self, *, root_threshold: int = 1) -> bytes:
        """Write the first metadata and return the root.

        Raises:
            SetupError: The tree is signed already, or the threshold exceeds the number of root keys.
        """
        if is_signed_tree(self._files):
            raise SetupError("the tree is signed already; `edge-serve status` says with which keys")
        root = Root(expires=self._end(self._ring.offline_days), consistent_snapshot=True)
        for key in self._ring.keys:
            for role in ("snapshot", "timestamp") if key.role == ONLINE else (key.role,):
                root.add_key(key.public, role)
        if not 1 <= root_threshold <= len(root.roles["root"].keyids):
            raise SetupError(f"a threshold of {root_threshold} needs as many root keys; give --root-keys")
        root.roles["root"].threshold = root_threshold
        data = _signed_bytes(root, self._signers("root"))
        targets = Targets(expires=self._end(self._ring.offline_days))
        targets_data = _signed_bytes(targets, self._signers("targets"))
        online = self._signers(ONLINE)  # every key opens before anything is written
        self._files.create_metadata("1.targets.json", targets_data)
        self._files.create_metadata(root_name(1), data)
        self._ring = replace(self._ring, root=data)
        self._commit(online)
        return data

    # ------------------------------------------------------------------ targets

    def check_may_sign(self, pack: str) -> None:
        """Raise `SetupError` unless the key for a pack is here and opens."""
        self._signers(self._owner(self._newest("targets").signed, pack))

    def set_target(self, pack: str, data: bytes, custom: dict[str, Any]) -> bool:
        """Sign the newest manifest of a pack; return False if it is signed already and nothing is due.

        Args:
            pack: The pack's name.
            data: The bytes of its manifest.
            custom: What the target says beside its length and hash: the version, at least.

        Raises:
            SetupError: A key is missing, or others keep changing the metadata.
        """
        target = TargetFile(
            length=len(data),
            hashes={"sha256": sha256_of_bytes(data)},
            path=target_path(pack),
            unrecognized_fields={"custom": custom},
        )
        return self._change(pack, target)

    def remove_target(self, pack: str) -> bool:
        """Withdraw a pack; return False if no target is there."""
        return self._change(pack, None)

    def _change(self, pack: str, target: TargetFile | None) -> bool:
        path = target_path(checked_pack_name(pack))
        role = self._owner(self._newest("targets").signed, pack)
        signers = self._signers(role)
        for _ in range(_TRIES):
            signed = self._newest_or_first(role)
            before = signed.targets.get(path)
            if before == target:
                return self.renew() if self._has_online_key() else False
            if target is None:
                del signed.targets[path]
            else:
                signed.targets[path] = target
            if self._write_role(role, signed, signers):
                break
        else:
            raise SetupError(f"{pack}: others keep changing the metadata of {role}; try again later")
        if self._has_online_key():
            self._commit(self._signers(ONLINE))
        return True

    def target_of(self, pack: str) -> TargetFile | None:
        """Return the signed target of a pack; None if there is none."""
        role = self._owner(self._newest("targets").signed, pack)
        return self._newest_or_first(role).targets.get(target_path(pack))

    def renew_targets(self, role: str = "targets") -> None:
        """Sign the targets, or a maker's, again, for another period."""
        signers = self._signers(role)
        for _ in range(_TRIES):
            if self._write_role(role, self._newest_or_first(role), signers):
                return
        raise SetupError(f"others keep changing the metadata of {role}; try again later")

    # ------------------------------------------------------------------ makers

    def delegate(self, maker: str, keys: Sequence[Key], *, threshold: int = 1) -> None:
        """Give a maker the packs of their namespace, or replace the maker's keys.

        Args:
            maker: The maker's name, which is the namespace: packs `maker` and `maker-...`.
            keys: The maker's public keys.
            threshold: How many of them must sign.

        Raises:
            SetupError: The name is a role's, or overlaps with another namespace, or the threshold is too high.
        """
        if checked_pack_name(maker) in (*TOP_ROLES, ONLINE):
            raise SetupError(f"{maker!r} is the name of a role; choose another name for the maker")
        if not 1 <= threshold <= len({key.keyid for key in keys}):
            raise SetupError(f"a threshold of {threshold} needs as many keys")
        targets = self._newest("targets").signed
        others = [name for name in _makers(targets) if name != maker]
        for other in others:
            if is_in_namespace(maker, other) or is_in_namespace(other, maker):
                raise SetupError(f"the namespaces {maker} and {other} overlap; choose another name for the maker")
        self._write_delegations(targets, self._with_maker(targets, maker, keys, threshold))

    def end_delegation(self, maker: str) -> None:
        """Take a maker's namespace back. The maker's packs are withdrawn.

        Raises:
            SetupError: There is no such maker.
        """
        targets = self._newest("targets").signed
        if maker not in _makers(targets):
            raise SetupError(f"there is no maker {maker!r}; there is {', '.join(_makers(targets)) or 'none'}")
        delegations = targets.delegations
        assert delegations is not None
        assert delegations.roles is not None
        kept = {name: role for name, role in delegations.roles.items() if name != maker}
        self._write_delegations(targets, _delegations(kept, delegations.keys))

    def _with_maker(self, targets: Targets, maker: str, keys: Sequence[Key], threshold: int) -> Delegations:
        known = targets.delegations or Delegations(keys={}, roles={})
        role = DelegatedRole(
            name=maker,
            keyids=[key.keyid for key in keys],
            threshold=threshold,
            terminating=True,
            paths=namespace_patterns(maker),
        )
        return _delegations({**(known.roles or {}), maker: role}, {**known.keys, **{key.keyid: key for key in keys}})

    def _write_delegations(self, targets: Targets, delegations: Delegations) -> None:
        targets.delegations = delegations if delegations.roles else None
        if not self._write_role("targets", targets, self._signers("targets")):
            raise SetupError("another program has changed the targets meanwhile; try again")
        if self._has_online_key():
            self._commit(self._signers(ONLINE))

    # ------------------------------------------------------------------ renewal

    def renew(self, *, is_forced: bool = False) -> bool:
        """Renew snapshot and timestamp if half of their time is over, or if signed versions wait; return whether.

        Raises:
            SetupError: The online key is not here, or others keep changing the timestamp.
        """
        if not is_forced and not self._is_due():
            return False
        self._commit(self._signers(ONLINE))
        return True

    def _is_due(self) -> bool:
        current = self._current()
        if current is None:
            return True
        timestamp, snapshot = current
        half = timedelta(days=self._ring.online_days) / 2
        if min(timestamp.signed.expires, snapshot.signed.expires) - self._now <= half:
            return True
        return any(state.is_pending for state in self.states())

    def states(self) -> list[RoleState]:
        """Return the state of every role: root, targets, the makers, snapshot, timestamp."""
        root = self.root()
        current = self._current()
        targets = self._newest("targets")
        found = [_state("root", root.signed, root.signed), self._targets_state("targets", targets, root.signed)]
        for maker in _makers(targets.signed):
            newest = self._newest_of_maker(maker, targets.signed)
            if newest is not None:
                found.append(self._targets_state(maker, newest, targets.signed))
        for one in reversed(current or ()):
            found.append(_state(one.signed.type, one.signed, root.signed))
        return found

    # ------------------------------------------------------------------ rotation

    def rotate(self, role: str, old_keyid: str, new_ring: KeyRing, *, threshold: int | None = None) -> bytes:
        """Replace one key of a role by the key of that role that is new in `new_ring`; return the new root.

        The old root keys sign the new root, too; so devices that pinned an old one follow. Where the old key is here,
        both keys sign the metadata of the role before the new root appears, so that no device meets a gap.

        Args:
            role: `root`, `targets` or `online`.
            old_keyid: The key to remove.
            new_ring: The keys, with the new one.
            threshold: How many keys of the role must sign from now on; None for no change.

        Raises:
            SetupError: Too few root keys are here, or the role has no such key.
        """
        old = self.root().signed
        targets = self._newest("targets").signed
        version, data = self._signed_root(old, _with_key(old, role, old_keyid, new_ring, threshold), new_ring)
        both = [*self._available(role), *self._available_in(new_ring, role, self._ask)]
        is_gapless = role == "root" or any(one.public_key.keyid == old_keyid for one in both)
        if is_gapless:
            self._sign_anew(role, targets, both)
        self._create_root(version, data)
        self._ring = replace(new_ring, root=data)
        if not is_gapless:
            self._sign_anew(role, targets, self._signers(role))
        return data

    def _sign_anew(self, role: str, targets: Targets, signers: list[Signer]) -> None:
        """Sign the metadata of a role with the keys of before and after."""
        signers = list({one.public_key.keyid: one for one in signers}.values())
        if role == "targets":
            self._write_role("targets", targets, signers)
        if role == ONLINE:
            self._commit(signers)
        elif role == "targets" and self._has_online_key():
            self._commit(self._signers(ONLINE))

    def renew_root(self) -> bytes:
        """Sign the root again, for another period; return it."""
        old = self.root().signed
        version, data = self._signed_root(old, deepcopy(old), self._ring)
        self._create_root(version, data)
        return data

    def _signed_root(self, old: Root, new: Root, ring: KeyRing) -> tuple[int, bytes]:
        """Return the version and the bytes of a new root that the keys of both roots have signed."""
        new.version, new.expires = old.version + 1, self._end(self._ring.offline_days)
        signers = [*self._available("root"), *self._available_in(ring, "root", self._ask)]
        metadata = Metadata(new)
        for signer in {one.public_key.keyid: one for one in signers}.values():
            metadata.sign(signer, append=True)
        for signed_by in (old, new):
            try:
                signed_by.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
            except RepositoryError as error:
                raise SetupError(f"too few root keys are here ({error}); bring the others to this folder") from error
        return new.version, metadata.to_bytes(_SERIALISER)

    def _create_root(self, version: int, data: bytes) -> None:
        try:
            self._files.create_metadata(root_name(version), data)
        except ChangedMeanwhileError as error:
            raise SetupError("another program has written a newer root meanwhile; try again") from error

    # ------------------------------------------------------------------ reading, verified

    def root(self) -> Metadata[Root]:
        """Return the newest root, verified from the root in the folder of keys on.

        Raises:
            SetupError: The tree is not signed, or its roots do not follow from the known one.
        """
        trusted = Metadata[Root].from_bytes(self._ring.root)
        for version in range(trusted.signed.version + 1, trusted.signed.version + MOST_ROOTS):
            data = self._files.read_metadata(root_name(version))
            if data is None:
                break
            following = Metadata[Root].from_bytes(data)
            try:
                for signed_by in (trusted.signed, following.signed):
                    signed_by.verify_delegate("root", following.signed_bytes, following.signatures)
            except (RepositoryError, ValueError) as error:
                raise SetupError(
                    f"{root_name(version)}: does not follow from the root in {self._ring.folder} ({error}); somebody "
                    "else has changed this tree"
                ) from error
            trusted = following
        return trusted

    def _current(self) -> tuple[Metadata[Timestamp], Metadata[Snapshot]] | None:
        """Return timestamp and snapshot; None before the first. Both are verified, also where they have expired."""
        data = self._files.read_metadata(TIMESTAMP_NAME)
        if data is None:
            return None
        root = self.root().signed
        timestamp = Metadata[Timestamp].from_bytes(data)
        snapshot_data = self._files.read_metadata(f"{timestamp.signed.snapshot_meta.version}.snapshot.json")
        if snapshot_data is None or not _is_signed_by(root, "timestamp", timestamp):
            return None
        snapshot = Metadata[Snapshot].from_bytes(snapshot_data)
        return (timestamp, snapshot) if _is_signed_by(root, "snapshot", snapshot) else None

    def _newest(self, role: str) -> Metadata[Targets]:
        found = self._newest_signed(role, self.root().signed)
        if found is None:
            raise SetupError(f"the tree has no metadata of {role} that its keys signed; restore it from a copy")
        return found

    def _newest_of_maker(self, maker: str, targets: Targets) -> Metadata[Targets] | None:
        return self._newest_signed(maker, targets)

    def _newest_or_first(self, role: str) -> Targets:
        if role == "targets":
            return self._newest(role).signed
        found = self._newest_of_maker(role, self._newest("targets").signed)
        if found is not None:
            return found.signed
        first = Targets(expires=self._end(self._ring.offline_days))
        first.version = 0  # it is written as the next one
        return first

    def _newest_signed(self, role: str, delegator: Root | Targets) -> Metadata[Targets] | None:
        """Return the newest version that the role's keys signed. Others, and unreadable files, are passed over."""
        newest = None
        for data in self._from_version(role, self._version_in_snapshot(role)):
            try:
                metadata = Metadata[Targets].from_bytes(data)
            except RepositoryError:
                continue
            if _is_signed_by(delegator, role, metadata):
                newest = metadata
        return newest

    def _from_version(self, role: str, version: int) -> Iterator[bytes]:
        for number in range(max(version, 1), version + _MOST_PENDING):
            data = self._files.read_metadata(f"{number}.{role}.json")
            if data is None:
                return
            yield data[: MAX_TARGETS_BYTES + 1]

    def _version_in_snapshot(self, role: str) -> int:
        current = self._current()
        named = current[1].signed.meta.get(f"{role}.json") if current else None
        return named.version if named else 1

    # ------------------------------------------------------------------ writing

    def _commit(self, online: list[Signer]) -> None:
        """Write a snapshot of the newest versions, then the timestamp."""
        for _ in range(_TRIES):
            current = self._current()
            snapshot = Snapshot(
                version=(current[1].signed.version if current else 0) + 1,
                expires=self._end(self._ring.online_days),
                meta=self._newest_versions(),
            )
            self._create(snapshot, "snapshot", online)
            timestamp = Timestamp(
                version=self._timestamp_version() + 1,
                expires=self._end(self._ring.online_days),
                # Without length and hash: one key signs both files, and a version of the snapshot is written once.
                snapshot_meta=MetaFile(version=snapshot.version),
                unrecognized_fields={SIGNED_AT_FIELD: time_text(self._now)},
            )
            try:
                self._files.replace_timestamp(_signed_bytes(timestamp, online))
            except ChangedMeanwhileError:
                continue
            return
        raise SetupError("others keep changing the timestamp; try again later")

    def _newest_versions(self) -> dict[str, MetaFile]:
        targets = self._newest("targets")
        meta = {"targets.json": _meta(targets.signed.version, self._bytes_of("targets", targets.signed.version))}
        for maker in _makers(targets.signed):
            newest = self._newest_of_maker(maker, targets.signed)
            if newest is not None:
                version = newest.signed.version
                meta[f"{maker}.json"] = _meta(version, self._bytes_of(maker, version))
        return meta

    def _bytes_of(self, role: str, version: int) -> bytes:
        data = self._files.read_metadata(f"{version}.{role}.json")
        assert data is not None, "it was read a moment ago"
        return data

    def _timestamp_version(self) -> int:
        """Return the version of the timestamp that is there, also where its key has been replaced."""
        data = self._files.read_metadata(TIMESTAMP_NAME)
        try:
            return 0 if data is None else Metadata[Timestamp].from_bytes(data).signed.version
        except RepositoryError:
            return 0

    def _write_role(self, role: str, signed: Targets, signers: list[Signer]) -> bool:
        """Write the next version of a targets role; return False if another program has just done so."""
        signed.version += 1
        signed.expires = self._end(self._ring.offline_days)
        data = _signed_bytes(signed, signers)
        if len(data) > MAX_TARGETS_BYTES:
            raise SetupError(f"the metadata of {role} has more than {MAX_TARGETS_BYTES} bytes; withdraw packs")
        try:
            self._files.create_metadata(f"{signed.version}.{role}.json", data)
        except ChangedMeanwhileError:
            return self._is_foreign(role, signed.version) and self._write_role(role, signed, signers)
        return True

    def _is_foreign(self, role: str, version: int) -> bool:
        """Return whether the role's keys did not sign a version. Then the next number is free for us."""
        newest = self._newest_or_first(role)
        return newest.version < version

    def _create(self, snapshot: Snapshot, role: str, signers: list[Signer]) -> None:
        while True:
            try:
                self._files.create_metadata(f"{snapshot.version}.{role}.json", _signed_bytes(snapshot, signers))
            except ChangedMeanwhileError:  # a snapshot that no timestamp names, or another program's
                snapshot.version += 1
                continue
            return

    # ------------------------------------------------------------------ keys

    def _owner(self, targets: Targets, pack: str) -> str:
        return next((maker for maker in _makers(targets) if is_in_namespace(pack, maker)), "targets")

    def _signers(self, role: str) -> list[Signer]:
        return self._ring.signers(role, self._ask)

    def _has_online_key(self) -> bool:
        return bool(self._ring.of_role(ONLINE))

    def _available(self, role: str) -> list[Signer]:
        return self._available_in(self._ring, role, self._ask)

    @staticmethod
    def _available_in(ring: KeyRing, role: str, ask: AskPassphrase) -> list[Signer]:
        """Return the signers whose keys are here: of three root keys, two may be enough."""
        found: list[Signer] = []
        for key in ring.of_role(role):
            try:
                found += replace(ring, keys=(key,)).signers(role, ask)
            except SetupError:
                continue
        return found

    def _targets_state(self, role: str, metadata: Metadata[Targets], delegator: Root | Targets) -> RoleState:
        current = self._current()
        named = current[1].signed.meta.get(f"{role}.json") if current else None
        is_pending = named is None or named.version < metadata.signed.version
        return replace(_state(role, metadata.signed, delegator), is_pending=is_pending)

    def _end(self, days: int) -> datetime:
        return self._now + timedelta(days=days)


def _with_key(old: Root, role: str, old_keyid: str, ring: KeyRing, threshold: int | None) -> Root:
    """Return a root in which a key of a role is replaced by the new one of a ring."""
    root = deepcopy(old)
    names = ("snapshot", "timestamp") if role == ONLINE else (role,)
    if old_keyid not in root.roles[names[0]].keyids:
        raise SetupError(f"{old_keyid}: is no key of {role}; `edge-serve status` lists the keys")
    new = [key for key in ring.of_role(role) if key.public.keyid not in root.roles[names[0]].keyids]
    for name in names:
        root.revoke_key(old_keyid, name)
        for key in new:
            root.add_key(key.public, name)
        root.roles[name].threshold = threshold or root.roles[name].threshold
    return root


def _signed_bytes(signed: _Signed, signers: Sequence[Signer]) -> bytes:
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(_SERIALISER)


def _is_signed_by(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> bool:
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError):
        return False
    return True


def _meta(version: int, data: bytes) -> MetaFile:
    return MetaFile(version=version, length=len(data), hashes={"sha256": sha256_of_bytes(data)})


def _makers(targets: Targets) -> list[str]:
    return list((targets.delegations.roles if targets.delegations else None) or ())


def _delegations(roles: dict[str, DelegatedRole], keys: dict[str, Key]) -> Delegations:
    """Return delegations with the keys that a role names."""
    used = {keyid for role in roles.values() for keyid in role.keyids}
    return Delegations(keys={keyid: key for keyid, key in keys.items() if keyid in used}, roles=roles)


def _state(role: str, signed: Root | Targets | Snapshot | Timestamp, delegator: Root | Targets) -> RoleState:
    known = delegator.get_delegated_role(role)
    return RoleState(
        role=role,
        version=signed.version,
        expires_utc=signed.expires,
        threshold=known.threshold,
        keyids=tuple(known.keyids),
    )
