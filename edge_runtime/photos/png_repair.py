"""PNG files whose pixels are whole, although Pillow refuses what stands beside them.

Pillow refuses a PNG for a text or colour profile that unpacks to more than 1 MiB, and for any chunk with a wrong
checksum. Neither changes a pixel (PNG, third edition, 4.7: ancillary chunks).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAME_BYTES = 12  # length, kind and checksum of a chunk
_NEEDED = (b"tRNS", b"acTL", b"fcTL", b"fdAT")  # ancillary chunks that change pixels
_ORIENTATION = b"eXIf"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")  # older software keeps the EXIF orientation there
_MOST_TEXT_BYTES = 2**20 - 1  # unpacked; Pillow refuses more
_MOST_TEXTS_BYTES = 2**24  # of the file's texts together; a quarter of what Pillow takes


def png_of_pixels(data: bytes) -> bytes | None:
    """Return a PNG without the chunks that its pixels and orientation do not need; None if `data` is no PNG.

    Args:
        data: The file's bytes.
    """
    if not data.startswith(_SIGNATURE):
        return None
    return _SIGNATURE + b"".join(_kept(data))


def _kept(data: bytes) -> Iterator[memoryview]:
    view, at, texts_bytes = memoryview(data), len(_SIGNATURE), 0
    while at + _FRAME_BYTES <= len(data):
        kind = bytes(view[at + 4 : at + 8])
        end = at + _FRAME_BYTES + int.from_bytes(view[at : at + 4], "big")
        is_ancillary = bool(kind[0] & 0x20) and kind not in _NEEDED
        if not is_ancillary:
            yield view[at:end]
        elif kind in (_ORIENTATION, *_TEXTS) and end <= len(data) and _is_intact(view[at:end]):
            texts_bytes += end - at
            if texts_bytes <= _MOST_TEXTS_BYTES and (kind == _ORIENTATION or _is_short(kind, view[at + 8 : end - 4])):
                yield view[at:end]
        at = end
    yield view[at : at + _FRAME_BYTES]  # an incomplete chunk, for Pillow to judge


def _is_intact(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _is_short(kind: bytes, body: memoryview) -> bool:
    """Return whether a text unpacks to at most `_MOST_TEXT_BYTES`."""
    packed = _packed_text(kind, bytes(body))
    if packed is None:
        return len(body) <= _MOST_TEXT_BYTES
    try:
        return len(zlib.decompressobj().decompress(packed, _MOST_TEXT_BYTES + 1)) <= _MOST_TEXT_BYTES
    except zlib.error:
        return False


def _packed_text(kind: bytes, body: bytes) -> bytes | None:
    """Return the compressed part of a text chunk; None if it is not compressed (PNG, third edition, 11.3.3)."""
    _, _, rest = body.partition(b"\0")  # the keyword
    if kind == b"zTXt":
        return rest[1:]  # the method
    if kind == b"iTXt" and rest[:1] == b"\1":
        return rest[2:].split(b"\0", 2)[-1]  # the method, the language, the keyword translated
    return None
