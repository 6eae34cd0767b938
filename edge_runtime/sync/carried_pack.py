"""`.edgepack`: a pack in one file, to be carried by hand. A zip archive whose entries are stored, not compressed.

    pack.json            the manifest, first
    PATH                 the pack's other files, by their paths
    .trust/NAME          optional: the metadata that proves who signed the manifest, by its name in the tree, such as
                         1.root.json; a pack's path never begins with a dot

Nothing is unpacked by its name in the archive. The manifest names the files, and each is read under the name, the
length and the hash that the manifest gives. An archive with anything else in it is refused: a link, a compressed or
encrypted entry, a name twice, a file that the manifest does not list.
"""

from __future__ import annotations

import errno
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.io.durable_writes import replacing, sha256_of_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, Manifest
from edge_identify.edge_runtime.pack.manifest_json import MAX_MANIFEST_BYTES, parse_manifest
from edge_identify.edge_runtime.pack.pack_reader import check_file
from edge_identify.edge_runtime.sync.listing import OfferedPack, OfferedVersion, manifest_path
from edge_identify.edge_runtime.sync.trust.metadata_layout import MOST_ROOTS

SUFFIX = ".edgepack"
TRUST_FOLDER = ".trust/"
MAX_TRUST_FILES = MOST_ROOTS + 4  # and timestamp, snapshot, targets, a maker's
MAX_TRUST_BYTES = 16 * 2**20  # of all together; they are read into memory
_MAX_DIRECTORY_BYTES = 16 * 2**20  # of the archive: read whole into memory
_END = struct.Struct("<4s4H2LH")  # the record at the end of a zip archive without a comment
_END_MAGIC = b"PK\5\6"
_CHUNK_BYTES = 1 << 20
_ENCRYPTED = 0x1
_EARLIEST_YEAR, _LATEST_YEAR = 1980, 2107  # of a zip archive


