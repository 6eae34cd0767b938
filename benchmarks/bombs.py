"""Requests that are small to send and large to read: images, forms and JSON, for the fuzzing of the service."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image
from urllib3.filepost import encode_multipart_formdata

LARGEST_SIDE_PX = 10_000  # 100 megapixels, as much as a photo may have
_PNG_START = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _RGBA = 0, 2, 6  # colour types of PNG
_CHANNELS = {_GREY: 1, _RGB: 3, _RGBA: 4}
_END_OF_JPEG = b"\xff\xd9"
_SCAN = b"\xff\xda"
_SCANS_BYTES = 20_000_000
_FORM = "multipart/form-data; boundary=x"
_FILE_PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Bomb:
    """The body of a request.

    Attributes:
        name: What it is.
        content_type: Of the body.
        body: The body.
        path: The route that reads it.
    """

    name: str
    content_type: str
    body: bytes
    path: str = "/v1/identify"


def all_bombs(side_px: int = LARGEST_SIDE_PX) -> list[Bomb]:
    """Return the requests.

    Args:
        side_px: Of the images; lengths and counts shrink in proportion.
    """
    share = side_px / LARGEST_SIDE_PX
    return [*_image_bombs(side_px, share), *_form_bombs(share)]


def _image_bombs(side_px: int, share: float) -> list[Bomb]:
    size = (side_px, side_px)
    files = {
        "png_rgb": _png(*size, 8, _RGB),
        "png_rgba_16_bits": _png(*size, 16, _RGBA),
        "png_1_bit_four_times_as_large": _png(2 * side_px, 2 * side_px, 1, _GREY),
        "png_long_texts": _png(64, 64, 8, _RGB, 20 * _png_chunk(b"zTXt", b"k\0\0" + _zeros(50_000_000 * share))),
        "png_long_profile": _png(64, 64, 8, _RGB, _png_chunk(b"iCCP", b"a\0\0" + _zeros(100_000_000 * share))),
        "gif_many_images": _gif(round(100_000 * share)),
        "jpeg_many_scans": _jpeg_of_many_scans(round(0.8 * side_px), _SCANS_BYTES * share),
        "jpeg_progressive": _saved(Image.new("RGB", size), "JPEG", progressive=True, quality=1),
        "tiff_lzw": _saved(Image.new("RGB", size), "TIFF", compression="tiff_lzw"),
        "tiff_deflate": _saved(Image.new("RGB", size), "TIFF", compression="tiff_adobe_deflate"),
        "webp": _saved(Image.new("RGB", size), "WEBP", quality=1, method=0),
    }
    return [_with_file(name, data) for name, data in files.items()]


def _form_bombs(share: float) -> list[Bomb]:
    fields = b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n' * round(100_000 * share)
    headers = b"--x\r\n" + b"A: b\r\n" * round(200_000 * share) + b"\r\nx\r\n--x--\r\n"
    returns = _FILE_PART + b"\r" * round(20_000_000 * share) + b"\r\n--x--\r\n"
    dashes = _FILE_PART + b"\r\n-" * round(6_000_000 * share) + b"\r\n--x--\r\n"
    forms = {"form_many_fields": fields + b"--x--\r\n", "form_many_headers": headers, "form_many_returns": returns}
    forms["form_many_dashes"] = dashes
    deep = b'{"text":' + b"[" * round(400_000 * share)
    return [
        *(Bomb(name=name, content_type=_FORM, body=body) for name, body in forms.items()),
        Bomb(name="json_deep", content_type="application/json", body=deep, path="/v1/search"),
    ]


def _with_file(name: str, data: bytes) -> Bomb:
    body, content_type = encode_multipart_formdata({"file": (name, data), "verify_geometry": "never"})
    return Bomb(name=name, content_type=content_type, body=body)


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _zeros(count: float) -> bytes:
    return zlib.compress(bytes(round(count)), 9)


def _png(width: int, height: int, bits: int, colour: int, more_chunks: bytes = b"") -> bytes:
    """Return a black PNG (PNG specification, third edition), whose rows are never all in memory."""
    row = bytes(1 + (width * _CHANNELS[colour] * bits + 7) // 8)
    compressor = zlib.compressobj(9)
    rows = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = _png_chunk(b"IHDR", header) + more_chunks + _png_chunk(b"IDAT", rows)
    return _PNG_START + chunks + _png_chunk(b"IEND", b"")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _gif(images: int) -> bytes:
    """Return a GIF whose one image comes many times."""
    data = _saved(Image.new("P", (64, 64)), "GIF")
    at = data.index(b",")  # the start of an image
    return data[:at] + data[at:-1] * max(1, images) + data[-1:]


def _jpeg_of_many_scans(side_px: int, scans_bytes: float) -> bytes:
    """Return a progressive JPEG whose last scan comes many times."""
    data = _saved(Image.new("L", (side_px, side_px)), "JPEG", progressive=True, quality=50)
    at = data.rindex(_SCAN)
    scan = data[at : -len(_END_OF_JPEG)]
    return data[:at] + scan * max(1, round(scans_bytes / len(scan))) + _END_OF_JPEG
