"""What a device takes from a signed server: metadata in memory, verified by the real client."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackNotFoundError, SetupError, UntrustedServerError
from edge_identify.edge_runtime.sync.listing import manifest_path
from edge_identify.edge_runtime.sync.trust.signed_offers import SignedOffer, signed_offer
from signed_trees import PACK, MemoryServer, SignedTree, manifest, memory_ring, pinned, with_new_key


class Device:
    """A device that pinned the tree's first root."""

    def __init__(self, store: Path, tree: SignedTree) -> None:
        self.server = MemoryServer(tree.files)
        self._trusted = pinned(store, tree.first_root)

    def offer(self, name: str = PACK, now_utc: datetime | None = None) -> SignedOffer:
        self.server.asked.clear()
        return signed_offer(self.server, self._trusted, name, now_utc=now_utc)

    def version(self, name: str = PACK) -> str:
        return str(self.offer(name).pack.newest.version)


@pytest.fixture
def tree() -> SignedTree:
    return SignedTree()


@pytest.fixture
def device(tmp_path: Path, tree: SignedTree) -> Device:
    return Device(tmp_path / "store", tree)


def test_the_newest_signed_manifest_is_offered(device: Device, tree: SignedTree) -> None:
    tree.publish("1.1.0")
    offer = device.offer()
    newest = offer.pack.newest
    assert (offer.pack.name, str(newest.version), offer.pack.title) == (PACK, "1.1.0", "Street art")
    assert newest.manifest.path == manifest_path(PACK, newest.version)
    assert newest.manifest.length_bytes == len(manifest(PACK, "1.1.0"))
    assert offer.signed_utc.startswith(f"{tree.now:%Y-%m-%d}")


def test_nothing_new_costs_two_requests(device: Device) -> None:
    device.offer()
    device.offer()
    assert device.server.asked == ["tuf/2.root.json", "tuf/timestamp.json"]


def test_a_withdrawn_pack_is_not_offered(device: Device, tree: SignedTree) -> None:
    assert device.version() == "1.0.0"
    assert tree.repository().remove_target(PACK)
    with pytest.raises(PackNotFoundError, match="withdrawn"):
        device.offer()


@pytest.mark.parametrize("role", ["root", "targets", "online"])
def test_a_device_follows_a_rotated_key(device: Device, tree: SignedTree, role: str) -> None:
    assert device.version() == "1.0.0"
    (old,) = tree.ring.of_role(role)
    new_ring = with_new_key(tree.ring, role).without(old.public.keyid, role)
    tree.repository().rotate(role, old.public.keyid, new_ring)
    tree.ring = new_ring
    assert device.version() == "1.0.0"
    tree.publish("1.1.0")
    assert device.version() == "1.1.0"


def test_a_lost_online_key_is_replaced(device: Device, tree: SignedTree) -> None:
    (old,) = tree.ring.of_role("online")
    assert device.version() == "1.0.0"
    new_ring = with_new_key(tree.ring, "online").without(old.public.keyid, "online")
    del tree.ring.private[old.public.keyid]
    tree.repository().rotate("online", old.public.keyid, new_ring)
    assert device.version() == "1.0.0"


def test_expired_metadata_says_so_and_names_the_clock(device: Device, tree: SignedTree) -> None:
    tree.after(-15)
    tree.repository().renew(is_forced=True)
    with pytest.raises(UntrustedServerError, match=r"have expired.*clock says.*edge-serve refresh"):
        device.offer()


def test_a_clock_ten_years_behind_is_told(device: Device) -> None:
    with pytest.raises(SetupError, match="this device's clock says"):
        device.offer(now_utc=datetime.now(UTC) - timedelta(days=3650))


def test_a_maker_signs_for_their_namespace_only(device: Device, tree: SignedTree) -> None:
    museum = memory_ring("museum")
    tree.repository().delegate("museum", [key.public for key in museum.keys])
    museum = replace(museum, root=tree.first_root)
    tree.publish("1.0.0", pack="museum-paris", ring=museum)
    assert tree.repository().renew(), "the maker has no online key: what was signed waits for it"
    assert device.version("museum-paris") == "1.0.0"
    with pytest.raises(SetupError, match="no key of the role targets"):
        tree.publish("9.0.0", pack=PACK, ring=museum)
