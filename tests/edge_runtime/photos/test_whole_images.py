"""Images whose pixels are all there are read, whatever stands beside the pixels; each is read as what it shows."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from edge_identify.convert.doctor.personal_data import personal_data
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.exif_position import photo_position
from edge_identify.edge_runtime.photos.images import decode_image, decode_photo

WIDTH, HEIGHT = 40, 24
_LONG = 1_300_000  # bytes; Pillow takes 1 MiB
_GPS_IFD, _ORIENTATION, _ARTIST = 0x8825, 0x0112, 0x013B

#: A ramp from black on the left to nearly white on the right.
RAMP = np.tile(np.arange(WIDTH, dtype=np.uint8) * 6, (HEIGHT, 1))
COLOURS = np.dstack([RAMP, 255 - RAMP, RAMP // 2])


def grey_of(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image.convert("L")).astype(np.int16)


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    return (
        len(body).to_bytes(4, "big")
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body) if checksum is None else checksum)
    )


def png(rows: Iterable[bytes], *, bits: int, colour: int, before: bytes = b"", behind: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + before + pixels + behind + chunk(b"IEND", b"")


def colour_png(*, before: bytes = b"", behind: bytes = b"") -> bytes:
    return png((row.tobytes() for row in COLOURS), bits=8, colour=2, before=before, behind=behind)


def tiff(pixels: bytes, *, bits: list[int], photometric: int, **tags: list[int]) -> bytes:
    """An uncompressed TIFF of one strip; `tags` are SHORTs by number, such as `t338`."""
    entries = {
        256: [WIDTH], 257: [HEIGHT], 258: bits, 259: [1], 262: [photometric], 273: [8], 277: [len(bits)],
        278: [HEIGHT], 279: [len(pixels)], **{int(name[1:]): values for name, values in tags.items()},
    }  # fmt: skip
    directory_at = 8 + len(pixels) + len(pixels) % 2
    long_at, directory, long_values = directory_at + 6 + 12 * len(entries), b"", b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}H", *values)
        if len(packed) > 4:
            packed, long_values = struct.pack("<I", long_at + len(long_values)), long_values + packed
        directory += struct.pack("<HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<I", directory_at) + pixels + bytes(len(pixels) % 2)
    return head + struct.pack("<H", len(entries)) + directory + bytes(4) + long_values


def big_endian_tiff(pixels: bytes) -> bytes:
    """An uncompressed TIFF of 16 bits in which 0 is white, the other byte first."""
    entries = {
        256: WIDTH, 257: HEIGHT, 258: 16, 259: 1, 262: 0, 273: 8, 277: 1, 278: HEIGHT, 279: len(pixels)
    }  # fmt: skip
    directory = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in entries.items())
    head = b"MM\0*" + struct.pack(">I", 8 + len(pixels))
    return head + pixels + struct.pack(">H", len(entries)) + directory + bytes(4)


def packed_12_bits(values: NDArray[np.int64]) -> bytes:
    first, second = values.reshape(-1, 2).T
    return np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1).astype(np.uint8).tobytes()


def texts(kind: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    if kind == "iTXt":
        info.add_itxt("notes", "n" * _LONG, zip=True)
    else:
        info.add_text("notes", "n" * _LONG, zip=True)
    return info


PNG_EXTRAS = {
    "a long iTXt": encoded(Image.fromarray(COLOURS), "PNG", pnginfo=texts("iTXt")),
    "a long zTXt": encoded(Image.fromarray(COLOURS), "PNG", pnginfo=texts("zTXt")),
    "a long profile": encoded(Image.fromarray(COLOURS), "PNG", icc_profile=bytes(_LONG)),
    "a long text behind the pixels": colour_png(behind=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(_LONG)))),
    "texts of 70 MB together": colour_png(before=chunk(b"tEXt", b"k\0" + b"t" * 1_000_000) * 70),
    "a text with a wrong checksum": colour_png(before=chunk(b"tEXt", b"k\0text", checksum=7)),
    "a cut gamma": colour_png(before=chunk(b"gAMA", b"\0")),
    "cut pixel dimensions": colour_png(before=chunk(b"pHYs", b"")),
    "a profile of an unknown method": colour_png(before=chunk(b"iCCP", b"p\0\7packed")),
}


@pytest.mark.parametrize("what", PNG_EXTRAS)
def test_what_stands_beside_the_pixels_of_a_png_refuses_none(what: str) -> None:
    assert (np.asarray(decode_image(PNG_EXTRAS[what], name=what)) == COLOURS).all()


def test_a_png_with_long_texts_keeps_its_orientation_position_and_personal_data() -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    exif[_ARTIST] = "A. Person"
    exif[_GPS_IFD] = {1: "N", 2: (48.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)}
    data = encoded(Image.fromarray(COLOURS), "PNG", pnginfo=texts("zTXt"), exif=exif)

    assert decode_image(data, name="x").size == (HEIGHT, WIDTH)
    assert photo_position(io.BytesIO(data)) is not None
    assert personal_data(data) == ("artist", "where it was taken")


@pytest.mark.parametrize("form", ["plain", "packed"])
def test_a_short_xmp_beside_a_long_text_still_turns_the_image(form: str) -> None:
    xmp = '<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    info = texts("zTXt")
    info.add_itxt("XML:com.adobe.xmp", xmp, zip=form == "packed")

    image = decode_image(encoded(Image.fromarray(COLOURS), "PNG", pnginfo=info), name="x")

    assert image.size == (HEIGHT, WIDTH)


def test_a_png_with_damaged_pixels_is_refused_all_the_same() -> None:
    data = PNG_EXTRAS["a long zTXt"]
    at = data.rindex(b"IDAT")

    for broken in (data[: at + 20], data[: at + 20] + b"\xff" * 20 + data[at + 40 :]):
        with pytest.raises(PhotoError, match=r"x\.png: is damaged"):
            decode_image(broken, name="x.png")


def jpeg(**options: Any) -> bytes:
    grain = np.random.default_rng(5).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    return encoded(Image.fromarray(grain), "JPEG", quality=90, **options)


JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("enough_px", [None, 12])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("ending", [b"", b"\xff", b"\0" * 300])
def test_a_jpeg_without_its_end_marker_is_whole(
    kind: str, ending: bytes, enough_px: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    data, name = jpeg(**JPEGS[kind]), f"{kind}{len(ending)}{enough_px}.jpg"
    expected = decode_photo(data, name="x", enough_px=enough_px)

    found = decode_photo(data[:-2] + ending, name=name, enough_px=enough_px)

    assert (np.asarray(found.image) == np.asarray(expected.image)).all()
    assert found.reduced_by == expected.reduced_by
    assert [record.getMessage() for record in caplog.records] == [
        f"{name}: its end marker is missing; all its pixels are there"
    ]


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("padding", [0, 5000])
def test_a_jpeg_that_lacks_pixels_is_refused_whatever_follows(kind: str, kept: float, padding: int) -> None:
    data = jpeg(**JPEGS[kind])
    cut = data[: int(kept * len(data))] + bytes(padding)

    with pytest.raises(PhotoError, match=r"cut\.jpg: is damaged or truncated"):
        decode_image(cut, name="cut.jpg")


def test_ink_jpegs_without_adobes_mark_are_read_with_a_word_about_it(caplog: pytest.LogCaptureFixture) -> None:
    data = encoded(Image.fromarray(COLOURS).convert("CMYK"), "JPEG")
    at = data.index(b"\xff\xee")
    unmarked = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]

    decode_image(data, name="marked.jpg")
    assert caplog.records == []
    decode_image(unmarked, name="unmarked.jpg")
    assert "unmarked.jpg: does not say how its four inks are stored" in caplog.text


WIDE = RAMP.astype(np.int64)
GREY_TIFFS = {
    "16 bits, 0 is black": tiff((WIDE * 257).astype("<u2").tobytes(), bits=[16], photometric=1),
    "16 bits, 0 is white": tiff((65_535 - WIDE * 257).astype("<u2").tobytes(), bits=[16], photometric=0),
    "8 bits, 0 is white": tiff((255 - WIDE).astype("u1").tobytes(), bits=[8], photometric=0),
    "16 bits, 0 is white, from a Motorola": big_endian_tiff((65_535 - WIDE * 257).astype(">u2").tobytes()),
    "12 bits, 0 is white": tiff(packed_12_bits(4095 - WIDE * 4095 // 255), bits=[12], photometric=0),
    "12 bits": tiff(packed_12_bits(WIDE * 4095 // 255), bits=[12], photometric=1),
    "15 bits and a sign": tiff((WIDE * 32_767 // 255).astype("<i2").tobytes(), bits=[16], photometric=1, t339=[2]),
    "32 bits, used to 65,535": tiff((WIDE * 257).astype("<u4").tobytes(), bits=[32], photometric=1),
}


@pytest.mark.parametrize("kind", GREY_TIFFS)
def test_a_grey_tiff_looks_like_what_was_scanned(kind: str) -> None:
    found = grey_of(decode_image(GREY_TIFFS[kind], name="scan.tif"))

    assert np.abs(found - RAMP).max() <= 1


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_compressed_scan_in_which_0_is_white_is_no_negative(compression: str) -> None:
    values = (65_535 - WIDE * 257).astype(np.uint16)
    data = encoded(Image.fromarray(values), "TIFF", compression=compression)
    entry = struct.pack("<HHI", 262, 3, 1)
    assert data.count(entry) == 1
    white_is_0 = data.replace(entry + b"\1", entry + b"\0")

    assert (grey_of(decode_image(white_is_0, name="scan.tif")) == RAMP).all()
    assert (grey_of(decode_image(data, name="scan.tif")) == 255 - RAMP).all()


def test_16_bits_in_separate_compressed_planes_are_read() -> None:
    strips = [zlib.compress((COLOURS[..., k].astype("<u2") * 257).tobytes()) for k in range(3)]
    lengths = [len(strip) for strip in strips]
    begins = [8, 8 + lengths[0], 8 + lengths[0] + lengths[1]]
    data = tiff(b"".join(strips), bits=[16] * 3, photometric=2, t259=[8], t273=begins, t279=lengths, t284=[2])

    assert (np.asarray(decode_image(data, name="x")) == COLOURS).all()


def test_16_bits_in_separate_planes_are_refused_rather_than_misread() -> None:
    planes = b"".join((COLOURS[..., k].astype("<u2") * 257).tobytes() for k in range(3))

    with pytest.raises(PhotoError, match=r"x\.tif: has 16 bits a channel in separate planes; save it"):
        decode_image(tiff(planes, bits=[16] * 3, photometric=2, t284=[2]), name="x.tif")


EMPTY = np.dstack([COLOURS, np.zeros_like(RAMP)])
EMPTY_GREY = np.dstack([RAMP, np.zeros_like(RAMP)])
EMPTY_ALPHAS = {
    "PNG": png((row.tobytes() for row in EMPTY), bits=8, colour=6),
    "16-bit PNG": png((row.astype(">u2").tobytes() for row in EMPTY.astype(np.int64) * 257), bits=16, colour=6),
    "WebP": encoded(Image.fromarray(EMPTY), "WEBP", lossless=True, exact=True),
    "TIFF": tiff(EMPTY.tobytes(), bits=[8] * 4, photometric=2, t338=[2]),
    "TIFF, multiplied": tiff(EMPTY.tobytes(), bits=[8] * 4, photometric=2, t338=[1]),
    "TIFF, unnamed": tiff(EMPTY.tobytes(), bits=[8] * 4, photometric=2),
    "BMP": encoded(Image.fromarray(EMPTY), "BMP"),
}


@pytest.mark.parametrize("kind", EMPTY_ALPHAS)
def test_a_declared_and_empty_alpha_is_ignored_with_a_word_about_it(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = decode_image(EMPTY_ALPHAS[kind], name=f"{kind}.x")

    assert (np.asarray(image) == COLOURS).all()
    assert (f"{kind}.x: declares every pixel transparent" in caplog.text) == (kind != "BMP")


def test_an_empty_alpha_over_grey_is_ignored() -> None:
    data = png((row.tobytes() for row in EMPTY_GREY), bits=8, colour=4)

    assert (grey_of(decode_image(data, name="x")) == RAMP).all()


def test_one_opaque_pixel_makes_the_others_transparent() -> None:
    pixels = EMPTY.copy()
    pixels[-1, -1, 3] = 255

    image = np.asarray(decode_image(png((row.tobytes() for row in pixels), bits=8, colour=6), name="x"))

    assert (image[-1, -1] == COLOURS[-1, -1]).all()
    assert (image.reshape(-1, 3)[:-1] == 255).all()


def test_the_bands_of_a_large_image_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    half = np.dstack([COLOURS, RAMP])
    data = png((row.tobytes() for row in half), bits=8, colour=6)
    at_once = np.asarray(decode_image(data, name="x"))

    monkeypatch.setattr("edge_identify.edge_runtime.photos.rgb_pixels._MOST_BAND_PX", 5 * WIDTH)

    assert (np.asarray(decode_image(data, name="x")) == at_once).all()
    assert (np.asarray(decode_image(EMPTY_ALPHAS["PNG"], name="banded")) == COLOURS).all()
    assert (grey_of(decode_image(GREY_TIFFS["16 bits, 0 is white"], name="x")) == RAMP).all()


def _packed(rows: NDArray[np.int64], bits: int) -> list[bytes]:
    digits = [f"{value:0{bits}b}" for value in range(2**bits)]
    texts = ["".join(digits[value] for value in row) for row in rows]
    return [int(text, 2).to_bytes(len(text) // 8, "big") for text in texts]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_a_png_is_white_at_every_depth(bits: int) -> None:
    steps = np.tile(np.arange(WIDTH) // (WIDTH // 2), (HEIGHT, 1)) * (2**bits // 3 or 1)
    transparent = int(steps[0, -1])
    rows = _packed(steps, bits)
    data = png(rows, bits=bits, colour=0, before=chunk(b"tRNS", struct.pack(">H", transparent)))

    found = grey_of(decode_image(data, name="x"))

    assert (found[:, : WIDTH // 2] == 0).all()
    assert (found[:, WIDTH // 2 :] == 255).all()


def test_the_transparent_colour_of_a_16_bit_png_is_white() -> None:
    pixels = COLOURS.astype(np.int64) * 257
    pixels[0] = (4000, 5000, 6000)
    before = chunk(b"tRNS", struct.pack(">HHH", 4000, 5000, 6000))

    image = np.asarray(
        decode_image(png((r.astype(">u2").tobytes() for r in pixels), bits=16, colour=2, before=before), name="x")
    )

    assert (image[0] == 255).all()
    assert (image[1:] == COLOURS[1:]).all()


def test_a_tiff_of_no_readable_kind_says_what_to_do() -> None:
    two_samples = tiff(EMPTY_GREY.tobytes(), bits=[8, 8], photometric=1)

    with pytest.raises(PhotoError, match=r"x\.tif: is damaged, or a kind of TIFF that cannot be read; save it anew"):
        decode_image(two_samples, name="x.tif")


WEBP_EXIF = Image.Exif()
WEBP_EXIF[_ARTIST] = "A. Person" * 50
WEBP = encoded(Image.fromarray(COLOURS), "WEBP", lossless=True, exif=WEBP_EXIF)


@pytest.mark.parametrize(
    "data", [WEBP, WEBP[:-80], WEBP[:-440], WEBP[:4] + struct.pack("<I", len(WEBP) + 100) + WEBP[8:]]
)
def test_a_webp_whose_metadata_are_cut_is_whole(data: bytes) -> None:
    assert (np.asarray(decode_image(data, name="x")) == COLOURS).all()


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_webp_whose_pixels_are_cut_is_refused(kept: float) -> None:
    plain = encoded(Image.fromarray(COLOURS), "WEBP", lossless=True)

    with pytest.raises(PhotoError, match=r"x\.webp: is damaged"):
        decode_image(plain[: int(kept * len(plain))], name="x.webp")


@pytest.fixture(autouse=True)
def everything_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
