"""Opening a pack: the manifest first, then each file checked before anything reads it.

Nothing is handed to native code (ONNX Runtime, FAISS, SQLite) before its hash was checked, so `Pack.file` checks a
file the first time it is asked for and never again; identifying a photo does not pay for hashing the text tower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES, parse_manifest

#: Checks one file of a pack's folder and raises PackDamagedError: `check_file`, or `VerifiedFiles.check`, which does
#: not hash a file again that has not been touched.
FileCheck = Callable[[Path, FileEntry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack on disk whose manifest is valid.

    Attributes:
        folder: Where its files lie.
        manifest: What it says of itself.
        variant_names: The encoder variants that are here; a device keeps only those it runs.
    """

    folder: Path
    manifest: Manifest
    variant_names: tuple[str, ...]
    _check: FileCheck = field(repr=False)
    _checked: set[str] = field(default_factory=set, repr=False)

    def file(self, path: str) -> Path:
        """Return where a file of the pack lies, after its length and hash were found right.

        Raises:
            PackDamagedError: It is missing, not in the manifest, or a byte differs from it.
        """
        if path not in self.manifest.files:
            raise PackDamagedError(f"{self.folder / path}: is not among the pack's files; fetch the pack again")
        if path not in self._checked:
            self._check(self.folder, self.manifest.files[path])
            self._checked.add(path)
        return self.folder / path


def open_pack(folder: Path, *, variant_names: tuple[str, ...] | None = None, check: FileCheck | None = None) -> Pack:
    """Open a pack's folder.

    Args:
        folder: Holds `pack.json`.
        variant_names: The encoder variants that should be here; None for all that the manifest lists.
        check: How a file is checked before its first use; None hashes it.

    Raises:
        PackNotFoundError: There is no pack in that folder.
        PackFormatError: The manifest cannot be read by this version.
        PackDamagedError: A file is missing or has the wrong length. Contents are checked by `Pack.file`.
    """
    manifest = read_manifest(folder)
    names = manifest.variant_names() if variant_names is None else variant_names
    for entry in manifest.files_for(names):
        _check_length(folder, entry)
    return Pack(folder=folder, manifest=manifest, variant_names=names, _check=check or check_file)


def read_manifest(folder: Path) -> Manifest:
    """Read and check `pack.json` of a pack's folder, and nothing else.

    Raises:
        PackNotFoundError: There is no `pack.json`.
        PackFormatError: It cannot be read by this version.
    """
    path = folder / MANIFEST_NAME
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise PackFormatError(f"{path}: larger than any manifest ({MAX_MANIFEST_BYTES} bytes)")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PackNotFoundError(
            f"{folder}: no pack is there (no {MANIFEST_NAME}); give the folder of a pack"
        ) from error
    except OSError as error:
        raise PackDamagedError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_manifest(data, where=str(path))


def verify_pack_files(folder: Path, manifest: Manifest, variant_names: tuple[str, ...] | None = None) -> None:
    """Check length and hash of every file that should be in the folder.

    Args:
        folder: The pack's folder.
        manifest: Its manifest.
        variant_names: The encoder variants that should be here; None for all.

    Raises:
        PackDamagedError: The first file that is missing or differs.
    """
    for entry in manifest.files_for(manifest.variant_names() if variant_names is None else variant_names):
        check_file(folder, entry)


def check_file(folder: Path, entry: FileEntry) -> None:
    """Check one file's length and hash.

    Raises:
        PackDamagedError: It is missing, unreadable, or differs from the manifest.
    """
    _check_length(folder, entry)
    try:
        found = sha256_of_file(folder / entry.path)
    except OSError as error:
        raise PackDamagedError(f"{folder / entry.path}: cannot be read ({error.strerror})") from error
    if found != entry.sha256:
        raise PackDamagedError(
            f"{folder / entry.path}: its content has changed (SHA-256 {found[:12]}..., expected "
            f"{entry.sha256[:12]}...); fetch the pack again with `edge-identify sync`"
        )


def _check_length(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.path
    try:
        found = path.stat().st_size
    except OSError as error:
        raise PackDamagedError(f"{path}: is missing; fetch the pack again with `edge-identify sync`") from error
    if found != entry.length_bytes or not path.is_file():
        raise PackDamagedError(
            f"{path}: expected {entry.length_bytes} bytes, found {found}; "
            "fetch the pack again with `edge-identify sync`"
        )
