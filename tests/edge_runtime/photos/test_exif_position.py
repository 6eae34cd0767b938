"""Positions in EXIF: what Pillow writes is read back, and broken metadata gives no position."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from edge_identify.edge_runtime.photos.exif_position import photo_position, position_of_gps
from edge_identify.edge_runtime.photos.position import Position

GPS_IFD = 0x8825


def triple(degrees: float) -> tuple[IFDRational, ...]:
    exact = Fraction(abs(degrees)).limit_denominator(3_600_000)
    whole, minutes = divmod(exact, 1)
    minute, seconds = divmod(minutes * 60, 1)
    return tuple(IFDRational(part.numerator, part.denominator) for part in (whole, minute, seconds * 60))


def gps(latitude: float, longitude: float, **changes: object) -> dict[int, object]:
    tags: dict[int, object] = {
        1: "N" if latitude >= 0 else "S",
        2: triple(latitude),
        3: "E" if longitude >= 0 else "W",
        4: triple(longitude),
    }
    return {tag: value for tag, value in (tags | {int(k[1:]): v for k, v in changes.items()}).items() if value != "-"}


def photo(path: Path, tags: dict[int, object]) -> Path:
    exif = Image.Exif()
    exif.get_ifd(GPS_IFD).update(tags)
    exif[GPS_IFD] = 0  # where it begins: Pillow writes that, and a TIFF's directory, only of tags that it was given
    Image.new("RGB", (20, 10), "teal").save(path, exif=exif)
    return path


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(
    ("latitude", "longitude"), [(48.8584, 2.2945), (40.6892, -74.0445), (-33.8568, 151.2153), (-22.9519, -43.2105)]
)
def test_a_position_is_read_in_all_four_quarters_of_the_earth(
    tmp_path: Path, ending: str, latitude: float, longitude: float
) -> None:
    found = photo_position(photo(tmp_path / f"p.{ending}", gps(latitude, longitude)))

    assert found is not None
    assert found.coordinates == pytest.approx((latitude, longitude), abs=1e-6)
    assert (found.source, found.accuracy_m) == ("photo", None)


def test_the_accuracy_is_read_where_the_camera_wrote_it(tmp_path: Path) -> None:
    told = photo_position(photo(tmp_path / "a.jpg", gps(1.0, 2.0, _31=IFDRational(25, 2))))
    nonsense = photo_position(photo(tmp_path / "b.jpg", gps(1.0, 2.0, _31=IFDRational(0, 1))))

    assert told == Position(latitude=1.0, longitude=2.0, accuracy_m=12.5, source="photo")
    assert nonsense == Position(latitude=1.0, longitude=2.0, accuracy_m=None, source="photo")


ZERO = IFDRational(0, 0)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        gps(10, 20, _1="-"),
        gps(10, 20, _3="-"),
        gps(10, 20, _1="X"),
        gps(10, 20, _4="-"),
        gps(10, 20, _2=(ZERO, ZERO, ZERO)),
        gps(10, 20, _2=(IFDRational(10, 1), IFDRational(3, 0), IFDRational(0, 1))),
        gps(10, 20, _2=triple(10)[:2]),
        gps(10, 20, _2=(IFDRational(91, 1), IFDRational(0, 1), IFDRational(0, 1))),
        gps(10, 20, _2=(IFDRational(10, 1), IFDRational(75, 1), IFDRational(0, 1))),
        gps(10, 20, _4=(IFDRational(200, 1), IFDRational(0, 1), IFDRational(0, 1))),
        gps(10, 20, _9="V"),
        gps(0, 0),
    ],
)
def test_what_is_missing_or_impossible_is_no_position(tmp_path: Path, tags: dict[int, object]) -> None:
    assert photo_position(photo(tmp_path / "p.jpg", tags)) is None


@pytest.mark.parametrize(
    "value", [None, "10", b"\x00\x01", 10.0, ("a", "b", "c"), (None, None, None), (float("nan"), 0, 0), (10, 0, -1)]
)
def test_hostile_values_are_no_position(value: object) -> None:
    assert position_of_gps({1: "N", 2: value, 3: "E", 4: (1.0, 2.0, 3.0)}) is None
    assert position_of_gps({1: "N", 2: (1.0, 2.0, 3.0), 3: "E", 4: value}) is None
    assert position_of_gps({1: b"S\0", 2: (1.0, 30.0, 0.0), 3: "w", 4: (2.0, 0.0, 0.0)}) == Position(
        latitude=-1.5, longitude=-2.0, source="photo"
    )


def test_a_photo_cut_anywhere_within_its_metadata_is_no_error(tmp_path: Path) -> None:
    whole = photo(tmp_path / "p.jpg", gps(48.8584, 2.2945)).read_bytes()
    found = set()
    for length in range(0, len(whole), 3):
        (tmp_path / "cut.jpg").write_bytes(whole[:length])
        found.add(photo_position(tmp_path / "cut.jpg"))

    assert None in found
    assert len(found) <= 2


def test_changed_bytes_of_metadata_are_no_error(tmp_path: Path) -> None:
    whole = bytearray(photo(tmp_path / "p.jpg", gps(48.8584, 2.2945)).read_bytes())
    for position in range(2, 220):
        changed = whole.copy()
        changed[position] ^= 0xFF
        (tmp_path / "changed.jpg").write_bytes(changed)
        photo_position(tmp_path / "changed.jpg")


def test_no_photo_has_no_position(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")

    assert photo_position(tmp_path / "none.jpg") is None
    assert photo_position(tmp_path / "text.jpg") is None
    assert photo_position(tmp_path) is None


def png(*, exif_at: str | None) -> bytes:
    """Return a PNG in many chunks, with a position before its pixels, behind them, or nowhere."""
    image = Image.effect_noise((400, 400), 90)
    plain, telling = io.BytesIO(), io.BytesIO()
    image.save(plain, "PNG")
    exif = Image.Exif()
    exif.get_ifd(GPS_IFD).update(gps(48.85, 2.35))
    exif[GPS_IFD] = 0
    image.save(telling, "PNG", exif=exif)
    whole = telling.getvalue()
    at = whole.index(b"eXIf") - 4
    chunk = whole[at : at + 12 + int.from_bytes(whole[at : at + 4], "big")]
    data = plain.getvalue()
    cut = {None: len(data), "early": data.index(b"IDAT") - 4, "late": data.index(b"IEND") - 4}[exif_at]
    return data[:cut] + (chunk if exif_at else b"") + data[cut:]


@pytest.mark.parametrize("exif_at", ["early", "late", None])
def test_the_pixels_of_a_png_are_not_decoded_for_its_position(
    monkeypatch: pytest.MonkeyPatch, exif_at: str | None
) -> None:
    data = png(exif_at=exif_at)
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # it is a whole PNG

    def decode(_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decode)
    found = photo_position(io.BytesIO(data))

    if exif_at is None:
        assert found is None
    else:
        assert found is not None
        assert found.coordinates == pytest.approx((48.85, 2.35))


def test_a_png_that_ends_early_or_lies_about_a_length_has_no_position() -> None:
    data = png(exif_at="late")
    at = data.index(b"IDAT") - 4

    for cut in (9, at + 3, at + 50, len(data) - 40):
        assert photo_position(io.BytesIO(data[:cut])) is None
    assert photo_position(io.BytesIO(data[:at] + b"\x7f\xff\xff\xff" + data[at + 4 :])) is None
