"""Where the engine pool gets packs: a published repository, or a device's store.

A repository stores files by hash. An encoder finds its weights by file name, so `PublishedPacks` lays a pack out in a
working folder first. On the same disk these are links, not copies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Protocol

from edge_identify.edge_runtime.encoders.encoder_choice import variants_to_keep
from edge_identify.edge_runtime.errors import PackDamagedError, PackError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.store.installed_packs import open_installed

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.manifest import FileEntry
    from edge_identify.edge_runtime.pack.pack_names import PackVersion
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.store.bounded_self_test import SelfTest
    from edge_identify.edge_runtime.store.pack_store import PackStore
    from edge_identify.edge_runtime.sync.listing import Listing, OfferedVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableVersion:
    """A version of a pack that can be opened.

    Attributes:
        name: Name of the pack.
        version: Its version.
        manifest_sha256: Hash of its manifest. If it changes, the pack is opened again.
        open: Returns a context manager that opens the pack.
    """

    name: str
    version: PackVersion
    manifest_sha256: str
    open: Callable[[], AbstractContextManager[Pack]]


class PackSource(Protocol):
    """A source of packs."""

    def available_versions(self) -> list[AvailableVersion]:
        """Return the current version of each pack.

        Raises:
            EdgeIdentifyError: The packs cannot be listed.
        """


class ReadableTree(Protocol):
    """Reading a tree that `publish` writes."""

    def published(self) -> Listing:
        """Return what the tree offers.

        Raises:
            EdgeIdentifyError: The listing cannot be read, or a bucket has none.
        """

    def manifest(self, manifest: FileEntry) -> bytes:
        """Return the bytes of a manifest. A manifest over `MAX_MANIFEST_BYTES` may be truncated.

        Raises:
            EdgeIdentifyError: It is missing or cannot be read.
        """

    def lay_out(self, entry: FileEntry, target: Path) -> None:
        """Write a file of a pack to `target`, which does not exist yet.

        Raises:
            EdgeIdentifyError: The file is missing or cannot be read.
        """


class PublishedPacks:
    """The newest version of each pack of a published repository."""

    def __init__(self, tree: ReadableTree, work: Path, *, self_test: SelfTest | None = None) -> None:
        """Take a repository.

        Args:
            tree: The published tree.
            work: Folder for laid-out packs. On the same disk as the tree, nothing is copied.
            self_test: Tests a version before it is opened. None: all versions are known to work.
        """
        self._tree, self._work, self._self_test = tree, work, self_test

    def available_versions(self) -> list[AvailableVersion]:
        """See `PackSource.available_versions`."""
        return [self._version(pack.name, pack.newest) for pack in self._tree.published().packs.values()]

    def _version(self, name: str, newest: OfferedVersion) -> AvailableVersion:
        return AvailableVersion(
            name=name,
            version=newest.version,
            manifest_sha256=newest.manifest.sha256,
            open=partial(self._open, newest),
        )

    @contextmanager
    def _open(self, offered: OfferedVersion) -> Iterator[Pack]:
        data = self._manifest_bytes(offered)
        manifest = parse_manifest(data, where=offered.manifest.path)
        variants = variants_to_keep(manifest)
        folder = Path(mkdtemp(prefix=f"{manifest.name}-{manifest.version}-", dir=self._work))
        try:
            for entry in manifest.files_for(variants):
                self._tree.lay_out(entry, folder / entry.path)
            write_bytes(folder / MANIFEST_NAME, data)
            if self._self_test is not None:
                self._self_test(folder, manifest, variants)
            yield open_pack(folder, variant_names=variants)
        finally:
            # A file that is still mapped stays readable: only its name is removed.
            shutil.rmtree(folder, ignore_errors=True)

    def _manifest_bytes(self, offered: OfferedVersion) -> bytes:
        data = self._tree.manifest(offered.manifest)
        if sha256_of_bytes(data) != offered.manifest.sha256:
            raise PackDamagedError(f"{offered.manifest.path}: hash differs from the listing; publish the pack again")
        return data


class InstalledPacks:
    """The active version of each pack of a device's store."""

    def __init__(self, store: PackStore) -> None:
        """Take a store that `edge-identify sync` fills."""
        self._store = store

    def available_versions(self) -> list[AvailableVersion]:
        """See `PackSource.available_versions`."""
        available = []
        for name in self._store.names():
            installed = self._store.pointer(name)
            if installed is not None:
                available.append(
                    AvailableVersion(
                        name=name,
                        version=installed.version,
                        manifest_sha256=installed.manifest_sha256,
                        open=partial(self._open, name, installed.manifest_sha256),
                    )
                )
        return available

    def _open(self, name: str, manifest_sha256: str) -> AbstractContextManager[Pack]:
        installed = self._store.active(name)
        if installed.manifest_sha256 != manifest_sha256:
            raise PackError(f"{name}: was changed while it was opened; the next refresh tries again")
        return nullcontext(open_installed(installed))
