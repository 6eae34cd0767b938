"""A folder of unrelated things: which of its files count, and which are told to the maker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.calibrating.strangers import DoubtfulStranger, Stranger, doubts_in_words, read_strangers
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

RECIPE = Preprocessing(size_px=16, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)
Draw = Callable[..., list[CatalogueImage]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "strangers"
    (folder / "below").mkdir(parents=True)
    for name, colour in (("tree.png", "green"), ("below/sky.png", "blue")):
        Image.new("RGB", (900, 300), colour).save(folder / name)
    return folder


def test_each_readable_image_counts_once_and_the_others_are_told(folder: Path, draw_images: Draw) -> None:
    images = draw_images(2)
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not an image")
    shutil.copy(folder / "tree.png", folder / "the tree again.png")
    shutil.copy(images[1].path, folder / "on sale.png")

    found = read_strangers(folder, images)

    assert [stranger.path.name for stranger in found.photos] == ["sky.png", "the tree again.png"]
    assert [left_out.path for left_out in found.left_out] == [folder / "broken.jpg"]
    assert "broken.jpg" in found.left_out[0].reason
    assert found.reference_images == (folder / "on sale.png",)


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not an image")

    with pytest.raises(SetupError, match=str(tmp_path)):
        read_strangers(tmp_path, [])
    with pytest.raises(SetupError, match="no such folder"):
        read_strangers(tmp_path / "none", [])


def test_a_folder_with_nothing_that_counts_is_an_error(tmp_path: Path, draw_images: Draw) -> None:
    images = draw_images(2)

    with pytest.raises(SetupError, match="all its images are reference images of the pack"):
        read_strangers(tmp_path, images)

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "x.jpg").write_bytes(b"no image")
    with pytest.raises(SetupError, match=r"no photo of an unrelated thing can be used; .*x\.jpg"):
        read_strangers(broken, images)


def test_a_stranger_is_known_by_its_content_and_drawn_as_large_as_a_simulated_photo_with_points(folder: Path) -> None:
    stranger, copy = (Stranger(path=path, sha256=sha256_of_file(path)) for path in _twins(folder))
    photo = stranger.as_calibration_photo(RECIPE)

    assert photo.key == copy.as_calibration_photo(RECIPE).key
    assert (photo.reference_id, photo.has_points) == (None, True)
    assert photo.draw().size == (480, 160)


def _twins(folder: Path) -> tuple[Path, Path]:
    return folder / "tree.png", Path(shutil.copy(folder / "tree.png", folder / "twin.png"))


def test_a_stranger_that_changes_during_the_build_is_named(folder: Path) -> None:
    stranger = read_strangers(folder, []).photos[0]
    photo = stranger.as_calibration_photo(RECIPE)
    Image.new("RGB", (9, 9), "red").save(stranger.path)

    with pytest.raises(PhotoError, match=r"sky\.png: has changed"):
        photo.draw()


def test_doubts_name_the_photo_and_the_reference() -> None:
    doubts = [
        DoubtfulStranger(path=Path("a.jpg"), reference_id="r1"),
        DoubtfulStranger(path=Path("b.jpg"), reference_id="r2"),
    ]

    assert doubts_in_words(doubts, {"r1": "Oat drink"}) == (
        "--strangers: these may show a reference: a.jpg (Oat drink), b.jpg (r2); remove them if they do"
    )
