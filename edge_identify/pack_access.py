"""The functions of the Python API: `trust`, `sync`, `install`, `packs` and `open`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.store.installed_packs import InstalledPack
    from edge_identify.edge_runtime.store.pack_store import PackStore
    from edge_identify.edge_runtime.sync.sync_client import SyncReport
    from edge_identify.pack_identifier import PackIdentifier


def trust(
    url: str,
    *,
    root: str | os.PathLike[str] | None = None,
    fingerprint: str | None = None,
    trust_on_first_use: bool = False,
    store: str | os.PathLike[str] | None = None,
) -> str:
    """Pin the root of a server: from then on, `sync` takes only what the root's keys have signed.

    Give one of `root`, `fingerprint` and `trust_on_first_use`. The first two come from the
    publisher, not from the server.

    Args:
        url: The server's address.
        root: The publisher's root.json.
        fingerprint: SHA-256 of a root, as `edge-serve init` prints it.
        trust_on_first_use: Believe the root that the server sends now. Nobody checks that it is the right one.
        store: As in `sync`.

    Returns:
        The SHA-256 of the pinned root.

    Raises:
        NetworkError: The server cannot be reached, is not signed, or has no root with this fingerprint.
        SetupError: None or several of the three are given, or the file or fingerprint is malformed.
    """
    from edge_identify.edge_runtime.sync.trust.root_pinning import trust as pin

    return pin(
        _store(store).root,
        url,
        root=None if root is None else Path(root),
        fingerprint=fingerprint,
        on_first_use=trust_on_first_use,
    ).fingerprint


def sync(
    url: str, *, pack: str | None = None, store: str | os.PathLike[str] | None = None, unsigned: bool = False
) -> SyncReport:
    """Fetch the newest version of a pack from a server. Files that have not changed are not fetched again.

    The server's signatures are checked against the root that `trust` pinned.

    Args:
        url: The server's address.
        pack: The pack's name; needed if the server offers several.
        store: The folder that holds the installed packs; by default this platform's data folder.
        unsigned: Accept a server that is not signed, this time.

    Returns:
        The version that is installed now, and what was fetched.

    Raises:
        NetworkError: The server cannot be reached, sent something else, or is not signed as its root asks.
        PackError: The server has no such pack, or its pack does not work here. The installed version stays.
        SetupError: The address or the name is missing or wrong, no root is pinned for a signed server, the disk is
            full, or another sync is running.
    """
    from edge_identify.edge_runtime.sync.device_sync import sync_to_device

    return sync_to_device(_store(store), url, name=pack, unsigned=unsigned)


def install(
    file: str | os.PathLike[str], *, unsigned: bool = False, store: str | os.PathLike[str] | None = None
) -> SyncReport:
    """Install a pack from an `.edgepack` file, without a network. It is checked and tested as one from a server.

    Args:
        file: The file, as `edge-serve carry` writes it; or, unsigned, `edge-build pack --out NAME.edgepack`.
        unsigned: Accept a file that is not signed.
        store: As in `sync`.

    Returns:
        The version that is installed now. An installed version that is newer stays.

    Raises:
        UntrustedServerError: The file is not signed, and `unsigned` does not accept that; or not as a pinned root asks,
            or it is older than what this device has seen of its publisher.
        PackError: There is no such file, it is damaged, or its pack does not work here. The installed version stays.
        SetupError: The file is signed, and no root is pinned; the disk is full, or a sync of the pack is running.
    """
    from edge_identify.edge_runtime.sync.device_sync import install_on_device

    return install_on_device(_store(store), Path(file), unsigned=unsigned)


def packs(store: str | os.PathLike[str] | None = None) -> tuple[InstalledPack, ...]:
    """Return the installed packs, sorted by name.

    Args:
        store: As in `sync`.

    Raises:
        PackDamagedError: The manifest of a pack is damaged; sync it again.
        SetupError: The store is a file.
    """
    installed = _store(store)
    return tuple(installed.active(name) for name in installed.names())


def open(  # read as edge_identify.open, like gzip.open
    pack: str | os.PathLike[str] | None = None, *, store: str | os.PathLike[str] | None = None
) -> PackIdentifier:
    """Open a pack for photos and texts, or all installed packs.

    Args:
        pack: The name of an installed pack, or a pack's folder: a `Path`, or text with a slash. None opens the default
            pack (`edge-identify packs --default`), or else all installed packs: then the most certain answer counts.
        store: As in `sync`.

    Raises:
        PackError: There is no such pack, or its manifest is damaged. Of several packs, a damaged one is left out with a
            line in the log.
        SetupError: The store is a file.
    """
    from edge_identify.edge_runtime.store.open_by_name import open_asked
    from edge_identify.pack_identifier import PackIdentifier, log_left_out

    name = pack if pack is None or isinstance(pack, str) else Path(pack)
    asked = open_asked(name, None if store is None else Path(store))
    for damaged, error in asked.damaged:
        log_left_out(damaged, error)
    return PackIdentifier(*asked.packs)


def _store(folder: str | os.PathLike[str] | None) -> PackStore:
    from edge_identify.edge_runtime.store.pack_store import PackStore, default_store_folder

    return PackStore(default_store_folder() if folder is None else Path(folder))
