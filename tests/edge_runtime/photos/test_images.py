"""Every accepted format is decoded upright as RGB; any other file gives an error that names it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos import images


def halves(mode: str = "RGB") -> Image.Image:
    """An image that is red on the left and blue on the right."""
    image = Image.new("RGB", (40, 20), (200, 0, 0))
    image.paste((0, 0, 200), (20, 0, 40, 20))
    return image.convert(mode)


def encoded(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("format_name", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "P"), ("PNG", "1"), ("GIF", "P"),
     ("BMP", "RGB"), ("WEBP", "RGB"), ("TIFF", "RGB"), ("TIFF", "CMYK")],
)  # fmt: skip
def test_every_known_format_becomes_rgb(format_name: str, mode: str) -> None:
    image = images.decode_image(encoded(halves(mode), format=format_name), name="x")

    assert (image.mode, image.size) == ("RGB", (40, 20))


@pytest.mark.parametrize(("orientation", "red_corner"), [(1, (2, 2)), (3, (37, 2)), (6, (2, 2)), (8, (2, 37))])
def test_exif_orientation_is_applied(orientation: int, red_corner: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = images.decode_image(encoded(halves(), format="JPEG", exif=exif), name="x")
    red, _, blue = image.getpixel(red_corner)  # type: ignore[misc]

    assert image.size == ((40, 20) if orientation in (1, 3) else (20, 40))
    assert red > 150 > 60 > blue


def test_transparency_lies_over_white() -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 10, 20, 30])

    assert images.decode_image(encoded(image, format="PNG"), name="x").getpixel((1, 1)) == (255, 255, 255)
    assert images.decode_image(encoded(palette, format="PNG", transparency=0), name="x").getpixel((1, 1)) == (
        255,
        255,
        255,
    )


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    values = np.full((4, 4), 32768, dtype=np.uint16)

    image = images.decode_image(encoded(Image.fromarray(values), format="PNG"), name="x")

    assert image.getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize("value", [255, 256])
def test_a_dark_scan_stays_dark_whatever_its_brightest_pixel(value: int) -> None:
    image = images.decode_image(encoded(Image.fromarray(np.full((4, 4), value, np.uint16)), format="PNG"), name="x")

    assert image.getpixel((0, 0)) == (1, 1, 1)


def test_numbers_beyond_16_bits_are_refused_rather_than_guessed() -> None:
    for values in (np.full((4, 4), 0.5, np.float32), np.full((4, 4), 70_000, np.int32)):
        with pytest.raises(PhotoError, match=r"scan\.tif: has pixel values beyond 16 bits"):
            images.decode_image(encoded(Image.fromarray(values), format="TIFF"), name="scan.tif")


def test_a_photo_with_broken_metadata_is_a_photo_all_the_same() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0132] = "2026:11:20 12:00:00"
    data = encoded(halves(), format="JPEG", exif=exif)
    at = data.index(b"Exif")

    for position in range(at, at + 60):
        for value in (0, 7, 255):
            broken = data[:position] + bytes([value]) + data[position + 1 :]
            assert images.decode_image(broken, name="x").size in ((40, 20), (20, 40))


def test_a_side_of_a_million_pixels_is_refused() -> None:
    with pytest.raises(PhotoError, match="1 x 1000000 pixels; a side may have 100000 at most"):
        images.decode_image(encoded(Image.new("1", (1, 1_000_000)), format="PNG"), name="x")


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    data = encoded(frames[0], format="GIF", save_all=True, append_images=frames[1:])

    assert images.decode_image(data, name="x").getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_truncated_image_is_refused_by_name(format_name: str) -> None:
    rng = np.random.default_rng(0)
    data = encoded(Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)), format=format_name)

    with pytest.raises(PhotoError, match=r"holiday\.x: is (damaged|not an image)"):
        images.decode_image(data[: len(data) // 2], name="holiday.x")


def test_a_file_that_is_no_image_is_refused_by_name() -> None:
    with pytest.raises(PhotoError, match=r"notes\.txt: is not an image"):
        images.decode_image(b"dear diary, " * 50, name="notes.txt")


@pytest.mark.parametrize("width", [11_000, 20_000])  # Pillow refuses the second itself, before our own cap is asked
def test_an_image_beyond_the_cap_is_refused_before_it_is_decoded(width: int) -> None:
    data = encoded(Image.new("1", (width, 10_000)), format="PNG")

    with pytest.raises(PhotoError, match=r"poster\.png: .*more than the 100-megapixel limit"):
        images.decode_image(data, name="poster.png")


def test_a_format_that_is_not_on_the_list_is_refused_though_pillow_reads_it() -> None:
    with pytest.raises(PhotoError, match="is not an image in a known format"):
        images.decode_image(encoded(halves(), format="PCX"), name="x")


def test_missing_empty_and_oversized_files_and_folders_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "large.jpg").write_bytes(b"x" * 11)
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 10)

    for name, reason in (
        ("none.jpg", "no such file"),
        ("empty.jpg", r"empty \(0 bytes\)"),
        ("large.jpg", "limit"),
        (".", "is not a file"),
    ):
        with pytest.raises(PhotoError, match=reason):
            images.open_image(tmp_path / name)
