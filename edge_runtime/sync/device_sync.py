"""Syncs a pack to this device: the encoder variants that run here, tried by the self-test before they are activated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.encoders.encoder_choice import variants_to_keep
from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits
from edge_identify.edge_runtime.sync.sync_client import install_pack, sync_pack

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
    progress: ByteProgress | None = None,
    mirrors: Sequence[str] = (),
    bytes_per_s: float | None = None,
) -> SyncReport:
    """Bring a pack to the newest version that a server offers; see `sync_pack` for arguments and errors."""
    return sync_pack(
        store,
        url,
        name=name,
        variant_names=variants_to_keep,
        self_test=self_test_within_limits,
        progress=progress,
        mirrors=mirrors,
        bytes_per_s=bytes_per_s,
    )


def install_on_device(store: PackStore, path: Path, *, progress: ByteProgress | None = None) -> SyncReport:
    """Install a pack from an `.edgepack` file; see `install_pack` for arguments and errors."""
    return install_pack(
        store, path, variant_names=variants_to_keep, self_test=self_test_within_limits, progress=progress
    )
