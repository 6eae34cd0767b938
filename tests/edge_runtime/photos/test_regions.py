"""A region shows the same part of the upright photo, whatever its EXIF orientation and reduced size."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge_identify.edge_runtime.cli.identify_command import identify_main
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.photos.images import decode_image, decode_photo
from edge_identify.edge_runtime.photos.prepared_photos import PhotoInPreparation, prepare_photo
from edge_identify.edge_runtime.photos.preprocessing import (
    Interpolation,
    Preprocessing,
    ResizeMode,
    enough_px,
    preprocess,
    preprocess_photo,
)
from edge_identify.edge_runtime.photos.regions import Region, Unit, parse_region
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

RECIPE = Preprocessing(size_px=32, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)


@pytest.mark.parametrize(
    ("text", "size", "box"),
    [
        ("120,80,400,300", (640, 480), (120, 80, 520, 380)),
        ("0,0,640,480", (640, 480), (0, 0, 640, 480)),
        (" 1 , 2, 3 ,4 ", (640, 480), (1, 2, 4, 6)),
        ("0.25,0.5,0.5,0.25", (640, 480), (160, 240, 480, 360)),
        (".25,.5,.5,.25", (640, 480), (160, 240, 480, 360)),
        ("25%,50%,50%,25%", (640, 480), (160, 240, 480, 360)),
        ("12.5%,0,50%,100%", (640, 480), (80, 0, 400, 480)),
        ("0,0,0.5,1.0", (3, 3), (0, 0, 2, 3)),
        ("0.3333333,0.6666667,0.6666667,0.3333333", (300, 300), (100, 200, 300, 300)),
        ("0.9999,0.9999,0.0001,0.0001", (10, 10), (9, 9, 10, 10)),  # thinner than a pixel: the pixel it lies in
        ("0.0,0.0,1.0,1.0", (1, 1), (0, 0, 1, 1)),
    ],
)
def test_a_region_is_read_as_it_is_written(text: str, size: tuple[int, int], box: tuple[int, ...]) -> None:
    assert parse_region(text).box(size, name="x") == box


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3", "has 3 numbers, not four"),
        ("1,2,3,4,5", "has 5 numbers"),
        ("", "has 1 numbers"),
        ("1,2,,4", "'' is not a number"),
        ("1,2,0.5,0.5", "mixes pixels and shares"),
        ("10%,0.1,0.5,0.5", "mixes percent and shares"),
        ("10%,10%,50,50", "mixes percent and pixels"),
        ("1,2,0,4", "has no width or no height"),
        ("0.1,0.1,0.5,0.0", "has no width or no height"),
        ("0,0,0,0", "has no width or no height"),
        ("0.6,0.1,0.5,0.5", "reaches beyond the photo"),
        ("10%,10%,50%,95%", "reaches beyond the photo"),
        ("-1,2,3,4", "'-1' is not a number"),
        ("1e3,2,3,4", "'1e3' is not a number"),
        ("nan,0.1,0.1,0.1", "'nan' is not a number"),
        ("inf,0.1,0.1,0.1", "'inf' is not a number"),
        ("٣,1,1,1", "is not a number"),
        ("1,1,1,9999999999", "is not a number"),
    ],
)
def test_what_is_no_region_is_refused_with_an_example(text: str, message: str) -> None:
    with pytest.raises(SetupError) as refused:
        parse_region(text)
    assert message in str(refused.value)
    assert "x,y,w,h" in str(refused.value) or "beyond the photo" in message


@pytest.mark.parametrize("text", ["641,0,1,1", "600,0,41,10", "0,480,1,1", "0,0,640,481", "999999999,0,1,999999999"])
def test_a_region_outside_the_photo_is_an_error_that_names_its_size(text: str) -> None:
    data = drawn_photo(size_px=(640, 480))
    for enough in (None, 32):
        with pytest.raises(PhotoError, match=r"holiday\.jpg: .* has 640 x 480 pixels; choose --roi within it"):
            decode_photo(data, name="holiday.jpg", enough_px=enough, region=parse_region(text))


def oriented(orientation: int, kind: str = "JPEG", size: tuple[int, int] = (256, 192)) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    grid = np.random.default_rng(3).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC).save(stream, kind, quality=95, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_counts_the_upright_image_and_sees_nothing_beside_it(orientation: int, kind: str) -> None:
    data = oriented(orientation, kind)
    upright = decode_image(data, name="x")
    box = (30, 20, 120, 150)

    photo = decode_photo(data, name="x", enough_px=None, region=parse_region("30,20,90,130"))

    assert (np.asarray(photo.image) == np.asarray(upright.crop(box))).all()
    assert (preprocess_photo(photo, RECIPE) == preprocess(upright.crop(box), RECIPE)).all()


@pytest.mark.parametrize("box", [(101, 77, 612, 590), (0, 0, 900, 700), (513, 3, 1021, 769), (333, 222, 480, 400)])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_a_region_of_a_photo_decoded_smaller_has_nearly_its_full_pixels(
    orientation: int, box: tuple[int, int, int, int]
) -> None:
    size = (1021, 769) if orientation in (1, 3) else (769, 1021)
    data = oriented(orientation, size=size)
    upright = decode_image(data, name="x")
    assert upright.size == (1021, 769)
    exact = preprocess(upright.crop(box), RECIPE).astype(np.int16)
    region = Region(left=box[0], top=box[1], width=box[2] - box[0], height=box[3] - box[1], unit=Unit.PIXELS)

    photo = decode_photo(data, name="x", enough_px=enough_px(RECIPE), region=region)
    found = preprocess_photo(photo, RECIPE).astype(np.int16)

    assert photo.reduced_by == max(step for step in (1, 2, 4, 8) if min(box[2] - box[0], box[3] - box[1]) // step >= 64)
    assert np.abs(found - exact).mean() < 2.0  # moved by one pixel of the result it is above 10


@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    corners=st.tuples(*[st.floats(0, 1, allow_nan=False)] * 4),
    enough=st.integers(1, 20),
    orientation=st.integers(1, 8),
)
def test_any_region_of_any_photo_keeps_enough_pixels_and_its_own_size(
    size: tuple[int, int], corners: tuple[float, float, float, float], enough: int, orientation: int
) -> None:
    left, right = sorted(corners[:2])
    top, bottom = sorted(corners[2:])
    width, height = max(right - left, 1e-6), max(bottom - top, 1e-6)
    region = Region(left=left, top=top, width=width, height=height, unit=Unit.SHARES)

    photo = decode_photo(oriented(orientation, size=size), name="x", enough_px=enough, region=region)

    assert min(photo.image.size) >= min(enough, *photo.full_size)
    assert all(0 <= start < photo.reduced_by for start in photo.origin)
    assert preprocess_photo(photo, RECIPE).shape == (32, 32, 3)


def test_a_photo_is_prepared_alike_at_once_and_in_its_own_thread(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(drawn_photo(size_px=(640, 480)))
    region = parse_region("10%,20%,30%,40%")

    with PhotoInPreparation(partial(prepare_photo, tmp_path / "photo.jpg", RECIPE, region)) as preparing:
        pixels = preparing.result().pixels

    assert (pixels == prepare_photo(tmp_path / "photo.jpg", RECIPE, region).pixels).all()
    assert (pixels != prepare_photo(tmp_path / "photo.jpg", RECIPE).pixels).any()


@pytest.fixture
def two_halves(tmp_path: Path) -> Path:
    """A photo that is red on the left and blue on the right."""
    image = Image.new("RGB", (200, 100), (255, 0, 0))
    image.paste((0, 0, 255), (100, 0, 200, 100))
    image.save(tmp_path / "halves.png")
    return tmp_path / "halves.png"


@pytest.mark.parametrize(
    ("roi", "first"), [("0,0,90,100", "red"), ("60%,10%,40%,80%", "blue"), ("0.6,0,.4,1.0", "blue")]
)
def test_the_command_names_what_the_part_shows(
    colour_pack: Callable[[], Path],
    two_halves: Path,
    capsys: pytest.CaptureFixture[str],
    roi: str,
    first: str,
) -> None:
    code = identify_main([str(two_halves), str(two_halves), "--roi", roi, "--pack", str(colour_pack()), "--json"])

    assert code == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [answer["matches"][0]["id"] for answer in answers] == [first, first]  # the first is prepared in a thread


def test_the_command_skips_a_photo_that_is_too_small_for_the_part(
    colour_pack: Callable[[], Path], two_halves: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = identify_main([str(two_halves), "--roi", "150,0,51,100", "--pack", str(colour_pack())])

    assert code == ExitCode.PHOTO
    assert "which has 200 x 100 pixels; choose --roi within it" in capsys.readouterr().err


def test_the_command_refuses_what_is_no_part_before_it_opens_the_pack(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        identify_main(["photo.jpg", "--roi", "1,2,0.5,0.5", "--pack", "nowhere"])

    assert refused.value.code == 2
    assert "--roi: '1,2,0.5,0.5' mixes pixels and shares; give x,y,w,h in pixels" in capsys.readouterr().err
