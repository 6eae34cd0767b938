"""A drawn image is found in a photo of it, at its place; an absent one is not found."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from drawn_views import label, photo_of
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.search.geometry.point_agreement import LEAST_POINTS, find_agreement
from edge_identify.edge_runtime.search.geometry.points import Points
from edge_identify.edge_runtime.search.geometry.sift_points import MOST_POINTS, find_points

CORNERS = np.array([(0, 0), (240, 0), (240, 180), (0, 180)], float)


VIEWS = {
    "straight": CORNERS * 1.5 + (120, 90),
    "small": CORNERS * 0.7 + (300, 200),
    "turned": (CORNERS - (120, 90)) @ np.array([[0.0, 1.2], [-1.2, 0.0]]) + (320, 240),
    "upside down": (CORNERS - (120, 90)) * -1.3 + (320, 240),
    "from the side": np.array([(100, 60), (420, 130), (410, 350), (90, 430)], float),
    "cut by the edge": CORNERS * 2 + (330, 100),
}


@pytest.mark.parametrize("view", VIEWS)
def test_an_image_is_found_where_it_lies(view: str) -> None:
    corners = VIEWS[view]

    agreement = find_agreement(find_points(photo_of(label(0), corners)), find_points(label(0)))

    assert agreement is not None
    assert agreement.count >= 20
    assert np.abs(agreement.outline - (corners - 0.5)).max() < 7  # a pixel's centre is a whole number
    assert agreement.in_photo.shape == agreement.in_reference.shape == (agreement.count, 2)
    for points in (agreement.in_photo, agreement.in_reference):
        assert len(np.unique(points, axis=0)) == agreement.count, "no place counts twice"


def test_a_tiny_reference_is_found_too_in_its_own_pixels() -> None:
    reference = label(0).resize((96, 72), Image.Resampling.LANCZOS)

    agreement = find_agreement(find_points(photo_of(label(0), VIEWS["straight"])), find_points(reference))

    assert agreement is not None
    assert np.abs(agreement.outline - (VIEWS["straight"] - 0.5)).max() < 6
    assert agreement.in_reference.max(axis=0)[0] < 96


def test_the_same_images_give_the_same_answer() -> None:
    photo, reference = find_points(photo_of(label(0), VIEWS["from the side"])), find_points(label(0))
    first, second = find_agreement(photo, reference), find_agreement(photo, reference)

    assert first is not None
    assert second is not None
    assert (first.outline == second.outline).all()
    assert (first.in_photo == second.in_photo).all()


def test_unrelated_images_do_not_agree() -> None:
    photos = [find_points(photo_of(label(seed), VIEWS["straight"])) for seed in range(6)]
    references = [find_points(label(seed)) for seed in range(6)]

    for at, photo in enumerate(photos):
        found = [find_agreement(photo, reference) is not None for reference in references]
        assert found == [at == other for other in range(6)]


def test_a_mirrored_image_does_not_agree_as_a_whole() -> None:
    mirrored = label(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    assert find_agreement(find_points(photo_of(mirrored, VIEWS["straight"])), find_points(label(0))) is None


@pytest.mark.parametrize(
    "view",
    {
        "mirrored": [[-1, 0, 239], [0, 1, 0], [0, 0, 1]],
        "too small to see": [[0.01, 0, 120], [0, 0.01, 90], [0, 0, 1]],
        "partly behind the camera": [[1, 0, 0], [0, 1, 0], [-0.006, 0, 1]],
    }.values(),
    ids=["mirrored", "small", "behind"],
)
def test_points_that_agree_under_a_view_that_no_camera_has_are_no_evidence(view: list[list[float]]) -> None:
    points = find_points(label(0))
    seen = np.column_stack([points.positions, np.ones(len(points.positions))]) @ np.array(view).T
    is_before = seen[:, 2] > 0.3
    assert is_before.sum() >= 20
    photo = Points(
        size=(640, 480),
        positions=(seen[is_before, :2] / seen[is_before, 2:]).astype(np.float32),
        descriptors=points.descriptors[is_before],
    )

    assert find_agreement(photo, points) is None


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 400), (5000, 1), (16, 16), (640, 480)])
def test_a_blank_or_tiny_image_has_no_points_and_agrees_with_nothing(size: tuple[int, int]) -> None:
    blank = find_points(Image.new("RGB", size, (200, 180, 10)))

    assert blank.positions.shape == (0, 2)
    assert blank.descriptors.shape == (0, 128)
    for one, other in ((blank, find_points(label(0))), (find_points(label(0)), blank), (blank, blank)):
        assert find_agreement(one, other) is None


def test_a_single_point_is_no_evidence() -> None:
    image = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(image).ellipse([140, 140, 160, 160], fill="black")
    points = find_points(image)

    assert 1 <= len(points.positions) < LEAST_POINTS
    assert find_agreement(points, points) is None


def test_points_on_one_line_are_no_view_of_an_image() -> None:
    points = find_points(label(0))
    on_a_line = replace(points, positions=points.positions * np.array([1, 0], np.float32))

    assert find_agreement(on_a_line, points) is None


def test_a_noisy_image_gives_no_more_points_than_are_kept() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3), dtype=np.uint8)
    points = find_points(Image.fromarray(noise))

    assert len(points.positions) == MOST_POINTS
    assert (points.positions < (800, 600)).all()
    assert (points.positions > -1).all()
    assert np.allclose(np.linalg.norm(points.descriptors, axis=1), 1, atol=1e-3)


def test_without_the_extra_the_error_names_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    with pytest.raises(SetupError, match=r"pip install 'edge-identify\[geometry\]'"):
        find_points(label(0))


def test_a_place_of_the_reference_that_was_described_twice_counts_once() -> None:
    """A corner that may point two ways is described once for each, and both may find a place of their own."""
    rng = np.random.default_rng(7)
    places = rng.uniform(20, 220, (12, 2)).astype(np.float32)
    descriptors = np.eye(24, dtype=np.float32)
    reference = Points(positions=np.concatenate([places, places]), descriptors=descriptors, size=(240, 240))
    photo = Points(
        positions=np.concatenate([places * 2, places * 2 + 1]).astype(np.float32),
        descriptors=descriptors,
        size=(480, 480),
    )

    agreement = find_agreement(photo, reference)

    assert agreement is not None
    assert agreement.count == 12
    assert len(np.unique(agreement.in_reference, axis=0)) == 12
