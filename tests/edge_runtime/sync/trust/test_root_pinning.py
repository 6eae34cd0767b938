"""A root is pinned from a file, by its fingerprint, or on first use; `lying_server` gives out a signed folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from edge_identify.edge_runtime.errors import SetupError, UntrustedServerError
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.sync_client import sync_pack
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed
from edge_identify.edge_runtime.sync.trust.root_pinning import trust
from edge_identify.edge_runtime.sync.trust.trusted_roots import PinnedBy
from edge_identify.sync_server.publishing.publish import publish
from signed_trees import sign_folder


class LyingServer(Protocol):
    """Of the conftest of the folder above."""

    @property
    def url(self) -> str: ...


@pytest.fixture
def root(small_pack: Callable[..., Path], tmp_path: Path) -> bytes:
    """The root of a signed tree in `tmp_path/repo`."""
    publish(small_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    return sign_folder(tmp_path / "repo")


def test_a_fingerprint_finds_its_root_and_no_other(root: bytes, lying_server: LyingServer, tmp_path: Path) -> None:
    fingerprint = hashlib.sha256(root).hexdigest()
    trusted = trust(tmp_path / "store", lying_server.url, fingerprint=f"SHA256:{fingerprint.upper()}")
    assert (trusted.root, trusted.pinned_by) == (root, PinnedBy.FINGERPRINT)
    with pytest.raises(UntrustedServerError, match="none of its 1 roots"):
        trust(tmp_path / "store", lying_server.url, fingerprint="0" * 64)
    with pytest.raises(SetupError, match="64 hexadecimal digits"):
        trust(tmp_path / "store", lying_server.url, fingerprint="abc")


def test_exactly_one_way_must_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="say how to trust it"):
        trust(tmp_path, "http://packs.example.org")
    with pytest.raises(SetupError, match="say how to trust it"):
        trust(tmp_path, "http://packs.example.org", fingerprint="0" * 64, on_first_use=True)


def test_a_signed_server_is_synced_once_its_root_is_pinned(
    root: bytes, lying_server: LyingServer, tmp_path: Path
) -> None:
    store = PackStore(tmp_path / "store")

    def sync(*, unsigned: bool = False) -> str | None:
        return sync_pack(
            store,
            lying_server.url,
            name="street-art",
            variant_names=lambda manifest: manifest.variant_names(),
            self_test=lambda *_: None,
            believe=as_signed(store.root, unsigned=unsigned),
        ).signed_utc

    with pytest.raises(SetupError, match="does not know its root yet"):
        sync()
    assert sync(unsigned=True) is None
    assert store.active("street-art").signed_utc is None
    assert trust(store.root, lying_server.url, on_first_use=True).pinned_by is PinnedBy.FIRST_USE
    assert sync() is not None
    assert store.active("street-art").signed_utc is not None, "the same pack, now with a signature"
    with pytest.raises(SetupError, match="has a pinned root"):
        sync(unsigned=True)
    assert root


def test_an_unsigned_server_is_refused(
    small_pack: Callable[..., Path], lying_server: LyingServer, tmp_path: Path
) -> None:
    publish(small_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    with pytest.raises(UntrustedServerError, match="is not signed"):
        trust(tmp_path / "store", lying_server.url, on_first_use=True)
    with pytest.raises(UntrustedServerError, match="--unsigned accepts that, this time"):
        sync_pack(
            PackStore(tmp_path / "store"),
            lying_server.url,
            name="street-art",
            variant_names=lambda manifest: manifest.variant_names(),
            self_test=lambda *_: None,
            believe=as_signed(tmp_path / "store", unsigned=False),
        )
