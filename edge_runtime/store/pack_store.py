"""The device's installed packs, and one pointer per pack that names the active version.

    ROOT/NAME/active.json           the pointer; replaced atomically, never edited
    ROOT/NAME/versions/1.2.0/       pack.json and the files of the variants that this device keeps
    ROOT/NAME/staging/              the next version while it is assembled; the next sync clears it
    ROOT/NAME/lock                  the lock of a running sync

A version is active only when the pointer names it, and the pointer is written last. So a crash never leaves half a pack
active. The previous version stays on the disk (`version_changes` goes back to it); older ones are removed. Unchanged
files of a version are hard links to those of the version before. So a file of a version is replaced by renaming, and
never written to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import (
    PackDamagedError,
    PackError,
    PackFormatError,
    PackNotFoundError,
    SetupError,
)
from edge_identify.edge_runtime.io.disk import (
    disk_errors_explained,
    flush_folder,
    flush_tree,
    link_or_copy,
    move_files,
    paths_below,
)
from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.io.locking import only_writer
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name
from edge_identify.edge_runtime.pack.pack_reader import FileCheck, read_manifest
from edge_identify.edge_runtime.store.arrived_files import ArrivedFiles
from edge_identify.edge_runtime.store.installed_packs import (
    MAX_POINTER_BYTES,
    POINTER_NAME,
    InstalledPack,
    has_intact_manifest,
    parse_pointer,
    serialise_pointer,
    version_folder,
)
from edge_identify.edge_runtime.store.verified_files import NOTES_NAME, VerifiedFiles

if TYPE_CHECKING:
    from datetime import datetime


def default_store_folder() -> Path:
    """Return the folder for packs in this platform's place for application data. It is not created."""
    from platformdirs import user_data_path

    return user_data_path("edge-identify", appauthor=False) / "packs"


