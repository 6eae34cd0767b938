"""Sign the packs of a published tree: when one is published, withdrawn, or was published before the tree had keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from edge_identify.edge_runtime.errors import PackDamagedError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.sync.listing import (
    Listing,
    OfferedVersion,
    offered_as_json,
    serialise_listing,
    without_pack,
)
from edge_identify.sync_server.publishing.changed_meanwhile import ChangedMeanwhileError
from edge_identify.sync_server.publishing.packs_page import listing_page
from edge_identify.sync_server.publishing.publish import PublishedTree, fingerprint_of
from edge_identify.sync_server.publishing.signing.root_fingerprint import served_fingerprint
from edge_identify.sync_server.publishing.signing.signed_repository import (
    MetadataFiles,
    SignedRepository,
    is_signed_tree,
)

if TYPE_CHECKING:
    from pathlib import Path

    from edge_identify.edge_runtime.pack.manifest import FileEntry
    from edge_identify.sync_server.publishing.signing.key_ring import AskPassphrase, KeyRing

_TRIES = 20  # to change the listing while others do


class SignableTree(PublishedTree, MetadataFiles, Protocol):
    """A published tree with metadata: `FolderTree` and `BucketTree`."""

    def manifest(self, manifest: FileEntry) -> bytes:
        """Return a published manifest; raise `PackDamagedError` if it is missing."""


class TreeSigning:
    """Signs the packs of one tree. Implements `publish.Signing`."""

    def __init__(self, tree: SignableTree, ring: KeyRing, ask: AskPassphrase, *, now_utc: datetime) -> None:
        """Use a signed tree and the keys that are here."""
        self._tree = tree
        self.repository = SignedRepository(tree, ring, ask, now_utc=now_utc)

    @property
    def fingerprint(self) -> str:
        """See `Signing.fingerprint`."""
        return served_fingerprint(self._tree) or ""

    def check(self, pack: str) -> None:
        """See `Signing.check`."""
        self.repository.check_may_sign(pack)

    def sign(self, pack: str, offered: OfferedVersion, manifest: bytes) -> None:
        """See `Signing.sign`."""
        self.repository.set_target(pack, manifest, _custom(offered))

    def sign_listed(self) -> int:
        """Sign the newest version of every pack of the listing; return how many there are."""
        packs = self._tree.listing().packs
        for pack in packs.values():
            newest = pack.newest
            data = self._tree.manifest(newest.manifest)
            if sha256_of_bytes(data) != newest.manifest.sha256:
                raise PackDamagedError(f"{newest.manifest.path}: differs from the listing; publish the pack again")
            self.sign(pack.name, newest, data)
        return len(packs)


def signing_of(
    tree: SignableTree, keys: Path | None, ask: AskPassphrase, *, place: str, now_utc: datetime
) -> TreeSigning | None:
    """Return what signs a tree; None if the tree is unsigned.

    Args:
        tree: The tree.
        keys: The folder of the keys; None if there is none.
        ask: Returns passphrases.
        place: The tree's name, for messages.
        now_utc: The time of signing.

    Raises:
        SetupError: The tree is signed and no keys are here.
    """
    from edge_identify.sync_server.publishing.signing.key_ring import read_key_ring

    if not is_signed_tree(tree):
        return None
    if keys is None:
        raise SetupError(f"{place}: is signed; give the folder of its keys with --keys")
    return TreeSigning(tree, read_key_ring(keys), ask, now_utc=now_utc)


def withdraw(tree: SignableTree, pack: str, *, signing: TreeSigning | None) -> None:
    """Take a pack off the listing and the signed targets. Its files stay, and so do the copies on devices.

    Raises:
        PackNotFoundError: Neither has the pack.
        SetupError: A key is missing, or others keep changing the tree.
    """
    with tree.publishing():
        was_signed = signing is not None and signing.repository.target_of(pack) is not None
        if signing is not None and was_signed:
            signing.repository.remove_target(pack)
        was_listed = _change_listing(tree, lambda listing: without_pack(listing, pack), signing)
    if not was_signed and not was_listed:
        raise PackNotFoundError(f"no pack {pack!r} is published there; nothing was changed")


def write_page(tree: SignableTree, signing: TreeSigning | None) -> None:
    """Write the page anew, for a new root."""
    tree.write_page(listing_page(tree.listing(), fingerprint_of(signing)))


def _change_listing(tree: SignableTree, change: Callable[[Listing], Listing], signing: TreeSigning | None) -> bool:
    for _ in range(_TRIES):
        listing = tree.listing()
        changed = change(listing)
        if changed == listing:
            return False
        tree.write_page(listing_page(changed, fingerprint_of(signing)))
        try:
            tree.write_listing(serialise_listing(changed))
        except ChangedMeanwhileError:
            continue
        return True
    raise SetupError("others keep changing the listing; try again later")


def _custom(offered: OfferedVersion) -> dict[str, Any]:
    """Return what a target says of its version: what a device needs of the listing, without the manifest."""
    values = offered_as_json(offered)
    return {name: value for name, value in values.items() if name not in ("manifest", "size_bytes")}
