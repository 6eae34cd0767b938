"""The device's packs: what is installed, and the one pointer that says which version answers.

    ROOT/NAME/active.json           the pointer; replaced whole, never edited
    ROOT/NAME/versions/1.2.0/       pack.json and the files of the variants this device keeps
    ROOT/NAME/staging/              the next version while it is put together; the next sync clears it
    ROOT/NAME/lock                  one sync at a time

A newcomer would install in place, or look for the highest version folder: both answer from half a pack after
a crash. Here a version counts only once the pointer names it, and the pointer moves last. The version before
stays, older ones go. Files of a version are hard links to the same file of the one before where nothing
changed, so they are replaced, never written to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file, write_bytes
from edge_identify.edge_runtime.io.json_fields import canonical_json, parse_json_object
from edge_identify.edge_runtime.io.locking import only_writer
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name, checked_sha256
from edge_identify.edge_runtime.pack.pack_reader import check_file, read_manifest

POINTER_NAME = "active.json"
MAX_POINTER_BYTES = 64 * 2**10  # some hundred bytes in truth


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPack:
    """The active version of a pack on this device.

    Attributes:
        name: The pack's name.
        version: The version that answers.
        folder: Where its files lie.
        variant_names: The encoder variants that are kept here.
        source: Address of the server it came from.
        manifest_sha256: Hash of its `pack.json`, so that damage to the manifest itself is noticed.
        previous: The version before, still on the disk, or None.
    """

    name: str
    version: PackVersion
    folder: Path
    variant_names: tuple[str, ...]
    source: str
    manifest_sha256: str
    previous: PackVersion | None


def default_store_folder() -> Path:
    """Return where this platform keeps an application's data, with the packs in it. Nothing is created."""
    from platformdirs import user_data_path

    return user_data_path("edge-identify", appauthor=False) / "packs"


