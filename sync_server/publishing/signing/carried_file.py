"""Write a published pack, with the metadata that signs it, as an `.edgepack` file.

The file is opened again and verified as a device does, before it gets its name: with the first root of the tree pinned.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from edge_identify.edge_runtime.errors import PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name
from edge_identify.edge_runtime.sync.carried_pack import SUFFIX, open_carried_pack, write_carried_pack
from edge_identify.edge_runtime.sync.listing import manifest_path, time_text
from edge_identify.edge_runtime.sync.trust.carried_chain import carried_signature
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    MOST_ROOTS,
    TIMESTAMP_NAME,
    is_in_namespace,
    root_name,
    target_path,
)
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy, TrustedRoots

if TYPE_CHECKING:
    from edge_identify.sync_server.publishing.signing.tree_signing import SignableTree

_TREE_URL = "file://tree"  # stands for the tree's address while the file is verified


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """The file that was written.

    Attributes:
        version: The version in it.
        length_bytes: Its length.
        signed_utc: When its metadata was signed, as text.
        usable_until_utc: When its root or targets expire, as text; no device takes it from then on.
    """

    version: str
    length_bytes: int
    signed_utc: str
    usable_until_utc: str


def write_signed_file(
    tree: SignableTree, pack: str, out: Path, *, replace: bool = False, now_utc: datetime | None = None
) -> WrittenFile:
    """Write the newest signed version of a pack as an `.edgepack` file.

    Args:
        tree: The tree. It is only read.
        pack: The pack's name.
        out: The file.
        replace: Whether an existing file may be replaced.
        now_utc: The time; None for now.

    Raises:
        SetupError: The tree is not signed, the file exists, or the disk is full or refuses.
        PackNotFoundError: The tree has signed no such pack.
        UntrustedServerError: The signatures of the tree are not valid: they have expired, or do not fit together.
        PackDamagedError: A file of the tree is missing or damaged.
    """
    if out.suffix != SUFFIX or not out.parent.is_dir():
        raise SetupError(f"{out}: give a file whose name ends in {SUFFIX}, in a folder that exists")
    if out.is_dir() or (out.exists() and not replace):
        raise SetupError(f"{out}: exists; choose another --out, or pass --replace")
    chain = _Chain(tree, checked_pack_name(pack))
    with disk_errors_explained(out.parent), tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as name:
        work = Path(name)
        _lay_out(tree, pack, chain.target, work / "pack")
        published_utc = datetime.fromisoformat(str(chain.custom()["published_utc"]))
        write_carried_pack(work / "pack", work / out.name, now_utc=published_utc, trust_files=chain.files)
        signed_utc = _verified(work / out.name, work / "store", chain, now_utc or datetime.now(UTC))
        (work / out.name).replace(out)
    return WrittenFile(
        version=str(chain.custom()["version"]),
        length_bytes=out.stat().st_size,
        signed_utc=signed_utc,
        usable_until_utc=time_text(chain.usable_until_utc),
    )


class _Chain:
    """The metadata of a tree that signs one pack. Nothing is verified here: the finished file is."""

    def __init__(self, tree: SignableTree, pack: str) -> None:
        self._tree = tree
        self.files = dict(_roots(tree))
        if not self.files:
            raise SetupError("the tree is not signed; make keys with `edge-serve init`")
        try:
            self._read(pack)
        except (RepositoryError, KeyError) as error:
            raise SetupError(f"the tree's metadata is damaged ({error}); see `edge-serve status`") from error

    def _read(self, pack: str) -> None:
        root = Metadata[Root].from_bytes(list(self.files.values())[-1])
        timestamp = Metadata[Timestamp].from_bytes(self._kept(TIMESTAMP_NAME))
        snapshot = (
            Metadata[Snapshot].from_bytes(self._kept(f"{timestamp.signed.snapshot_meta.version}.snapshot.json")).signed
        )
        targets = self._targets(snapshot, "targets")
        path, owner = target_path(pack), targets
        makers = (targets.delegations.roles if targets.delegations else None) or {}
        if path not in targets.targets:
            maker = next((name for name in makers if is_in_namespace(pack, name)), None)
            owner = self._targets(snapshot, maker) if maker else targets
        if path not in owner.targets:
            raise PackNotFoundError(f"the tree has signed no pack {pack!r}; publish it with `edge-serve publish`")
        self.target: TargetFile = owner.targets[path]
        self.usable_until_utc = min(one.expires for one in (root.signed, targets, owner))

    def _targets(self, snapshot: Snapshot, role: str) -> Targets:
        return Metadata[Targets].from_bytes(self._kept(f"{snapshot.meta[f'{role}.json'].version}.{role}.json")).signed

    def _kept(self, name: str) -> bytes:
        data = self._tree.read_metadata(name)
        if data is None:
            raise KeyError(name)
        self.files[name] = data
        return data

    def custom(self) -> dict[str, Any]:
        """Return what the target says of the version."""
        found: dict[str, Any] = self.target.unrecognized_fields["custom"]
        return found


def _roots(tree: SignableTree) -> Iterator[tuple[str, bytes]]:
    for version in range(1, MOST_ROOTS + 1):
        data = tree.read_metadata(root_name(version))
        if data is None:
            return
        yield root_name(version), data


def _lay_out(tree: SignableTree, pack: str, target: TargetFile, folder: Path) -> None:
    """Put the files of a signed version into a folder."""
    version = PackVersion.parse(str(target.unrecognized_fields["custom"]["version"]))
    entry = FileEntry(
        path=manifest_path(pack, version), length_bytes=target.length, sha256=target.hashes.get("sha256", "")
    )
    data = tree.manifest(entry)
    folder.mkdir()
    write_bytes(folder / MANIFEST_NAME, data)
    for file in parse_manifest(data, where=entry.path).files.values():
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        tree.lay_out(file, folder / file.path)


def _verified(path: Path, store: Path, chain: _Chain, now_utc: datetime) -> str:
    """Verify a file as a device does that pinned the first root; return when it was signed."""
    first = chain.files[root_name(1)]
    TrustedRoots(store).pin(_TREE_URL, first, pinned_by=PinnedBy.ROOT_FILE, now_utc=now_utc)
    with open_carried_pack(path) as carried:
        signature = carried_signature(store, carried, unsigned=False, now_utc=now_utc)
    assert signature is not None, "an unsigned file is not accepted here"
    return signature.signed_utc
