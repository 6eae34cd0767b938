"""Descriptors are read back as they were written, and a file that lies about itself is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.descriptors_file import (
    DescriptorTable,
    StoredPoints,
    encode_points,
    write_descriptors,
)

DIM, MOST = 64, 300


def points(seed: int, count: int, dim: int = DIM) -> StoredPoints:
    random = np.random.default_rng(seed)
    descriptors = random.normal(size=(count, dim)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    return StoredPoints(
        size=(384, 288),
        positions=random.uniform((-0.5, -0.5), (383.5, 287.5), (count, 2)).astype(np.float32),
        descriptors=descriptors,
    )


IMAGES = {3: points(0, 300), 8: points(1, 0), 9: points(2, 17)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "points.bin"
    encoded = [(index_id, encode_points(each)) for index_id, each in IMAGES.items()]
    write_descriptors(path, encoded, count=3, dim=DIM, most_points=MOST)
    return path


def opened(path: Path, **changes: int) -> DescriptorTable:
    return DescriptorTable(path, **{"dim": DIM, "most_points": MOST, "most_images": 3, **changes})


def test_points_are_read_back_within_the_rounding_of_the_format(path: Path) -> None:
    table = opened(path)

    for index_id, written in IMAGES.items():
        found = table.points(index_id)
        assert found is not None
        assert found.size == written.size
        assert found.positions.shape == written.positions.shape
        assert found.descriptors.shape == written.descriptors.shape
        assert np.abs(found.positions - written.positions).max(initial=0) <= 1 / 64
        assert (found.descriptors * written.descriptors).sum(axis=1).min(initial=1) > 0.98
    assert [table.points(absent) for absent in (-1, 4, 10)] == [None] * 3


def test_the_bytes_are_those_that_the_specification_describes(tmp_path: Path) -> None:
    descriptor = np.array([[0.4, -0.4, 0.06]], np.float32)  # rounded to 7, -7 and 1
    one = StoredPoints(size=(20, 10), positions=np.array([[0, 2.5]], np.float32), descriptors=descriptor)
    path = tmp_path / "points.bin"
    write_descriptors(path, [(5, encode_points(one))], count=1, dim=3, most_points=9)

    expected = struct.pack("<8sIIQ", b"EIPOINT1", 3, 9, 1) + struct.pack("<qQHHHH", 5, 0, 1, 20, 10, 0)
    expected += struct.pack("<HH", 16, 96) + bytes([7 + 8 | (-7 + 8) << 4, 1 + 8])
    assert path.read_bytes() == expected
    table = DescriptorTable(path, dim=3, most_points=9, most_images=1)
    found = table.points(5)
    assert found is not None
    assert found.descriptors[0] == pytest.approx(np.array([7, -7, 1]) / np.sqrt(99))


HEADER, IMAGE = 24, 24
LIES: dict[str, Callable[[bytes], bytes]] = {
    "an empty file": lambda _: b"",
    "a cut header": lambda data: data[:20],
    "a cut table": lambda data: data[: HEADER + 30],
    "a point too few": lambda data: data[:-36],
    "a byte too many": lambda data: data + b"\0",
    "other bytes at the beginning": lambda data: b"EIPOINT2" + data[8:],
    "more images than the index": lambda data: data[:16] + struct.pack("<Q", 2**60) + data[24:],
    "another dimension": lambda data: data[:8] + struct.pack("<I", 128) + data[12:],
    "more points than the manifest": lambda data: data[:12] + struct.pack("<I", 60_000) + data[16:],
    "ids out of order": lambda data: data[:HEADER] + struct.pack("<q", 8) + data[HEADER + 8 :],
    "points of another image": lambda data: (
        data[: HEADER + IMAGE + 8] + struct.pack("<Q", 2**63) + data[HEADER + IMAGE + 16 :]
    ),
    "an image of no size": lambda data: data[: HEADER + 18] + struct.pack("<H", 0) + data[HEADER + 20 :],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_is_refused_when_it_is_opened(path: Path, lie: str) -> None:
    path.write_bytes(LIES[lie](path.read_bytes()))

    with pytest.raises(PackDamagedError, match=r"points\.bin: .*; build or fetch the pack again"):
        opened(path)


def test_a_point_outside_its_image_is_refused_when_it_is_read(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = HEADER + 3 * IMAGE
    data[at : at + 2] = struct.pack("<H", 384 * 32 + 1)
    path.write_bytes(data)
    table = opened(path)

    with pytest.raises(PackDamagedError, match="image 3 has a point outside its 384 x 288 pixels"):
        table.points(3)
    assert table.points(9) is not None
