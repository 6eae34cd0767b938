"""What a JPEG's markers say of the memory and the time that its decoding takes (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Marker codes of T.81, table B.1.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, 0xD8, 0xD9})  # markers without a length; those of restarts are skipped
_SCAN, _END = 0xDA, 0xD9
_MULTI_PICTURE, _MULTI_PICTURE_START = 0xE2, b"MPF\0"  # CIPA DC-007, section 5.2
_START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # within a scan, a zero or a restart marker follows each 0xff

_PROGRESSIVE_FRAME = re.compile(rb"\xff[\xc2\xc6\xca\xce]\x00[\x0b\x0e\x11\x14]\x08")  # of 1 to 4 components, 8 bits

_BLOCK_PX = 8
_COEFFICIENTS_BYTES = 2 * _BLOCK_PX**2  # of a block, in libjpeg


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegScans:
    """How a JPEG's pixels are stored.

    Attributes:
        coefficient_bytes: What libjpeg holds in memory until the last scan has arrived; 0 if it decodes row by row.
        count: Number of scans; 1 if decoded row by row.
    """

    coefficient_bytes: int
    count: int


def jpeg_scans(data: bytes) -> JpegScans:
    """Return how a JPEG's pixels are stored. A file whose markers are broken counts as decoded row by row.

    Args:
        data: The file's bytes.
    """
    frame, is_progressive, count = b"", False, 0
    for marker, segment in _segments(data):
        if marker in _FRAMES:
            frame, is_progressive = segment, marker in _PROGRESSIVE
        if marker != _SCAN:
            continue
        count += 1
        if not is_progressive and segment[:1] == bytes([len(_components(frame))]):
            return JpegScans(coefficient_bytes=0, count=1)
    return JpegScans(coefficient_bytes=_coefficient_bytes(frame), count=count)


def has_progressive_frame(data: bytes) -> bool:
    """Return whether a progressive JPEG begins anywhere in a file, such as in a strip of a TIFF."""
    return _PROGRESSIVE_FRAME.search(data) is not None


def lacks_end_marker(data: bytes) -> bool:
    """Return whether a file is a JPEG with a scan and no end marker after it. Other things may follow the marker.

    Args:
        data: The file's bytes.
    """
    if not data.startswith(_START) or data.endswith(bytes([0xFF, _END])):
        return False
    markers = [marker for marker, _ in _segments(data) if marker in (_SCAN, _END)]
    return bool(markers) and markers[-1] != _END


def jpeg_length_bytes(data: bytes) -> int | None:
    """Return the bytes of a JPEG up to its end marker, that included; None if it has none.

    The images of an MPO file follow each other in one file, so all of such a file counts.

    Args:
        data: The file's bytes.
    """
    at = None
    for marker, segment, end in _placed_segments(data):
        if marker == _MULTI_PICTURE and segment.startswith(_MULTI_PICTURE_START):
            return len(data)
        at = end if marker == _END else None
    return at


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the markers of a JPEG with their segments' content, up to the end marker. Films may follow it."""
    return ((marker, segment) for marker, segment, _ in _placed_segments(data))


def _placed_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield what `_segments` does, and where each segment ends."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        start = found.end()
        marker = data[start - 1]
        length_bytes = 0 if marker in _ALONE else int.from_bytes(data[start : start + 2], "big")
        yield marker, data[start + 2 : start + length_bytes], start + length_bytes
        if marker == _END:
            return
        at = start + length_bytes


def _components(frame: bytes) -> list[tuple[int, int]]:
    """Return how often each component is sampled across and down, relative to the others."""
    return [(frame[at] >> 4, frame[at] & 15) for at in range(7, len(frame), 3)]


def _coefficient_bytes(frame: bytes) -> int:
    sampling = _components(frame)
    most_across = max((across for across, _ in sampling), default=0)
    most_down = max((down for _, down in sampling), default=0)
    if not most_across or not most_down:
        return 0
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    units = -(-width // (_BLOCK_PX * most_across)) * -(-height // (_BLOCK_PX * most_down))
    return units * sum(across * down for across, down in sampling) * _COEFFICIENTS_BYTES
