"""The self-test passes if the net finds the maker's points here, and refuses the pack otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from feature_nets import add_net

from colour_packs import write_colour_pack
from drawn_views import label, photo_of
from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.search.geometry.local_feature_net import open_feature_net
from edge_identify.edge_runtime.store.points_self_test import PointsCase
from edge_identify.edge_runtime.store.self_test import ConformanceCase, self_test, serialise_cases

CASE = ConformanceCase(photo="photo.png", pixels_sha256="0" * 64, embedding=(0.577, 0.577, 0.577))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with the net and a photo of a drawn label in grey."""
    folder = write_colour_pack(tmp_path_factory.mktemp("packs") / "labels")
    corners = np.array([(100, 60), (420, 100), (410, 350), (90, 400)], float)
    photo_of(label(1), corners).convert("L").convert("RGB").save(folder / "photo.png")
    add_net(folder, {1: label(0)})
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path) -> PointsCase:
    from PIL import Image

    net = open_feature_net(open_pack(folder))
    assert net is not None
    with Image.open(folder / "photo.png") as photo:
        positions = net.find_points(photo.convert("RGB"), net.spec.photo).positions
    return PointsCase(photo="photo.png", count=len(positions), first=tuple((x, y) for x, y in positions[:8].tolist()))


def run(folder: Path, points: PointsCase) -> int:
    (folder / "cases.json").write_bytes(serialise_cases((CASE,), tolerance=0.9, points=points))
    add_net(folder, {1: label(0)})
    return self_test(open_pack(folder))


def moved(case: PointsCase, count: int, by_px: float) -> PointsCase:
    first = [(x + by_px, y) if at < count else (x, y) for at, (x, y) in enumerate(case.first)]
    return replace(case, first=tuple(first))


def test_the_expected_points_pass_and_so_do_two_that_are_elsewhere(folder: Path, expected: PointsCase) -> None:
    assert expected.count >= 100
    assert run(folder, expected) == 1
    assert run(folder, moved(expected, 8, by_px=1)) == 1
    assert run(folder, moved(expected, 2, by_px=1000)) == 1


def test_other_places_and_another_number_are_refused(folder: Path, expected: PointsCase) -> None:
    with pytest.raises(
        PackDamagedError, match=r"finds \d+ points in self-test photo photo\.png .* 62% of the expected"
    ):
        run(folder, moved(expected, 3, by_px=1000))
    for count in (round(expected.count * 0.8), round(expected.count * 1.2)):
        with pytest.raises(PackDamagedError, match=rf"\({count} expected\)"):
            run(folder, replace(expected, count=count))


@pytest.mark.parametrize("first", [[], [[1, 2, 3]], [1, 2], [["a", "b"]], "12"])
def test_expected_points_that_are_none_are_refused(folder: Path, expected: PointsCase, first: object) -> None:
    values = json.loads(serialise_cases((CASE,), tolerance=0.9, points=expected))
    values["points"]["first"] = first
    (folder / "cases.json").write_text(json.dumps(values))
    add_net(folder, {1: label(0)})

    with pytest.raises(PackFormatError, match=r"`first` should be (a )?list"):
        self_test(open_pack(folder))
