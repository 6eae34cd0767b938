"""The fingerprint of a tree's newest root: SHA-256 of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.sync.trust.metadata_layout import MOST_ROOTS, root_name

if TYPE_CHECKING:
    from edge_identify.sync_server.publishing.signing.signed_repository import MetadataFiles


def served_fingerprint(files: MetadataFiles) -> str | None:
    """Return the fingerprint of the newest root that a tree serves, without verifying it; None if it is unsigned."""
    newest = None
    for version in range(1, MOST_ROOTS + 1):
        data = files.read_metadata(root_name(version))
        if data is None:
            break
        newest = data
    return None if newest is None else sha256_of_bytes(newest)
