"""TIFF and WebP files whose pixels are whole, although Pillow refuses or misreads what describes them.

- Pillow knows some kinds of grey TIFF only where 0 is black: 16 bits in big-endian order, and 12 bits.
- Pillow multiplies by an empty associated alpha, which leaves no colour.
- libwebp refuses a file whose metadata, behind the pixels, are cut.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

# TIFF 6.0, section 2: a directory entry has tag, type, count and value; a SHORT stands in the value itself.
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY_BYTES = 12
_SHORT = 3

_PHOTOMETRIC, _SAMPLES_PER_PIXEL, _EXTRA_SAMPLES = 262, 277, 338
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2

# WebP Container Specification (RFC 9649, section 2): RIFF, length, WEBP, then chunks of kind, length and content.
_RIFF_HEAD_BYTES, _CHUNK_HEAD_BYTES = 12, 8


def grey_tiff_negative(data: bytes) -> bytes | None:
    """Return a grey TIFF in which 0 is white as one in which 0 is black, its negative; None for any other file."""
    if _with_tag(data, _SAMPLES_PER_PIXEL, found=1, wanted=1) is None:
        return None
    return _with_tag(data, _PHOTOMETRIC, found=_WHITE_IS_ZERO, wanted=_BLACK_IS_ZERO)


def tiff_with_own_colours(data: bytes) -> bytes | None:
    """Return a TIFF with associated alpha as one whose colours are not multiplied by it; None for any other file."""
    return _with_tag(data, _EXTRA_SAMPLES, found=_ASSOCIATED_ALPHA, wanted=_UNASSOCIATED_ALPHA)


def webp_of_whole_chunks(data: bytes) -> bytes | None:
    """Return a WebP of its whole chunks, with the length that they have; None if `data` is no WebP."""
    if data[:4] != b"RIFF" or data[8:_RIFF_HEAD_BYTES] != b"WEBP":
        return None
    body = b"".join(_whole_chunks(data))
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _whole_chunks(data: bytes) -> Iterator[bytes]:
    at = _RIFF_HEAD_BYTES
    while at + _CHUNK_HEAD_BYTES <= len(data):
        (length_bytes,) = struct.unpack_from("<I", data, at + 4)
        end = at + _CHUNK_HEAD_BYTES + length_bytes
        if end > len(data):
            return
        yield data[at:end] + bytes(length_bytes % 2)
        at = end + length_bytes % 2


def _with_tag(data: bytes, tag: int, *, found: int, wanted: int) -> bytes | None:
    """Return a TIFF with another value of a SHORT tag in its first directory; None for a BigTIFF and any other file."""
    order = _BYTE_ORDERS.get(data[:4])
    if order is None or len(data) < 8:
        return None
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    entries_bytes = _ENTRY_BYTES * struct.unpack_from(f"{order}H", data, at)[0] if at + 2 <= len(data) else 0
    head, value = struct.pack(f"{order}HHI", tag, _SHORT, 1), struct.pack(f"{order}H", found)
    for entry in range(at + 2, min(at + 2 + entries_bytes, len(data)) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        if data[entry : entry + 10] == head + value:
            return data[: entry + 8] + struct.pack(f"{order}H", wanted) + data[entry + 10 :]
    return None