class PackStore:
    """A folder of installed packs.

    Reading needs no lock. Methods that write must be called inside `updating`.
    """

    def __init__(self, root: Path) -> None:
        """Use a folder as store.

        Args:
            root: The folder. It is created at the first install.
        """
        self.root = root

    def names(self) -> tuple[str, ...]:
        """Return the names of the installed packs, sorted.

        Raises:
            SetupError: The store is a file, not a folder.
        """
        if self.root.is_file():
            raise SetupError(f"{self.root}: is a file; give the folder of the packs with --store")
        return tuple(sorted(pointer.parent.name for pointer in self.root.glob(f"*/{POINTER_NAME}")))

    def active(self, name: str) -> InstalledPack:
        """Return the active version of a pack, with its manifest checked.

        Raises:
            PackNotFoundError: No such pack is installed.
            SetupError: The store is a file, not a folder.
            PackFormatError: No pack can have that name.
            PackDamagedError: The pointer is unreadable, its version is missing, or the manifest has changed.
        """
        try:
            data = self._read_pointer(name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise PackNotFoundError(f"no pack {name!r} in {self.root}; {self._advice()}") from error
        except OSError as error:
            raise PackDamagedError(
                f"{error.filename}: cannot be read ({error.strerror}); check who may read it"
            ) from error
        try:
            installed = parse_pointer(self.root / name, data)
        except PackFormatError as error:
            raise PackDamagedError(
                f"{self.root / name / POINTER_NAME}: is damaged ({error}); "
                f"fetch the pack again with `edge-identify sync URL --pack {name}`"
            ) from error
        if not has_intact_manifest(installed):
            raise PackDamagedError(
                f"{installed.folder / MANIFEST_NAME}: is missing or has changed; {sync_advice(name, installed.source)}"
            )
        return installed

    def pointer(self, name: str) -> InstalledPack | None:
        """Return what the pointer of a pack says, without a look at its files; None if there is no readable pointer.

        For repairing a pack. To answer from a pack, call `active`.
        """
        try:
            return parse_pointer(self.root / name, self._read_pointer(name))
        except (OSError, PackFormatError):
            return None

    def only_pack(self) -> InstalledPack:
        """Return the only installed pack, as `active` does.

        Raises:
            PackNotFoundError: No pack is installed.
            SetupError: Several packs are installed; the message names them.
            PackDamagedError: As for `active`.
        """
        names = self.names()
        if not names:
            raise PackNotFoundError(f"no pack in {self.root}; {self._advice()}")
        if len(names) > 1:
            raise SetupError(f"several packs are installed; choose one with --pack: {', '.join(names)}")
        return self.active(names[0])

    def free_bytes(self) -> int:
        """Return the free space in bytes on the disk of the store."""
        import shutil  # imported here and below: it takes 2 ms, and identifying a photo does not need it

        folder = self.root.absolute()
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    @contextmanager
    def updating(self, name: str) -> Iterator[None]:
        """Hold the lock of a pack while the block runs. The staging folder is cleared before and after.

        What a killed process left unfinished is removed, too.

        Raises:
            SetupError: Another sync of this pack is running, or the disk is full or refuses.
        """
        home = self.root / checked_pack_name(name)
        with disk_errors_explained(self.root):
            home.mkdir(parents=True, exist_ok=True)
            busy = f"{name} is being synced by another process in {self.root}; wait until that ends"
            with only_writer(home / "lock", busy=busy):
                self._remove_staging(name)
                _remove_unfinished(home)
                try:
                    yield
                finally:
                    self._remove_staging(name)

    def intact_files(self, installed: InstalledPack, wanted: Iterable[FileEntry]) -> frozenset[FileEntry]:
        """Find the files of an installed pack that a new version can reuse.

        Args:
            installed: The active version.
            wanted: The files that the new version needs.

        Returns:
            Undamaged files of the installed version whose content is wanted, with their paths in that version. A file
            that is unchanged since its last check is not hashed again.
        """
        check = VerifiedFiles(self.root / installed.name / NOTES_NAME).check
        wanted = frozenset(wanted)
        hashes = {entry.sha256 for entry in wanted}
        # If the installed manifest is damaged, only the paths of the new one are known.
        known = _entries_of(installed) | wanted
        return frozenset(
            entry for entry in known if entry.sha256 in hashes and _is_intact(installed.folder, entry, check)
        )

    def record_checked(self, installed: InstalledPack) -> None:
        """Record the files of a version that was just fetched and activated as checked: they are not hashed again."""
        files = read_manifest(installed.folder).files_for(installed.variant_names)
        VerifiedFiles(self.root / installed.name / NOTES_NAME).record(installed.folder, files)

    def stage(self, name: str, manifest_bytes: bytes, reused: Mapping[str, Path]) -> Path:
        """Begin a version: create the staging folder with the new manifest and the unchanged files.

        Args:
            name: The pack's name.
            manifest_bytes: Bytes of the new `pack.json`.
            reused: Path in the new version -> installed file to link or copy.

        Returns:
            The staging folder. The caller adds the other files, then calls `activate`.
        """
        self._remove_staging(name)
        staging = self._staging(name)
        staging.mkdir(parents=True)
        write_bytes(staging / MANIFEST_NAME, manifest_bytes)
        for path, source in sorted(reused.items()):
            link_or_copy(source, staging / path)
        return staging

    def arrived(self, name: str) -> ArrivedFiles:
        """Return the files of a new version that have arrived; see `ArrivedFiles`."""
        return ArrivedFiles(self.root / checked_pack_name(name) / "arrived")

    def activate(self, new: InstalledPack) -> InstalledPack:
        """Activate the staged version: move it into place, then replace the pointer.

        The old version answers until the pointer is replaced; after that, the new one does.

        Args:
            new: The content of the pointer, made by `describe`.

        Returns:
            `new`.
        """
        import shutil

        staging = self._staging(new.name)
        kept = paths_below(staging)
        now = self.pointer(new.name)
        if now is not None and now.version == new.version:
            move_files(staging, new.folder, kept)
        else:
            new.folder.parent.mkdir(exist_ok=True)
            if new.folder.exists():  # left by a crash before the switch, or the version that was rolled back
                shutil.rmtree(new.folder)
            staging.rename(new.folder)
        flush_tree(new.folder.parent)
        self.point_to(new)
        self._prune(new, kept)
        return new

    def point_to(self, new: InstalledPack) -> None:
        """Replace the pointer of a pack, durably. The version lies in its folder already."""
        write_bytes(self.root / new.name / POINTER_NAME, serialise_pointer(new))
        flush_folder(self.root / new.name)

    def note_signature(self, name: str, signed_utc: str | None) -> None:
        """Record when a server last signed the active version, if it did. The pack itself stays as it is."""
        now = self.pointer(name)
        if now is not None and signed_utc is not None and now.signed_utc != signed_utc:
            self.point_to(replace(now, signed_utc=signed_utc))

    def describe(
        self,
        name: str,
        version: PackVersion,
        *,
        variant_names: tuple[str, ...],
        source: str,
        manifest_sha256: str,
        published_utc: datetime | None = None,
        mirrors: tuple[str, ...] = (),
        signed_utc: str | None = None,
    ) -> InstalledPack:
        """Return the `InstalledPack` for a version that `activate` will make active."""
        before = self._before(name, version)
        return InstalledPack(
            name=name,
            version=version,
            folder=version_folder(self.root / name, version),
            variant_names=variant_names,
            source=source,
            manifest_sha256=manifest_sha256,
            previous=self._previous_for(name, version),
            before=before,
            published_utc=published_utc,
            mirrors=mirrors,
            signed_utc=signed_utc,
        )

    def _previous_for(self, name: str, version: PackVersion) -> PackVersion | None:
        now = self.pointer(name)
        if now is None:
            return None
        return now.previous if now.version == version else now.version

    def _before(self, name: str, version: PackVersion) -> InstalledPack | None:
        now = self.pointer(name)
        return now.before if now is not None and now.version == version else now

    def _read_pointer(self, name: str) -> bytes:
        with (self.root / checked_pack_name(name) / POINTER_NAME).open("rb") as file:
            return file.read(MAX_POINTER_BYTES + 1)  # one byte more: the parser refuses a longer file

    def _prune(self, new: InstalledPack, kept: frozenset[str]) -> None:
        import shutil

        keep = {new.version, new.previous}
        for folder in (self.root / new.name / "versions").iterdir():
            if folder.name not in {str(version) for version in keep}:
                shutil.rmtree(folder, ignore_errors=True)  # on Windows, an open file is removed at the next sync
        for path in paths_below(new.folder) - kept:  # files of variants that are no longer kept
            (new.folder / path).unlink(missing_ok=True)

    def _advice(self) -> str:
        if names := self.names():
            return f"there is {', '.join(names)}; fetch others with `edge-identify sync URL`"
        return "fetch one with `edge-identify sync URL`"

    def _staging(self, name: str) -> Path:
        return self.root / name / "staging"

    def _remove_staging(self, name: str) -> None:
        import shutil

        if self._staging(name).exists():
            shutil.rmtree(self._staging(name))


def _remove_unfinished(home: Path) -> None:
    """Remove what a killed process left of a pointer, or of the records of checks; see `durable_writes.replacing`."""
    for path in home.glob(".*.part"):
        path.unlink(missing_ok=True)


def sync_advice(name: str, source: str) -> str:
    """Return the end of a message: how to fetch a pack again from its server."""
    return f"fetch it again with `edge-identify sync {source} --pack {name}`"


def _entries_of(installed: InstalledPack) -> frozenset[FileEntry]:
    try:
        return frozenset(read_manifest(installed.folder).files.values())
    except PackError:
        return frozenset()


def _is_intact(folder: Path, entry: FileEntry, check: FileCheck) -> bool:
    try:
        check(folder, entry)
    except PackDamagedError:
        return False
    return True
