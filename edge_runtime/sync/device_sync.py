"""Syncs a pack to this device: the encoder variants that run here, tried by the self-test before they are activated."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.encoder_choice import variants_to_keep
from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits
from edge_identify.edge_runtime.sync.sync_client import install_pack, sync_pack
from edge_identify.edge_runtime.sync.trust.carried_chain import carried_signature
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_identify.edge_runtime.store.pack_store import PackStore
    from edge_identify.edge_runtime.sync.sync_client import ByteProgress, SyncReport


def sync_to_device(
    store: PackStore,
    url: str,
    *,
    name: str | None,
    unsigned: bool = False,
    progress: ByteProgress | None = None,
    mirrors: Sequence[str] = (),
    bytes_per_s: float | None = None,
) -> SyncReport:
    """Bring a pack to the newest version that a server offers; see `sync_pack` for other arguments and errors.

    Args:
        store: The store, with the pinned roots.
        url: The server's address.
        name: The pack's name; None for the only one.
        unsigned: Accept a server that is not signed.
        progress: Called with the progress of the download.
        mirrors: Other addresses of the same repository.
        bytes_per_s: Most bytes per second of files; None for no limit.

    Raises:
        UntrustedServerError: The server is not signed, or not as its pinned root asks.
        SetupError: The server is signed, and no root was pinned for it; or see `sync_pack`.
    """
    return sync_pack(
        store,
        url,
        name=name,
        variant_names=variants_to_keep,
        self_test=self_test_within_limits,
        progress=progress,
        mirrors=mirrors,
        bytes_per_s=bytes_per_s,
        believe=as_signed(store.root, unsigned=unsigned),
    )


def install_on_device(
    store: PackStore, path: Path, *, unsigned: bool = False, progress: ByteProgress | None = None
) -> SyncReport:
    """Install a pack from an `.edgepack` file; see `install_pack` for arguments and errors.

    Raises:
        UntrustedServerError: The file is not signed, and `unsigned` does not accept that; or not as a pinned root asks.
    """
    return install_pack(
        store,
        path,
        variant_names=variants_to_keep,
        self_test=self_test_within_limits,
        progress=progress,
        verify=partial(carried_signature, store.root, unsigned=unsigned),
    )
