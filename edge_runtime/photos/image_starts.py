"""Images recognised by their first bytes, where it is open whether bytes are an image at all.

Trap: a text may begin with the first bytes of a format: the path `BMW/photo.jpg` with those of BMP. So further bytes of
the header count too.
"""

from __future__ import annotations

from edge_identify.edge_runtime.photos.jpeg_structure import jpeg_length_bytes

START_BYTES = 256  # enough of a file for `starts_an_image`

_JPEG, _PNG, _BMP, _RIFF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF"
_FULL_STARTS = (_JPEG, _PNG, b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # lengths of the second header, by version
_PNG_CHUNK_EDGES = 12  # length, kind and checksum


def starts_an_image(start: bytes) -> bool:
    """Return whether bytes begin as an image of a known format does.

    Args:
        start: The first `START_BYTES` bytes, or all if there are fewer.
    """
    return (
        start.startswith(_FULL_STARTS)
        or start[4:8] == b"ftyp"  # HEIC, AVIF
        or (start.startswith(_RIFF) and start[8:12] == b"WEBP")
        or (start.startswith(_BMP) and int.from_bytes(start[14:18], "little") in _BMP_HEADERS)
    )


def image_follows(data: bytes) -> bool:
    """Return whether a JPEG, PNG, WebP or BMP ends before the bytes do, and another image begins there."""
    length_bytes = _length_bytes(data)
    return length_bytes is not None and starts_an_image(data[length_bytes : length_bytes + START_BYTES])


def _length_bytes(data: bytes) -> int | None:
    """Return the bytes of the first image as its own structure tells them; None if it does not."""
    if data.startswith(_JPEG):
        return jpeg_length_bytes(data)
    if data.startswith(_PNG):
        return _png_length_bytes(data)
    if data.startswith(_RIFF):
        return 8 + int.from_bytes(data[4:8], "little")
    if data.startswith(_BMP):
        return int.from_bytes(data[2:6], "little") or None  # some programs write 0
    return None


def _png_length_bytes(data: bytes) -> int | None:
    at = len(_PNG)
    while at < len(data):
        kind = data[at + 4 : at + 8]
        at += int.from_bytes(data[at : at + 4], "big") + _PNG_CHUNK_EDGES
        if kind == b"IEND":
            return at
    return None
