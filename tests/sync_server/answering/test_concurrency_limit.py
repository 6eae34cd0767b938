"""Slots for photos, and the turn of large ones."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import decoding_cost
from edge_identify.sync_server.answering.concurrency_limit import DECODING_BYTES, BusyError, ConcurrencyLimit

SMALL_PX, LARGE_PX, BOMB_PX = (100, 100), (6000, 4000), (10_000, 10_000)


def png_header(size: tuple[int, int], *, colour: int = 2) -> bytes:
    """Return a PNG without pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")


def _photo(size: tuple[int, int], form: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, form, **options)
    return buffer.getvalue()


def _decode(limit: ConcurrencyLimit, photo: bytes) -> None:
    with limit.decoding(photo, name="photo", enough_px=100):
        pass


@pytest.mark.parametrize(
    ("photo", "bytes_per_pixel"),
    [
        (_photo((800, 800), "PNG"), 4),
        (_photo((800, 800), "PNG", "RGBA"), 9),
        (_photo((800, 800), "PNG", "P"), 9),
        (_photo((800, 800), "WEBP"), 16),
        (_photo((800, 800), "WEBP", "RGBA"), 21),
        (_photo((800, 800), "TIFF"), 9),
        (_photo((800, 800), "JPEG"), 4 / 64),
        (_photo((800, 800), "JPEG", progressive=True), 4 / 64 + 3),
    ],
)
def test_the_memory_of_a_decoding_is_told_by_the_header(photo: bytes, bytes_per_pixel: float) -> None:
    assert decoding_cost(photo, name="photo", enough_px=100).memory_bytes == 800 * 800 * bytes_per_pixel


def test_repeated_scans_make_a_photo_large() -> None:
    plain = _photo((800, 800), "JPEG", progressive=True)
    scan = plain[plain.rindex(b"\xff\xda") : -2]
    many = plain[:-2] + scan * 60 + plain[-2:]
    assert decoding_cost(many, name="photo", enough_px=100).scanned_pixels > 60 * 800 * 800


def test_a_bomb_is_refused_before_a_pixel_is_decoded() -> None:
    limit = ConcurrencyLimit(1, patience_s=10)
    with pytest.raises(PhotoError, match="photo: decoding takes 381 MiB, more than the 224 MiB of this server"):
        _decode(limit, png_header(BOMB_PX))
    assert decoding_cost(png_header(BOMB_PX), name="photo", enough_px=None).memory_bytes > DECODING_BYTES


def test_large_photos_leave_a_slot_to_others_and_wait_in_a_short_queue() -> None:
    limit = ConcurrencyLimit(2, patience_s=0.01)
    large = png_header(LARGE_PX)
    with limit.decoding(large, name="photo", enough_px=100):
        with pytest.raises(BusyError):
            _decode(limit, large)
        _decode(limit, _photo(SMALL_PX, "PNG"))
    _decode(limit, large)


def test_a_file_that_cannot_be_read_waits_like_a_large_one() -> None:
    assert decoding_cost(b"\x89PNG\r\n\x1a\nx", name="photo", enough_px=100).is_large
