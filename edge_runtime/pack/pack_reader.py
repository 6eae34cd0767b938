"""Opening a pack: first the manifest, then each file, checked before it is read.

Native code (ONNX Runtime, FAISS, SQLite) gets only files whose hash was checked. `Pack.file` checks a file at its first
use, and only then. So identifying a photo does not hash the text tower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, PackFileDamagedError, PackFormatError, PackNotFoundError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.io.progress import Progress, no_progress
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES, parse_manifest

#: Checks one file of a pack's folder and raises PackDamagedError: `check_file`, or `VerifiedFiles.check`, which skips
#: the hash of a file that is unchanged since its last check.
FileCheck = Callable[[Path, FileEntry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack on disk whose manifest is valid.

    Attributes:
        folder: The pack's folder.
        manifest: The pack's manifest.
        variant_names: The encoder variants in the folder; a device keeps only those that it runs.
        is_tried: Whether it passed its self-test here before. Then its encoders' graphs are not checked again.
        points_folder: Where points of its thumbnails may be kept between runs; None for nowhere.
        taught_folder: Where what a person taught beside the pack lies; None to answer from the pack alone.
    """

    folder: Path
    manifest: Manifest
    variant_names: tuple[str, ...]
    _check: FileCheck = field(repr=False)
    _checked: set[str] = field(default_factory=set, repr=False)
    is_tried: bool = False
    points_folder: Path | None = None
    taught_folder: Path | None = None

    def file(self, path: str) -> Path:
        """Return the path of a file of the pack, after its length and hash were checked.

        Args:
            path: Relative to the pack, as in the manifest.

        Raises:
            PackDamagedError: The file is missing, not listed in the manifest, or differs from it.
        """
        if path not in self.manifest.files:
            raise PackFileDamagedError(f"{self.folder / path}: is not among the pack's files")
        if path not in self._checked:
            self._check(self.folder, self.manifest.files[path])
            self._checked.add(path)
        return self.folder / path


def open_pack(
    folder: Path,
    *,
    variant_names: tuple[str, ...] | None = None,
    check: FileCheck | None = None,
    is_tried: bool = False,
    points_folder: Path | None = None,
) -> Pack:
    """Open a pack's folder.

    Args:
        folder: The folder that holds `pack.json`.
        variant_names: The encoder variants that should be in the folder; None for all in the manifest.
        check: Checks a file before its first use; None checks its hash.
        is_tried: Whether the pack passed its self-test here before, as every installed pack did.
        points_folder: Where points of its thumbnails may be kept between runs; None for nowhere.

    Raises:
        PackNotFoundError: The folder holds no pack.
        PackFormatError: This version cannot read the manifest.
        PackDamagedError: A file is missing or has the wrong length. `Pack.file` checks the content later.
    """
    manifest = read_manifest(folder)
    names = manifest.variant_names() if variant_names is None else variant_names
    for entry in manifest.files_for(names):
        _check_length(folder, entry)
    return Pack(
        folder=folder,
        manifest=manifest,
        variant_names=names,
        _check=check or check_file,
        is_tried=is_tried,
        points_folder=points_folder,
    )


def read_manifest(folder: Path) -> Manifest:
    """Read and check `pack.json` in a folder. No other file is opened.

    Raises:
        PackNotFoundError: There is no `pack.json`.
        PackFormatError: This version cannot read it.
        PackDamagedError: The operating system refuses to read it.
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


def verify_pack_files(
    folder: Path,
    manifest: Manifest,
    variant_names: tuple[str, ...] | None = None,
    progress: Progress = no_progress,
) -> None:
    """Check length and hash of every file that should be in a pack's folder.

    Args:
        folder: The pack's folder.
        manifest: Its manifest.
        variant_names: The encoder variants that should be in the folder; None for all.
        progress: Shows the progress over the files.

    Raises:
        PackDamagedError: A file is missing or differs from the manifest; the message names the first one.
    """
    entries = manifest.files_for(manifest.variant_names() if variant_names is None else variant_names)
    for entry in progress(f"checking {manifest.name}", entries):
        check_file(folder, entry)


def check_file(folder: Path, entry: FileEntry) -> None:
    """Check one file's length and hash.

    Raises:
        PackDamagedError: The file is missing, unreadable, or differs from the manifest.
    """
    _check_length(folder, entry)
    try:
        found = sha256_of_file(folder / entry.path)
    except OSError as error:
        raise PackDamagedError(f"{folder / entry.path}: cannot be read ({error.strerror})") from error
    if found != entry.sha256:
        raise PackFileDamagedError(
            f"{folder / entry.path}: its content has changed (SHA-256 {found[:12]}..., expected {entry.sha256[:12]}...)"
        )


def _check_length(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.path
    try:
        found = path.stat().st_size
    except OSError as error:
        raise PackFileDamagedError(f"{path}: is missing") from error
    if found != entry.length_bytes or not path.is_file():
        raise PackFileDamagedError(f"{path}: expected {entry.length_bytes} bytes, found {found}")
