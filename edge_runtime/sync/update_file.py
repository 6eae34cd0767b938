"""The update file: the differences of a pack's version from an earlier one, in one blob.

    "EIUPDATE"            8 bytes
    length of the list    u32, little-endian
    the list              JSON, as below
    patches               one after the other, in the order of the list

    {"format":2,"patches":{"pack.json":79,"references.sqlite":193}}

The list has the length of each patch, by the path of the file, sorted. A patch changes the file that the earlier
version has under the same path. The hashes are in the two manifests; `pack.json` stands for these.

A patch is one Zstandard frame (RFC 8878) of the new file, with the old file as prefix (`zstd --patch-from`). Its window
has at most 2^27 bytes, and old and new file at most `MAX_PATCHED_BYTES` each, which bounds the memory of a device.

Whatever a patch gives is compared with the length and the SHA-256 that the manifest states. If it differs, or a patch
is missing, the device fetches the whole file.

Trap: a Zstandard dictionary is no prefix. With it, the compressor finds almost nothing in files beyond its tables.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.io.durable_writes import replacing
from edge_identify.edge_runtime.io.json_fields import parse_json_object
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.pack.pack_names import checked_path
from edge_identify.edge_runtime.sync.listing import MAX_UPDATE_BYTES

MAX_PATCHED_BYTES = 64 * 2**20  # of a file; a device holds the old one in memory, and a window of the new one
_MAGIC = b"EIUPDATE"
_LENGTH = struct.Struct("<I")
_FORMAT = 2  # 1 had the hashes in the list: 360 bytes more for an edited field
_MAX_LIST_BYTES = 2**20
_WINDOW_LOG = 27
_CHUNK_BYTES = 1 << 20
_LONG_DISTANCE_FROM_BYTES = 8 * 2**20  # a file from here on is compressed faster: level 19 takes a second for 2 MB
_LEVEL, _QUICK_LEVEL = 19, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One patch of an update file.

    Attributes:
        start: Where its bytes begin in the update file.
        length_bytes: How many they are.
    """

    start: int
    length_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFile:
    """An update file on the disk, whose hash was checked.

    Attributes:
        path: The file.
        patches: Its patches by the path of the file that they change.
    """

    path: Path
    patches: Mapping[str, Patch]

    def bytes_of(self, patch: Patch) -> bytes:
        """Return the bytes of a patch."""
        with self.path.open("rb") as file:
            file.seek(patch.start)
            return file.read(patch.length_bytes)


def open_update(path: Path) -> UpdateFile:
    """Read the list of an update file.

    Args:
        path: The file. Its hash must have been checked: the patches go to native code.

    Raises:
        PackFormatError: Not an update file, a newer one, or a field is malformed.
    """
    where = "update file"
    with path.open("rb") as file:
        head = file.read(len(_MAGIC) + _LENGTH.size)
        if len(head) < len(_MAGIC) + _LENGTH.size or not head.startswith(_MAGIC):
            raise PackFormatError(f"{where}: is none; publish the pack again")
        (list_bytes,) = _LENGTH.unpack_from(head, len(_MAGIC))
        if list_bytes > _MAX_LIST_BYTES:
            raise PackFormatError(f"{where}: its list is longer than {_MAX_LIST_BYTES} bytes")
        fields = parse_json_object(file.read(list_bytes), where=where, max_bytes=_MAX_LIST_BYTES)
    if fields.integer("format", least=1) != _FORMAT:
        raise PackFormatError(f"{where}: has a form that this version does not know")
    patches: dict[str, Patch] = {}
    start = len(head) + list_bytes
    listed = fields.object("patches")
    for name in listed.values:
        patch = Patch(start=start, length_bytes=listed.integer(name, least=1, most=MAX_UPDATE_BYTES))
        patches[checked_path(name)] = patch
        start += patch.length_bytes
    return UpdateFile(path=path, patches=patches)


def write_update(patches: Mapping[str, bytes]) -> bytes:
    """Return the bytes of an update file.

    Args:
        patches: The patches by the path of the file that they change.
    """
    lengths = {path: len(patches[path]) for path in sorted(patches)}
    listed = json.dumps({"format": _FORMAT, "patches": lengths}, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join((_MAGIC, _LENGTH.pack(len(listed)), listed, *(patches[path] for path in lengths)))


def make_patch(old: bytes, new: bytes) -> bytes:
    """Return the patch that turns one file into another; both have at most `MAX_PATCHED_BYTES` bytes."""
    zstd = _zstd()
    parameter = zstd.CompressionParameter
    is_large = len(old) + len(new) > _LONG_DISTANCE_FROM_BYTES
    options: dict[int, int] = {
        parameter.compression_level: _QUICK_LEVEL if is_large else _LEVEL,
        parameter.window_log: min(_WINDOW_LOG, max(10, (len(old) + len(new)).bit_length())),
        parameter.enable_long_distance_matching: int(is_large),
    }
    return bytes(zstd.compress(new, options=options, zstd_dict=_prefix(old)))


def applied(patch: bytes, old: bytes, length_bytes: int) -> Iterator[bytes]:
    """Yield the new file, at most 1 MiB at a time.

    Args:
        patch: The patch.
        old: The old file, whose hash was checked.
        length_bytes: The length of the new file.

    Raises:
        PackDamagedError: The patch is damaged, or its result has another length.
    """
    zstd = _zstd()
    window = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    try:
        decompressor = zstd.ZstdDecompressor(_prefix(old), options=window)
        left, data = length_bytes, patch
        while not decompressor.eof:
            part = decompressor.decompress(data, max_length=min(_CHUNK_BYTES, left + 1))
            data = b""
            left -= len(part)
            if left < 0 or (not part and decompressor.needs_input):
                break
            yield part
        if left or not decompressor.eof:
            raise PackDamagedError("a patch of the update gives a file of another length")
    except zstd.ZstdError as error:
        raise PackDamagedError(f"a patch of the update is damaged ({error})") from error


def patch_file(update: UpdateFile, old_path: Path, old_sha256: str, expected: FileEntry, into: Path) -> None:
    """Make a new file from an old one; it appears at `into` only if its hash is right.

    Args:
        update: The update file.
        old_path: The old file. Its hash is checked here.
        old_sha256: The hash that the old manifest states.
        expected: Path, hash and length of the new file; `update` has a patch for this path.
        into: The target path; its folder must exist.

    Raises:
        PackDamagedError: The old file is damaged, or the result is not the new file.
        OSError: A file cannot be read or written.
    """
    patch = update.patches[expected.path]
    if old_path.stat().st_size > MAX_PATCHED_BYTES:
        raise PackDamagedError(f"{old_path}: is too long for a patch")
    old = old_path.read_bytes()
    if hashlib.sha256(old).hexdigest() != old_sha256:
        raise PackDamagedError(f"{old_path}: is not the file that its manifest describes")
    digest = hashlib.sha256()
    with replacing(into) as file:
        for part in applied(update.bytes_of(patch), old, expected.length_bytes):
            digest.update(part)
            file.write(part)
        if digest.hexdigest() != expected.sha256:
            raise PackDamagedError(f"{expected.path}: a patch of the update gives another file")


def _prefix(old: bytes) -> Any:
    # A raw dictionary of less than 8 bytes is refused.
    return _zstd().ZstdDict(old, is_raw=True).as_prefix if len(old) >= 8 else None


def _zstd() -> Any:
    """Return Python's Zstandard module, imported at its first use: most syncs need none."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
