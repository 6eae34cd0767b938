"""A signed tree in memory, with its keys, and a server that gives out its files or an attacker's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner, Signer

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.sync.http_download import NotServedError
from edge_identify.edge_runtime.sync.trust.metadata_layout import METADATA_FOLDER, TIMESTAMP_NAME
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy, TrustedRoot, TrustedRoots
from edge_identify.sync_server.publishing.changed_meanwhile import ChangedMeanwhileError
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.signing.key_ring import ONLINE, KeyRing, RingKey
from edge_identify.sync_server.publishing.signing.signed_repository import SignedRepository
from edge_identify.sync_server.publishing.signing.tree_signing import TreeSigning

URL = "http://packs.example.org"
PACK = "street-art"


@dataclass(frozen=True, kw_only=True)
class MemoryRing(KeyRing):
    """Keys in memory: files would have to be encrypted and decrypted."""

    private: dict[str, Signer] = field(default_factory=dict)

    def without(self, keyid: str, role: str) -> MemoryRing:
        kept = tuple(one for one in self.keys if (one.public.keyid, one.role) != (keyid, role))
        return replace(self, keys=kept)

    def signers(self, role: str, ask: Any) -> list[Signer]:
        found = [self.private[key.public.keyid] for key in self.of_role(role) if key.public.keyid in self.private]
        return found or KeyRing.signers(self, role, ask)


def memory_ring(*roles: str, **options: Any) -> MemoryRing:
    """Return a ring with a key of each role."""
    ring = MemoryRing(folder=Path("keys"), keys=(), root=b"", **options)
    for role in roles or ("root", "targets", ONLINE):
        ring = with_new_key(ring, role)
    return ring


def with_new_key(ring: MemoryRing, role: str) -> MemoryRing:
    """Return the ring with one more key of a role."""
    signer = CryptoSigner.generate_ed25519()
    key = RingKey(role=role, public=signer.public_key, uri="memory:")
    return replace(ring, keys=(*ring.keys, key), private={**ring.private, signer.public_key.keyid: signer})


class MemoryFiles:
    """Metadata files by name. Implements `MetadataFiles`."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.known_timestamp: bytes | None = None

    def read_metadata(self, name: str) -> bytes | None:
        if name == TIMESTAMP_NAME:
            self.known_timestamp = self.files.get(name)
        return self.files.get(name)

    def create_metadata(self, name: str, data: bytes) -> None:
        if name in self.files:
            raise ChangedMeanwhileError(name)
        self.files[name] = data

    def replace_timestamp(self, data: bytes) -> None:
        if self.files.get(TIMESTAMP_NAME) != self.known_timestamp:
            raise ChangedMeanwhileError(TIMESTAMP_NAME)
        self.files[TIMESTAMP_NAME] = data


class MemoryServer:
    """Gives out a tree's metadata, as `HttpServer` does. Counts what is asked for."""

    url = URL

    def __init__(self, files: MemoryFiles) -> None:
        self.files = files.files
        self.asked: list[str] = []

    def fetch_document(self, path: str, *, max_bytes: int) -> bytes:
        self.asked.append(path)
        data = self.files.get(path.removeprefix(f"{METADATA_FOLDER}/"))
        if data is None:
            raise NotServedError(f"{path}: is not there (404)")
        if len(data) > max_bytes:
            raise NetworkError(f"{path}: longer than the limit of {max_bytes} bytes")
        return data


class SignedTree:
    """A repository in memory with one pack, whose clock the test moves."""

    def __init__(self, ring: MemoryRing | None = None, *, root_threshold: int = 1) -> None:
        self.files = MemoryFiles()
        self.ring = ring or memory_ring()
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.ring = replace(self.ring, root=self.repository().initialise(root_threshold=root_threshold))
        self.publish("1.0.0")

    @property
    def first_root(self) -> bytes:
        return self.files.files["1.root.json"]

    def repository(self, ring: KeyRing | None = None) -> SignedRepository:
        return SignedRepository(self.files, ring or self.ring, lambda _: None, now_utc=self.now)

    def publish(self, version: str, *, pack: str = PACK, ring: KeyRing | None = None) -> None:
        self.repository(ring).set_target(pack, manifest(pack, version), custom(version))

    def copy(self) -> dict[str, bytes]:
        return dict(self.files.files)

    def after(self, days: float) -> None:
        self.now += timedelta(days=days)


def manifest(pack: str, version: str) -> bytes:
    """Return what stands for a manifest."""
    return f"{pack} {version}".encode()


def custom(version: str) -> dict[str, Any]:
    """Return what a target says of a version."""
    return {"version": version, "title": "Street art", "size_bytes": 10, "published_utc": "2026-01-31T12:00:00Z"}


def pinned(store: Path, root: bytes) -> TrustedRoot:
    """Pin a root for `URL`."""
    return TrustedRoots(store).pin(URL, root, pinned_by=PinnedBy.ROOT_FILE, now_utc=datetime.now(UTC))


def sign_folder(repo: Path, ring: MemoryRing | None = None) -> bytes:
    """Sign what is published in a folder; return the root that devices pin."""
    tree, now, ring = FolderTree(repo), datetime.now(UTC), ring or memory_ring()
    root = SignedRepository(tree, ring, lambda _: None, now_utc=now).initialise()
    TreeSigning(tree, replace(ring, root=root), lambda _: None, now_utc=now).sign_listed()
    return root
