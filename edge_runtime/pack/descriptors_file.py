"""The byte layout of the descriptors file (`local_features.descriptors_file`): points of images, 4 bits a number.

This is the only module that knows the offsets. Little-endian:

    header  b"EIPOINT1", dim: u32, most_points: u32, count: u64 (images)
    images  count x 24 bytes, by rising index id: index_id: i64, first: u64 (points of the images before it),
            points: u16, width: u16, height: u16, 0: u16
    points  each 4 + ceil(dim / 2) bytes: x: u16, y: u16, in 1/32 pixel from the image's edge, so the centre of the
            first pixel is 16; then the descriptor, two numbers a byte, the first in the low half: each number plus 8

A number is that of the unit vector times 7 / 0.40, rounded, and clipped to -7 to 7. A reader makes the vector unit
length again, so it does not need the factor.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.errors import PackDamagedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.pack.pack_reader import Pack

_MAGIC = b"EIPOINT1"
_HEADER = struct.Struct("<8sIIQ")
_SIZE = struct.Struct("<HH")
_IMAGE = np.dtype(
    [("index_id", "<i8"), ("first", "<u8"), ("points", "<u2"), ("width", "<u2"), ("height", "<u2"), ("zero", "<u2")]
)
_STEPS_PER_PX = 32
_LARGEST_NUMBER = 0.40  # of a unit vector of 64; larger ones are rare, and clipped
_MOST_STEPS = 7
_OFFSET = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPoints:
    """The stored points of one reference image.

    Attributes:
        size: Width and height of the image that was described, in pixels.
        positions: float32 [n, 2], (x, y) in these pixels; pixel centres are whole numbers.
        descriptors: float32 [n, dim], unit vectors.
    """

    size: tuple[int, int]
    positions: NDArray[np.float32]
    descriptors: NDArray[np.float32]


def encode_points(points: StoredPoints) -> bytes:
    """Return the points of one image as bytes for `write_descriptors`: width, height, and the points as in the file."""
    steps = np.round((points.positions + 0.5) * _STEPS_PER_PX)
    limits = np.array(points.size) * _STEPS_PER_PX
    places = np.clip(steps, 0, limits).astype("<u2")
    numbers = np.round(points.descriptors * (_MOST_STEPS / _LARGEST_NUMBER))
    halves = (np.clip(numbers, -_MOST_STEPS, _MOST_STEPS) + _OFFSET).astype(np.uint8)
    if halves.shape[1] % 2:
        halves = np.pad(halves, ((0, 0), (0, 1)))
    together = halves[:, 0::2] | halves[:, 1::2] << 4
    return _SIZE.pack(*points.size) + np.hstack([places.view(np.uint8).reshape(-1, 4), together]).tobytes()


def write_descriptors(
    path: Path, encoded: Iterable[tuple[int, bytes]], *, count: int, dim: int, most_points: int
) -> None:
    """Write a descriptors file; the same arguments give the same bytes.

    Args:
        path: The file to write.
        encoded: (index id, result of `encode_points`) in rising order of distinct ids; read one at a time.
        count: Number of images.
        dim: Length of a descriptor.
        most_points: Largest number of points of an image.
    """
    images = np.zeros(count, _IMAGE)
    first = 0
    with path.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, dim, most_points, count))
        file.write(images.tobytes())  # filled in at the end
        for at, (index_id, data) in enumerate(encoded):
            points = (len(data) - _SIZE.size) // _point_bytes(dim)
            images[at] = (index_id, first, points, *_SIZE.unpack_from(data), 0)
            first += points
            file.write(data[_SIZE.size :])
        file.seek(_HEADER.size)
        file.write(images.tobytes())


class DescriptorTable:
    """Lookups in the descriptors file of a pack. Threads may share it."""

    def __init__(self, path: Path, *, dim: int, most_points: int, most_images: int) -> None:
        """Map a descriptors file into memory.

        Args:
            path: The file, with its hash already checked.
            dim: Length of a descriptor, from the manifest.
            most_points: Largest number of points of an image, from the manifest.
            most_images: Largest number of images, the index's count.

        Raises:
            PackDamagedError: The file does not have the layout above, or does not belong to this pack.
        """
        self._path, self._dim = path, dim
        data = np.asarray(np.memmap(path, np.uint8, mode="r")) if path.stat().st_size else np.empty(0, np.uint8)
        count = self._checked_count(data[: _HEADER.size].tobytes(), most_points, most_images)
        points_at = _HEADER.size + count * _IMAGE.itemsize
        if len(data) < points_at:
            raise self._damaged(f"ends after {len(data)} bytes, within its table of {count} images")
        self._images = data[_HEADER.size : points_at].view(_IMAGE)
        self._check_images(most_points)
        expected = points_at + int(self._images["points"].sum(dtype=np.int64)) * _point_bytes(dim)
        if len(data) != expected:
            raise self._damaged(f"is {len(data)} bytes long; its table requires {expected}")
        self._rows = data[points_at:].reshape(-1, _point_bytes(dim))

    def points(self, index_id: int) -> StoredPoints | None:
        """Return the points of the image whose vector is `index_id`; None if it has none.

        Raises:
            PackDamagedError: A position lies outside the image.
        """
        at = int(np.searchsorted(self._images["index_id"], index_id))
        if at == len(self._images) or self._images["index_id"][at] != index_id:
            return None
        image = self._images[at]
        rows = self._rows[int(image["first"]) : int(image["first"]) + int(image["points"])]
        size = int(image["width"]), int(image["height"])
        places = rows[:, :4].copy().view("<u2")
        if (places > np.array(size) * _STEPS_PER_PX).any():
            raise self._damaged(f"image {index_id} has a point outside its {size[0]} x {size[1]} pixels")
        halves = np.stack([rows[:, 4:] & 15, rows[:, 4:] >> 4], axis=2).reshape(len(rows), 2 * (rows.shape[1] - 4))[
            :, : self._dim
        ]
        numbers = halves.astype(np.float32) - _OFFSET
        lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
        return StoredPoints(
            size=size,
            positions=(places / _STEPS_PER_PX - 0.5).astype(np.float32),
            descriptors=numbers / np.maximum(lengths, 1),
        )

    def _checked_count(self, header: bytes, most_points: int, most_images: int) -> int:
        if len(header) < _HEADER.size:
            raise self._damaged(f"ends after {len(header)} bytes, within its header")
        magic, dim, points, count = _HEADER.unpack(header)
        if magic != _MAGIC:
            raise self._damaged(f"begins with {magic!r} where {_MAGIC!r} was expected")
        if (dim, points) != (self._dim, most_points) or count > most_images:
            raise self._damaged(
                f"holds {count} images with up to {points} points of {dim} numbers; the manifest says up to "
                f"{most_images} with up to {most_points} of {self._dim}"
            )
        return int(count)

    def _check_images(self, most_points: int) -> None:
        images = self._images
        points = images["points"].astype(np.uint64)
        if (np.diff(images["index_id"]) <= 0).any():
            raise self._damaged("its images are not in rising order")
        if (points > most_points).any() or (images["width"] == 0).any() or (images["height"] == 0).any():
            raise self._damaged(f"an image has more than {most_points} points, or no size")
        if (images["first"] != np.cumsum(points) - points).any():
            raise self._damaged("its images do not begin where the points of those before them end")

    def _damaged(self, found: str) -> PackDamagedError:
        return PackDamagedError(f"{self._path}: {found}; build or fetch the pack again")


def open_descriptors(pack: Pack) -> DescriptorTable | None:
    """Open the descriptors of a pack, after checking the hash of their file; None if the pack has none.

    Raises:
        PackDamagedError: The file differs from the manifest, or does not have the layout.
    """
    spec = pack.manifest.local_features
    if spec is None or spec.descriptors_file is None:
        return None
    return DescriptorTable(
        pack.file(spec.descriptors_file),
        dim=spec.dim,
        most_points=spec.reference.most_points,
        most_images=pack.manifest.index.count,
    )


def _point_bytes(dim: int) -> int:
    return 4 + -(-dim // 2)
