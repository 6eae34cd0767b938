"""The pack's net finds a drawn image in photos of it, without OpenCV; a damaged net is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from feature_nets import NET_FILE, load_net
from PIL import Image

from drawn_views import label, photo_of
from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.manifest import PointsRecipe
from edge_identify.edge_runtime.search.geometry.local_feature_net import LocalFeatureNet
from edge_identify.edge_runtime.search.geometry.point_agreement import find_net_agreement
from edge_identify.edge_runtime.search.geometry.point_counting import PointCounter
from edge_identify.edge_runtime.search.geometry.point_methods import NetMethod
from edge_identify.edge_runtime.search.geometry.points import Points

CORNERS = np.array([(0, 0), (240, 0), (240, 180), (0, 180)], float)
VIEWS = {
    "straight": CORNERS * 1.5 + (120, 90),
    "small": CORNERS * 0.8 + (300, 200),
    "from the side": np.array([(100, 60), (420, 100), (410, 350), (90, 400)], float),
    "cut by the edge": CORNERS * 2 + (280, 100),
}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> LocalFeatureNet:
    return load_net(tmp_path_factory.mktemp("net"))


@pytest.fixture
def no_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)


@pytest.mark.usefixtures("no_opencv")
@pytest.mark.parametrize("view", VIEWS)
def test_an_image_is_found_where_it_lies(net: LocalFeatureNet, view: str) -> None:
    method = NetMethod(net)
    photo = method.photo_points(photo_of(label(0), VIEWS[view]))

    agreement = method.agreement(photo, method.reference_points(label(0)))

    assert agreement is not None
    assert agreement.count >= 20
    assert np.abs(agreement.outline - (VIEWS[view] - 0.5)).max() < 9
    for points in (agreement.in_photo, agreement.in_reference):
        assert len(np.unique(points, axis=0)) == agreement.count, "no place counts twice"


def test_unrelated_images_do_not_agree(net: LocalFeatureNet) -> None:
    class Labels:
        def points(self, index_id: int) -> Points | None:
            return None if index_id == 9 else method.reference_points(label(index_id))

    method = NetMethod(net)
    with PointCounter(method, Labels()) as counter:
        for seed in (0, 1):
            counts = counter.count_points(photo_of(label(seed), VIEWS["straight"]), [0, 1, 2, 9, None])

            assert counts[seed] >= 100
            assert max(count for at, count in enumerate(counts) if at != seed) < counts[seed] / 4
            assert counts[3:] == [0, 0], "an image without points, and no image"


def test_points_have_the_sizes_that_the_manifest_says(net: LocalFeatureNet) -> None:
    photo = photo_of(label(0), VIEWS["straight"])

    many, few = (
        net.find_points(photo, PointsRecipe(side_px=side, most_points=at)) for side, at in ((480, 200), (256, 40))
    )

    assert len(many.positions) == 200
    assert len(few.positions) == 40
    assert many.size == (640, 480)
    assert np.allclose(np.linalg.norm(many.descriptors, axis=1), 1, atol=1e-5)
    assert (many.positions > -0.5).all()
    assert (many.positions < (639.5, 479.5)).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 400), (5000, 1), (16, 16), (640, 480)])
def test_a_blank_or_tiny_image_has_no_points_and_agrees_with_nothing(
    net: LocalFeatureNet, size: tuple[int, int]
) -> None:
    blank = net.find_points(Image.new("RGB", size, (200, 180, 10)), net.spec.photo)

    assert find_net_agreement(blank, blank, least_similarity=0.8) is None
    assert blank.positions.shape == (len(blank.descriptors), 2)


def test_the_same_image_gives_the_same_points(net: LocalFeatureNet) -> None:
    first, second = (net.find_points(label(3), net.spec.reference) for _ in range(2))

    assert first.positions.tobytes() == second.positions.tobytes()
    assert first.descriptors.tobytes() == second.descriptors.tobytes()


def test_a_file_that_is_no_net_and_a_net_with_other_outputs_are_refused(tmp_path: Path) -> None:
    net = load_net(tmp_path)
    variant = next(iter(net.spec.variants.values()))
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a net")

    with pytest.raises(PackDamagedError, match="cannot load"):
        LocalFeatureNet(bad, net.spec, variant)
    renamed = replace(variant, heat=replace(variant.heat, name="warmth"))
    with pytest.raises(PackDamagedError, match="does not run as the manifest says"):
        LocalFeatureNet(tmp_path / NET_FILE, net.spec, renamed).find_points(label(0), net.spec.photo)
    other_dim = LocalFeatureNet(tmp_path / NET_FILE, replace(net.spec, dim=32), variant)
    with pytest.raises(PackDamagedError, match="returns descriptors"):
        other_dim.find_points(label(0), net.spec.photo)
