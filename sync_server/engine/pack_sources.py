"""Where the engine room finds packs: a published repository, or a device's store.

In a repository files are named by their hash and an encoder's weights are found by their name beside it, so a pack is
laid out in a working folder first, as links where the disk has them: no bytes are copied then.
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

from edge_identify.edge_runtime.commands.choosing import open_installed
from edge_identify.edge_runtime.disk import link_or_copy
from edge_identify.edge_runtime.durable import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.encoders import variants_to_keep
from edge_identify.edge_runtime.errors import PackDamagedError, PackError
from edge_identify.edge_runtime.listing import blob_path
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES, parse_manifest
from edge_identify.edge_runtime.pack.reader import open_pack
from edge_identify.sync_server.folder_tree import read_listing

if TYPE_CHECKING:
    from edge_identify.edge_runtime.listing import OfferedVersion
    from edge_identify.edge_runtime.pack.names import PackVersion
    from edge_identify.edge_runtime.pack.reader import Pack
    from edge_identify.edge_runtime.store import PackStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A version of a pack that can be opened.

    Attributes:
        name: The pack's name.
        version: Its version.
        manifest_sha256: Hash of its manifest: another one is another pack.
        open: Opens it for as long as a block runs.
    """

    name: str
    version: PackVersion
    manifest_sha256: str
    open: Callable[[], AbstractContextManager[Pack]]


class PackSource(Protocol):
    """Somewhere that packs come from."""

    def offers(self) -> list[Offer]:
        """Return the version of each pack that should answer now.

        Raises:
            EdgeIdentifyError: What lists the packs cannot be read.
        """


class PublishedPacks:
    """The newest version of each pack of a published repository."""

    def __init__(self, repo: Path, work: Path) -> None:
        """Take a repository.

        Args:
            repo: The tree that `publish` writes.
            work: A folder to lay packs out in; on the repository's disk nothing is copied.
        """
        self._repo, self._work = repo, work

    def offers(self) -> list[Offer]:
        """See `PackSource.offers`."""
        return [self._offer(pack.name, pack.newest) for pack in read_listing(self._repo).packs.values()]

    def _offer(self, name: str, newest: OfferedVersion) -> Offer:
        return Offer(
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
                self._lay_out(entry.sha256, folder / entry.path)
            write_bytes(folder / MANIFEST_NAME, data)
            yield open_pack(folder, variant_names=variants)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _manifest_bytes(self, offered: OfferedVersion) -> bytes:
        path = self._repo / offered.manifest.path
        try:
            with path.open("rb") as file:
                data = file.read(MAX_MANIFEST_BYTES + 1)  # one more: the parser refuses what is longer
        except OSError as error:
            raise PackDamagedError(f"{path}: cannot be read ({error.strerror}); publish the pack again") from error
        if sha256_of_bytes(data) != offered.manifest.sha256:
            raise PackDamagedError(f"{path}: is not what the listing says; publish the pack again")
        return data

    def _lay_out(self, sha256: str, target: Path) -> None:
        try:
            link_or_copy(self._repo / blob_path(sha256), target)
        except OSError as error:
            raise PackDamagedError(
                f"{error.filename or target}: cannot be read ({error.strerror}); publish the pack again"
            ) from error


class InstalledPacks:
    """The active version of each pack of a device's store."""

    def __init__(self, store: PackStore) -> None:
        """Take a store, as `edge-identify sync` fills it."""
        self._store = store

    def offers(self) -> list[Offer]:
        """See `PackSource.offers`."""
        offers = []
        for name in self._store.names():
            installed = self._store.pointer(name)
            if installed is not None:
                offers.append(
                    Offer(
                        name=name,
                        version=installed.version,
                        manifest_sha256=installed.manifest_sha256,
                        open=partial(self._open, name, installed.manifest_sha256),
                    )
                )
        return offers

    def _open(self, name: str, manifest_sha256: str) -> AbstractContextManager[Pack]:
        installed = self._store.active(name)
        if installed.manifest_sha256 != manifest_sha256:
            raise PackError(f"{name}: was changed while it was opened; it is looked at again soon")
        return nullcontext(open_installed(installed))
