"""Hashes of the pieces of large files, so that a wrong byte costs one piece and not the whole file.

A blob of canonical JSON beside a version's manifest, made when the pack is published:

    {"files": {SHA256: [SHA256 of piece 1, ...], ...}, "format": 1, "piece_bytes": 4194304}

The hash of the whole file decides in the end. Wrong piece hashes can only delay a sync.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.pack.pack_names import checked_sha256
from edge_identify.edge_runtime.sync.listing import MAX_PIECES_BYTES

PIECE_BYTES = 4 * 2**20
_FORMAT = 1

#: SHA-256 of a file -> SHA-256 of each of its pieces, in order.
PieceHashes = Mapping[str, tuple[str, ...]]


def parse_piece_hashes(data: bytes, entries: Iterable[FileEntry]) -> PieceHashes:
    """Read the piece hashes of some files. Files of which there are none, or a wrong number, are left out.

    Raises:
        PackFormatError: Not JSON, too long, a newer format, or a hash is malformed.
    """
    where = "piece hashes"
    fields = parse_json_object(data, where=where, max_bytes=MAX_PIECES_BYTES)
    if fields.integer("format", least=1) != _FORMAT or fields.integer("piece_bytes", least=1) != PIECE_BYTES:
        raise PackFormatError(f"{where}: have a form that this version does not know")
    files = fields.object("files")
    found = {entry: files.texts(entry.sha256) for entry in entries if files.has(entry.sha256)}
    return {
        entry.sha256: tuple(checked_sha256(piece) for piece in pieces)
        for entry, pieces in found.items()
        if len(pieces) == piece_count(entry.length_bytes)
    }


def serialise_piece_hashes(hashes: PieceHashes) -> bytes:
    """Return the bytes of the blob; `parse_piece_hashes` gives the same value back."""
    files = {sha256: list(pieces) for sha256, pieces in hashes.items()}
    return canonical_json({"format": _FORMAT, "piece_bytes": PIECE_BYTES, "files": files})


def piece_count(length_bytes: int) -> int:
    """Return the number of pieces of a file; the last one may be shorter."""
    return -(-length_bytes // PIECE_BYTES)


def hashes_of_pieces(path: Path) -> tuple[str, ...]:
    """Return the SHA-256 of each piece of a file; reads one piece at a time."""
    with path.open("rb") as file:
        return tuple(hashlib.sha256(piece).hexdigest() for piece in iter(lambda: file.read(PIECE_BYTES), b""))