class CarriedPack:
    """An `.edgepack` file that is open for reading. It implements `Downloader`, as a server does."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, *, source: str) -> None:
        """Take an open archive; see `open_carried_pack`."""
        self._path, self._archive, self.file_name = path, archive, path.name
        self.url, self.received_bytes = source, 0
        self.mirror_urls: tuple[str, ...] = ()
        self._entries = {entry.filename: entry for entry in archive.infolist()}
        if len(self._entries) < len(archive.infolist()):
            raise self._refused("has a name twice")
        for entry in self._entries.values():
            self._check_plain(entry)
        if MANIFEST_NAME not in self._entries:
            raise self._refused(f"holds no {MANIFEST_NAME}")
        self.manifest_bytes = self._read(MANIFEST_NAME, MAX_MANIFEST_BYTES)
        self.manifest: Manifest = parse_manifest(self.manifest_bytes, where=f"{path}/{MANIFEST_NAME}")
        self._check_names()

    def trust_files(self) -> dict[str, bytes]:
        """Return the files that prove who signed the manifest, by name, without the folder."""
        entries = [entry for name, entry in self._entries.items() if name.startswith(TRUST_FOLDER)]
        return {
            entry.filename.removeprefix(TRUST_FOLDER): self._read(entry.filename, entry.file_size) for entry in entries
        }

    def offered(self, published_utc: datetime | None = None) -> OfferedPack:
        """Return the pack as a listing with this version alone would describe it.

        Args:
            published_utc: When it was published; None for the time in the archive, which nobody has signed.
        """
        manifest = self.manifest
        version = OfferedVersion(
            version=manifest.version,
            manifest=FileEntry(
                path=manifest_path(manifest.name, manifest.version),
                length_bytes=len(self.manifest_bytes),
                sha256=sha256_of_bytes(self.manifest_bytes),
            ),
            size_bytes=manifest.size_bytes(),
            published_utc=published_utc or self._packed_utc(),
        )
        return OfferedPack(name=manifest.name, title=manifest.title, versions=(version,))

    def fetch_document(self, path: str, *, max_bytes: int) -> bytes:
        """Return the manifest, the only document of the file."""
        del path, max_bytes
        return self.manifest_bytes

    def fetch_blob(
        self, entry: FileEntry, into: Path, on_bytes: Callable[[int], None], *, pieces: tuple[str, ...] = ()
    ) -> None:
        """Copy one file of the pack; see `Downloader`. Its length was checked when the archive was opened.

        Raises:
            PackDamagedError: Its content is wrong.
        """
        del pieces
        arrived = 0
        with self._damage_explained(), self._archive.open(entry.path) as source, replacing(into) as target:
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)
                arrived += len(chunk)
                on_bytes(arrived)
        self.received_bytes += arrived
        try:
            check_file(into.parent, FileEntry(path=into.name, length_bytes=entry.length_bytes, sha256=entry.sha256))
        except PackDamagedError as error:
            into.unlink(missing_ok=True)
            raise self._damaged(f"{entry.path} has another hash than its manifest says") from error

    def _check_plain(self, entry: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in (0, stat.S_IFREG):
            raise self._refused(f"has {entry.filename!r}, which is no plain file")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise self._refused(f"has {entry.filename!r} compressed; all entries are stored")
        if entry.flag_bits & _ENCRYPTED:
            raise self._refused(f"has {entry.filename!r} encrypted")

    def _check_names(self) -> None:
        listed = {entry.path: entry.length_bytes for entry in self.manifest.files.values()}
        trust = [name for name in self._entries if name.startswith(TRUST_FOLDER)]
        if len(trust) > MAX_TRUST_FILES or any("/" in name.removeprefix(TRUST_FOLDER) for name in trust):
            raise self._refused(f"has more than {MAX_TRUST_FILES} files of trust, or folders of them")
        if sum(self._entries[name].file_size for name in trust) > MAX_TRUST_BYTES:
            raise self._refused(f"has more than {MAX_TRUST_BYTES} bytes of files of trust")
        for name, entry in self._entries.items():
            if name == MANIFEST_NAME or name in trust:
                continue
            if name not in listed:
                raise self._refused(f"has {name!r}, which its manifest does not list")
            if entry.file_size != listed[name]:
                raise self._damaged(f"{name} has {entry.file_size} bytes, not the {listed[name]} of its manifest")
        if missing := sorted(listed.keys() - self._entries.keys()):
            raise self._damaged(f"{missing[0]} is missing")

    def _read(self, name: str, max_bytes: int) -> bytes:
        with self._damage_explained(), self._archive.open(name) as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise self._refused(f"has {name!r} with more than {max_bytes} bytes")
        return data

    def _packed_utc(self) -> datetime:
        try:
            return datetime(*self._entries[MANIFEST_NAME].date_time, tzinfo=UTC)
        except ValueError:
            return datetime(_EARLIEST_YEAR, 1, 1, tzinfo=UTC)

    @contextmanager
    def _damage_explained(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, struct.error) as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            if error.errno != errno.EINVAL:  # an entry that begins before the file, says its damaged directory
                raise
            raise self._damaged("an entry lies outside the file") from error

    def _damaged(self, what: str) -> PackDamagedError:
        return PackDamagedError(f"{self._path}: is damaged ({what}); copy or build it again")

    def _refused(self, what: str) -> PackFormatError:
        return PackFormatError(f"{self._path}: is no {SUFFIX} file: it {what}")


@contextmanager
def open_carried_pack(path: Path, *, source: str | None = None) -> Iterator[CarriedPack]:
    """Open an `.edgepack` file and check everything but the content of its files.

    Args:
        path: The file.
        source: What the installed pack will name as its source; None for the file's name.

    Raises:
        PackNotFoundError: There is no such file.
        PackFormatError: It is no such file, or it has something that does not belong there.
        PackDamagedError: It is truncated, or a file is missing.
        SetupError: It cannot be read.
    """
    try:
        _check_directory(path)
        archive = zipfile.ZipFile(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PackNotFoundError(f"{path}: no such file; give the path of an {SUFFIX} file") from error
    except OSError as error:
        raise SetupError(f"{path}: cannot be read ({error.strerror})") from error
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise PackDamagedError(f"{path}: is no {SUFFIX} file, or damaged ({error}); copy or build it again") from error
    with archive:
        yield CarriedPack(path, archive, source=source or path.name)


def write_carried_pack(
    pack: Path, out: Path, *, now_utc: datetime, trust_files: Mapping[str, bytes] | None = None
) -> None:
    """Write a pack's folder as an `.edgepack` file. It appears only when it is whole.

    Args:
        pack: The folder.
        out: The file; it is replaced if it exists.
        now_utc: The time, with a time zone: the age of the pack.
        trust_files: What proves who signed the manifest, by name; see `CarriedPack.trust_files`.

    Raises:
        PackError: The folder holds no pack, or a file of it is damaged.
        SetupError: The pack is too large for such a file (4 GiB), or the disk is full or refuses.
    """
    from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files

    manifest = read_manifest(pack)
    verify_pack_files(pack, manifest)
    year = min(max(now_utc.astimezone(UTC).year, _EARLIEST_YEAR), _LATEST_YEAR)
    time = (year, *now_utc.astimezone(UTC).timetuple()[1:6])
    try:
        with (
            disk_errors_explained(out.parent),
            replacing(out) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive,
        ):
            for path in (MANIFEST_NAME, *sorted(manifest.files)):
                with (pack / path).open("rb") as source, archive.open(_entry(path, time), "w") as target:
                    while chunk := source.read(_CHUNK_BYTES):
                        target.write(chunk)
            for name, data in sorted((trust_files or {}).items()):
                archive.writestr(_entry(f"{TRUST_FOLDER}{name}", time), data)
    except (zipfile.LargeZipFile, RuntimeError) as error:
        raise SetupError(f"{out}: the pack has more than 4 GiB; carry its folder instead") from error


def _entry(name: str, time: tuple[int, ...]) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (time[0], time[1], time[2], time[3], time[4], time[5]))
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _check_directory(path: Path) -> None:
    """Refuse an archive whose directory is too long to be read into memory. `zipfile` reads all of it."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - _END.size))
        end = file.read(_END.size)
    if len(end) < _END.size or not end.startswith(_END_MAGIC):
        raise zipfile.BadZipFile("it does not end as one")
    directory_bytes = _END.unpack(end)[5]
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise zipfile.BadZipFile(f"its directory has {directory_bytes} bytes")
