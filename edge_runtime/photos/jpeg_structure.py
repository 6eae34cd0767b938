"""What a JPEG's markers say of the memory and the time that its decoding takes (ITU-T T.81, annex B)."""

from __future__ import annotations

from dataclasses import dataclass

# Marker codes of T.81, table B.1.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_SCAN, _END = 0xDA, 0xD9
_START_OF_SCAN = b"\xff\xda"  # within a scan, 0xff is followed by 0x00, so that it is found nowhere else

_BLOCK_PX = 8
_COEFFICIENTS_BYTES = 2 * _BLOCK_PX**2  # of a block, in libjpeg


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegScans:
    """How a JPEG's pixels are stored.

    Attributes:
        coefficient_bytes: What libjpeg holds in memory until the last scan has arrived; 0 if it decodes row by row.
        count: Number of scans, at most: those of a thumbnail within the file are counted too. 1 if decoded row by row.
    """

    coefficient_bytes: int
    count: int


def jpeg_scans(data: bytes) -> JpegScans:
    """Return how a JPEG's pixels are stored. A file whose markers are broken counts as decoded row by row.

    Args:
        data: The file's bytes.
    """
    frame: bytes = b""
    is_progressive = False
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length_bytes = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length_bytes]
        if marker in _FRAMES:
            frame, is_progressive = segment, marker in _PROGRESSIVE
        if marker in (_SCAN, _END):
            is_whole = bool(segment and frame) and segment[0] == len(_components(frame))
            if is_whole and not is_progressive:
                break
            return JpegScans(coefficient_bytes=_coefficient_bytes(frame), count=data.count(_START_OF_SCAN))
        at += 2 + length_bytes
    return JpegScans(coefficient_bytes=0, count=1)


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
