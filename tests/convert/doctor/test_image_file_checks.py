"""Findings of image files with one fault each, and of one without a fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.doctor.image_file_checks import examine_images, image_findings
from edge_identify.convert.progress import no_progress
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

RECIPE = Preprocessing(size_px=64, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)


def tiles(side_px: int = 80) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 4, 3), dtype=np.uint8)).resize(
        (side_px, side_px)
    )


def kinds(path: Path, *, sha256: str | None = None) -> list[str]:
    image = CatalogueImage(
        index_id=1, reference_id="a", sha256=sha256 or sha256_of_file(path), path=path
    )  # fmt: skip
    examined = list(examine_images([image], RECIPE, no_progress))
    return [each.kind for each in image_findings(examined, RECIPE) if each is not None]


def test_a_sound_image_gives_no_finding(tmp_path: Path) -> None:
    tiles().save(tmp_path / "a.png")

    assert kinds(tmp_path / "a.png") == []


def test_missing_broken_and_changed_images_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    tiles().save(tmp_path / "changed.png")

    assert kinds(tmp_path / "gone.png", sha256="0" * 64) == ["unusable-picture"]
    assert kinds(tmp_path / "broken.png") == ["unusable-picture"]
    assert kinds(tmp_path / "changed.png", sha256="0" * 64) == ["unusable-picture"]


@pytest.mark.parametrize(("side_px", "expected"), [(31, ["small-picture"]), (32, [])])
def test_less_than_half_of_what_the_encoder_takes_is_small(tmp_path: Path, side_px: int, expected: list[str]) -> None:
    tiles(side_px).save(tmp_path / "a.png")

    assert kinds(tmp_path / "a.png") == expected


def test_one_colour_with_a_camera_s_noise_is_uniform_and_a_faint_drawing_is_not(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(120, 3, (64, 64, 3)).astype(np.uint8)  # of the encoder's own size
    Image.fromarray(noise).save(tmp_path / "noise.png")
    drawing = np.full((80, 80, 3), 120, np.uint8)
    drawing[30:50, 20:60] = 140
    Image.fromarray(drawing).save(tmp_path / "faint.png")

    assert kinds(tmp_path / "noise.png") == ["uniform-picture"]
    assert kinds(tmp_path / "faint.png") == []


def test_personal_data_is_told_with_the_file(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    tiles().save(tmp_path / "a.jpg", exif=exif)

    assert kinds(tmp_path / "a.jpg") == ["personal-data"]
