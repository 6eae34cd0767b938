"""Keeps the points of thumbnails on the disk: describing ten of them takes longer than all else in a comparison.

One file for each thumbnail, in a folder beside the versions of an installed pack. Its name is a hash of the thumbnail,
the net and the recipe, so that a new version of a pack uses those that stayed the same. The folder only saves time: it
may be deleted at any moment, and a store that cannot be written to has none.

Trap: anybody who may write to the store may change these files. A file counts only if its length, shape and checksum
are right and its numbers are finite. Its content never reaches native code but as numbers.

Layout, little-endian: `EIP1`; SHA-256 of the rest; width, height, points n, dim d, uint32 each; positions, float32
[n, 2]; descriptors, float32 [n, d].
"""

from __future__ import annotations

import hashlib
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.search.geometry.points import Points

if TYPE_CHECKING:
    from pathlib import Path

    from edge_identify.edge_runtime.pack.manifest import LocalFeaturesSpec
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
    from edge_identify.edge_runtime.search.geometry.point_counting import ReferencePoints

MOST_BYTES = 64 * 2**20  # of a folder: about 400 thumbnails with 600 points each
_MOST_NEW = 128  # points that wait to be written: 20 MB
_SUFFIX = ".points"
_WAY_OF_FINDING = 1  # part of each name; another number if this software finds other points with the same net
_MAGIC = b"EIP1"
_SHAPE = struct.Struct("<IIII")
_CHECKSUM_BYTES = 32


class KeptPoints:
    """The points of a pack's thumbnails, read from the disk where they are known. Threads may share it."""

    def __init__(
        self,
        described: ReferencePoints,
        thumbnails: ThumbnailTable,
        spec: LocalFeaturesSpec,
        net_sha256: str,
        folder: Path,
    ) -> None:
        """Nothing is read yet.

        Args:
            described: Finds the points of a thumbnail.
            thumbnails: The thumbnails.
            spec: The manifest's entry of the local features.
            net_sha256: SHA-256 of the net.
            folder: Where the points are kept; it need not exist.
        """
        self._described, self._thumbnails, self._spec, self._folder = described, thumbnails, spec, folder
        recipe = (_WAY_OF_FINDING, net_sha256, spec.reference, spec.least_heat, spec.side_step_px, spec.dim)
        self._recipe = repr(recipe).encode()
        self._new: dict[Path, Points] = {}

    def points(self, index_id: int) -> Points | None:
        """Return the points of a thumbnail; None if the pack has none for that image.

        Raises:
            PackDamagedError: The thumbnail cannot be used.
        """
        webp = self._thumbnails.webp(index_id)
        if webp is None:
            return None
        path = self._folder / f"{hashlib.sha256(self._recipe + hashlib.sha256(webp).digest()).hexdigest()}{_SUFFIX}"
        known = _read(path, dim=self._spec.dim, most_points=self._spec.reference.most_points)
        if known is not None:
            return known
        found = self._described.points(index_id)
        if found is not None and len(self._new) < _MOST_NEW:
            self._new[path] = found
        return found

    def keep(self) -> None:
        """Write the points that were found since the last time; the oldest files go if the folder grows too large."""
        new, self._new = self._new, {}
        if not new:
            return
        with suppress(OSError):  # a read-only store or a full disk: they are found again
            self._folder.mkdir(exist_ok=True)
            for path, points in new.items():
                write_bytes(path, serialise(points))
            _forget_oldest(self._folder)


def serialise(points: Points) -> bytes:
    """Return the bytes of a file of points."""
    count, dim = points.descriptors.shape
    content = b"".join(
        [
            _SHAPE.pack(*points.size, count, dim),
            points.positions.astype("<f4").tobytes(),
            points.descriptors.astype("<f4").tobytes(),
        ]
    )
    return _MAGIC + hashlib.sha256(content).digest() + content


def parse(data: bytes, *, dim: int, most_points: int) -> Points | None:
    """Return the points in a file's bytes; None if they are damaged or of another shape."""
    checksum, content = data[len(_MAGIC) :][:_CHECKSUM_BYTES], data[len(_MAGIC) + _CHECKSUM_BYTES :]
    if not data.startswith(_MAGIC) or len(content) < _SHAPE.size or hashlib.sha256(content).digest() != checksum:
        return None
    width, height, count, stored_dim = _SHAPE.unpack_from(content)
    if stored_dim != dim or count > most_points or len(content) != _SHAPE.size + 4 * count * (2 + dim):
        return None
    numbers = np.frombuffer(content, dtype="<f4", offset=_SHAPE.size).astype(np.float32)
    if not min(width, height) or not np.isfinite(numbers).all():
        return None
    positions, descriptors = np.split(numbers, [2 * count])
    return Points(
        size=(width, height), positions=positions.reshape(count, 2), descriptors=descriptors.reshape(count, dim)
    )


def _read(path: Path, *, dim: int, most_points: int) -> Points | None:
    most_bytes = len(_MAGIC) + _CHECKSUM_BYTES + _SHAPE.size + 4 * most_points * (2 + dim)
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError:
        return None
    return parse(data, dim=dim, most_points=most_points)


def _forget_oldest(folder: Path) -> None:
    files = [(path.stat(), path) for path in folder.glob(f"*{_SUFFIX}")]
    together = sum(found.st_size for found, _ in files)
    for found, path in sorted(files, key=lambda each: each[0].st_mtime_ns):
        if together <= MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        together -= found.st_size