class PackStore:
    """A folder of installed packs.

    Reading needs no lock. Everything that writes runs inside `updating`.
    """

    def __init__(self, root: Path) -> None:
        """Use a folder as store.

        Args:
            root: Made when something is installed; need not be there before.
        """
        self.root = root

    def names(self) -> tuple[str, ...]:
        """Return the names of the installed packs, sorted.

        Raises:
            SetupError: The store is a file, not a folder.
        """
        if self.root.is_file():
            raise SetupError(f"{self.root}: is a file; give the folder where packs are kept with --store")
        return tuple(sorted(pointer.parent.name for pointer in self.root.glob(f"*/{POINTER_NAME}")))

    def active(self, name: str) -> InstalledPack:
        """Return the version of a pack that answers, its manifest checked.

        Raises:
            PackNotFoundError: No such pack is installed.
            SetupError: The store is a file, not a folder.
            PackFormatError: No pack can have that name.
            PackDamagedError: The pointer is not readable, the version it names is gone, or its manifest has
                changed.
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
            installed = self._parse_pointer(name, data)
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
        """Return what the pointer of a pack says, its files unseen; None where there is no readable one.

        For those who repair. Who answers from a pack calls `active`.
        """
        try:
            return self._parse_pointer(name, self._read_pointer(name))
        except (OSError, PackFormatError):
            return None

    def only_pack(self) -> InstalledPack:
        """Return the one pack that is installed.

        Raises:
            PackNotFoundError: None is.
            SetupError: There are several; the message names them.
        """
        names = self.names()
        if not names:
            raise PackNotFoundError(f"no pack in {self.root}; {self._advice()}")
        if len(names) > 1:
            raise SetupError(f"several packs are installed; choose one with --pack: {', '.join(names)}")
        return self.active(names[0])

    def free_bytes(self) -> int:
        """Return the free space where the store is, or would be."""
        import shutil  # here and below: 2 ms of a cold start, which neither copies nor removes anything

        folder = self.root.absolute()
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    @contextmanager
    def updating(self, name: str) -> Iterator[None]:
        """Be the only one that changes a pack while the block runs; what a crash left is removed.

        Raises:
            SetupError: Another sync of this pack is running, or the disk is full or refuses.
        """
        home = self.root / checked_pack_name(name)
        with disk_errors_explained(self.root):
            home.mkdir(parents=True, exist_ok=True)
            busy = f"{name} is being synced by another process in {self.root}; wait until that ends"
            with only_writer(home / "lock", busy=busy):
                self._remove_staging(name)
                try:
                    yield
                finally:
                    self._remove_staging(name)

    def intact_files(self, installed: InstalledPack, wanted: Iterable[FileEntry]) -> frozenset[FileEntry]:
        """Find files of an installed pack that a new version can take over.

        Args:
            installed: The active version.
            wanted: The files the new version needs.

        Returns:
            Files of the installed version, with the paths they have there, whose content is wanted and was
            just found whole. Damaged ones are left out.
        """
        wanted = frozenset(wanted)
        hashes = {entry.sha256 for entry in wanted}
        # Where the installed manifest is damaged, the paths of the new one are all there is to go by.
        known = _entries_of(installed) | wanted
        return frozenset(entry for entry in known if entry.sha256 in hashes and _is_intact(installed.folder, entry))

    def stage(self, name: str, manifest_bytes: bytes, reused: Mapping[str, Path]) -> Path:
        """Begin a version: an empty staging folder with its manifest and the files that did not change.

        Args:
            name: The pack's name.
            manifest_bytes: Its new `pack.json`.
            reused: Path in the new version -> the file to take over.

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

    def activate(self, new: InstalledPack) -> InstalledPack:
        """Make the staged version the one that answers: move it into place, then switch the pointer.

        Until the last step the version before answers, and after it the new one does; nothing lies between.

        Args:
            new: What the pointer shall say; made by `describe`.

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
        write_bytes(self.root / new.name / POINTER_NAME, _pointer_bytes(new))
        flush_folder(self.root / new.name)
        self._prune(new, kept)
        return new

    def describe(
        self,
        name: str,
        version: PackVersion,
        *,
        variant_names: tuple[str, ...],
        source: str,
        manifest_sha256: str,
    ) -> InstalledPack:
        """Return what a version of a pack will be once `activate` has made it the active one."""
        return InstalledPack(
            name=name,
            version=version,
            folder=self._version_folder(name, version),
            variant_names=variant_names,
            source=source,
            manifest_sha256=manifest_sha256,
            previous=self._previous_for(name, version),
        )

    def _previous_for(self, name: str, version: PackVersion) -> PackVersion | None:
        now = self.pointer(name)
        if now is None:
            return None
        return now.previous if now.version == version else now.version

    def _read_pointer(self, name: str) -> bytes:
        with (self.root / checked_pack_name(name) / POINTER_NAME).open("rb") as file:
            return file.read(MAX_POINTER_BYTES + 1)  # one more: the parser refuses what is longer

    def _parse_pointer(self, name: str, data: bytes) -> InstalledPack:
        where = str(self.root / name / POINTER_NAME)
        fields = parse_json_object(data, where=where, max_bytes=MAX_POINTER_BYTES)
        version = PackVersion.parse(fields.text("version"))
        previous = fields.optional_text("previous")
        return InstalledPack(
            name=name,
            version=version,
            folder=self._version_folder(name, version),
            variant_names=fields.texts("variants"),
            source=fields.text("source"),
            manifest_sha256=checked_sha256(fields.text("manifest_sha256")),
            previous=None if previous is None else PackVersion.parse(previous),
        )

    def _prune(self, new: InstalledPack, kept: frozenset[str]) -> None:
        import shutil

        keep = {new.version, new.previous}
        for folder in (self.root / new.name / "versions").iterdir():
            if folder.name not in {str(version) for version in keep}:
                shutil.rmtree(folder, ignore_errors=True)  # a file still open on Windows goes at the next sync
        for path in paths_below(new.folder) - kept:  # of variants that are no longer kept
            (new.folder / path).unlink(missing_ok=True)

    def _advice(self) -> str:
        if names := self.names():
            return f"there is {', '.join(names)}; fetch others with `edge-identify sync URL`"
        return "fetch one with `edge-identify sync URL`"

    def _version_folder(self, name: str, version: PackVersion) -> Path:
        return self.root / name / "versions" / str(version)

    def _staging(self, name: str) -> Path:
        return self.root / name / "staging"

    def _remove_staging(self, name: str) -> None:
        import shutil

        if self._staging(name).exists():
            shutil.rmtree(self._staging(name))


def has_intact_manifest(installed: InstalledPack) -> bool:
    """Return whether the installed `pack.json` is there and has not changed since it was activated."""
    try:
        return sha256_of_file(installed.folder / MANIFEST_NAME) == installed.manifest_sha256
    except OSError:
        return False


def sync_advice(name: str, source: str) -> str:
    """Return the words that tell how to fetch a pack again."""
    return f"fetch it again with `edge-identify sync {source} --pack {name}`"


def _entries_of(installed: InstalledPack) -> frozenset[FileEntry]:
    try:
        return frozenset(read_manifest(installed.folder).files.values())
    except PackError:
        return frozenset()


def _is_intact(folder: Path, entry: FileEntry) -> bool:
    try:
        check_file(folder, entry)
    except PackDamagedError:
        return False
    return True


def _pointer_bytes(installed: InstalledPack) -> bytes:
    return canonical_json(
        {
            "version": str(installed.version),
            "variants": list(installed.variant_names),
            "source": installed.source,
            "manifest_sha256": installed.manifest_sha256,
            "previous": None if installed.previous is None else str(installed.previous),
        }
    )
