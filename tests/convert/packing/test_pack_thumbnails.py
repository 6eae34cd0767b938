"""Thumbnails are the reference images, small and upright, and hold pixels only."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.convert.packing.pack_thumbnails import thumbnail_webp
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest, verify_pack_files
from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails, write_thumbnails
from edge_identify.edge_runtime.search.identifier import Identifier

pytestmark = pytest.mark.usefixtures("few_photos")

RED, BLUE = (220, 20, 30), (20, 30, 220)
SECRET = b"taken at 48.8584 N by a person"

Build = Callable[..., int]


def two_halves(size: tuple[int, int]) -> Image.Image:
    """Return an image that is red on the left and blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def camera_jpeg(path: Path) -> None:
    """Return a rotated JPEG with a position, a comment and a colour profile, like a camera's file."""
    exif = Image.Exif()
    exif[0x0112] = 6  # upright after a quarter turn to the right
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[1] = "N"
    image = two_halves((400, 200))
    image.save(path, "JPEG", quality=95, exif=exif, icc_profile=b"profile " + SECRET, comment=SECRET)


@pytest.fixture
def build(tmp_path: Path, tiny_vit: str) -> Build:
    """Return a function that builds `tmp_path/NAME` from a camera's and four drawn images; it returns the exit code."""
    (tmp_path / "pictures").mkdir()
    camera_jpeg(tmp_path / "pictures/camera.jpg")
    for number in range(4):
        tiles = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        side = 16 * (number + 2)
        Image.fromarray(tiles).resize((side, side)).save(tmp_path / "pictures" / f"p{number}.png")
    catalogue = str(tmp_path / "catalogue.sqlite")
    assert main(["add", f"images:{tmp_path / 'pictures'}", "--catalogue", catalogue]) == 0

    def run(name: str, *words: str) -> int:
        command = [
            "pack",
            "--catalogue",
            catalogue,
            "--name",
            "t",
            "--version",
            "1.0.0",
            "--model",
            tiny_vit,
            "--pretrained",
            "random",
        ]
        return main([*command, "--variants", "onnx-fp32", "--out", str(tmp_path / name), *words])

    return run


def images(pack: Path) -> dict[str, Image.Image]:
    """Return the thumbnails of a pack by the reference that a device identifies for each."""
    opened = open_pack(pack)
    thumbnails = open_thumbnails(opened)
    assert thumbnails is not None
    found = {}
    with Identifier(opened) as identifier, thumbnails:
        for file in sorted((pack.parent / "pictures").iterdir()):
            best = identifier.identify(file).matches[0]
            assert best.index_id is not None
            image = thumbnails.image(best.index_id)
            assert image is not None
            found[best.reference.name] = image
    return found


def test_a_pack_with_thumbnails_shows_its_references_and_the_same_catalogue_gives_the_same_bytes(
    build: Build, tmp_path: Path
) -> None:
    assert build("first", "--thumbnails", "48") == 0
    assert build("second", "--thumbnails", "48") == 0
    manifest = read_manifest(tmp_path / "first")

    assert manifest.thumbnails is not None
    assert (manifest.thumbnails.file, manifest.thumbnails.side_px) == ("thumbnails.sqlite", 48)
    verify_pack_files(tmp_path / "first", manifest)
    first, second = ((tmp_path / name / "thumbnails.sqlite").read_bytes() for name in ("first", "second"))
    assert first == second
    shown = images(tmp_path / "first")
    sizes = sorted(image.size for image in shown.values())
    assert sizes == [(24, 48), (32, 32), (48, 48), (48, 48), (48, 48)]  # upright; smaller ones are not enlarged
    card = (tmp_path / "first/PACK.md").read_text(encoding="utf-8")
    assert f"thumbnails: every picture, its longer side 48 pixels at most, {len(first):,} bytes" in card


def test_a_camera_s_image_is_upright_and_tells_neither_place_nor_profile(build: Build, tmp_path: Path) -> None:
    assert build("pack", "--thumbnails", "48") == 0
    data = (tmp_path / "pack/thumbnails.sqlite").read_bytes()
    camera = images(tmp_path / "pack")["camera"]

    for forbidden in (SECRET, b"ICCP", b"EXIF", b"XMP "):
        assert forbidden not in data
    above_and_below = np.asarray(camera).astype(int)[[6, 42], 12]
    assert np.abs(above_and_below - [RED, BLUE]).max() < 25


def test_no_image_is_in_a_pack_that_shall_show_none(build: Build, tmp_path: Path) -> None:
    assert build("pack", "--local-features", "none") == 0

    assert read_manifest(tmp_path / "pack").thumbnails is None
    assert open_thumbnails(open_pack(tmp_path / "pack")) is None
    assert not (tmp_path / "pack/thumbnails.sqlite").exists()
    assert "no picture of a reference is in the pack" in (tmp_path / "pack/PACK.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("px", ["0", "15", "1025", "-96", "96.5", "many", "9" * 30, "٩٦"])
def test_a_side_that_is_none_is_refused_at_the_door(build: Build, px: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        build("pack", f"--thumbnails={px}")

    assert refused.value.code == 2
    assert "is not a number of pixels from 16 to 1024" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "expected"),
    [((400, 200), (96, 48)), ((96, 20), (96, 20)), ((1, 1), (1, 1)), ((30_000, 2), (96, 1)), ((97, 97), (96, 96))],
)
def test_a_thumbnail_is_never_larger_than_the_image_or_the_side(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    image = two_halves(size)
    image.info |= {"icc_profile": SECRET, "exif": SECRET, "xmp": SECRET, "comment": SECRET}

    data = thumbnail_webp(image, 96)

    thumbnail = Image.open(io.BytesIO(data))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", expected)
    assert SECRET not in data


def test_the_order_in_which_thumbnails_are_kept_is_that_of_the_index(tmp_path: Path) -> None:
    data = [thumbnail_webp(two_halves((side, side)), 96) for side in (8, 9)]
    write_thumbnails(tmp_path / "a.sqlite", iter([(3, data[0]), (7, data[1])]))
    write_thumbnails(tmp_path / "b.sqlite", iter([(3, data[0]), (7, data[1])]))

    assert (tmp_path / "a.sqlite").read_bytes() == (tmp_path / "b.sqlite").read_bytes()
