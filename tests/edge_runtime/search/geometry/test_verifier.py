"""A pack's own net verifies matches without OpenCV; what is missing or damaged is named."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from feature_nets import NET_FILE, add_net
from PIL import Image

from colour_packs import add_calibration, write_colour_pack
from drawn_views import label, photo_of
from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto
from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier, can_compare
from edge_identify.edge_runtime.search.identifier import Identifier

CORNERS = np.array([(100, 60), (420, 100), (410, 350), (90, 400)], float)
PHOTO = photo_of(label(1), CORNERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack whose images 1 to 4 have a drawn label each; the fifth has none."""
    folder = add_calibration(write_colour_pack(tmp_path_factory.mktemp("packs") / "labels"))
    add_net(folder, {at: label(at - 1) for at in range(1, 5)})
    return folder


@pytest.fixture
def verifier(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GeometryVerifier]:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with GeometryVerifier(open_pack(folder), None) as verifier:
        yield verifier


def test_counts_are_those_of_the_reference_images_asked_for(verifier: GeometryVerifier) -> None:
    counts = verifier.count_points(PHOTO, [1, 2, 3, 5, None, 2])

    assert counts[1] == counts[5] >= 100
    assert max(counts[0], counts[2]) < counts[1] / 4
    assert counts[3:5] == [0, 0]


def test_a_photo_as_file_bytes_and_pixels_gives_the_same_counts(verifier: GeometryVerifier, tmp_path: Path) -> None:
    stream = io.BytesIO()
    PHOTO.save(stream, "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(stream.getvalue())

    expected = verifier.count_points(PHOTO, [1, 2])

    assert verifier.count_points(path, [1, 2]) == verifier.count_points(stream.getvalue(), [1, 2]) == expected


def test_an_answer_is_ranked_by_its_points(folder: Path, verifier: GeometryVerifier) -> None:
    greenish = np.full((1, 8, 8, 3), (40, 50, 45), np.uint8)  # every colour of the pack is about as near
    with Identifier(open_pack(folder)) as identifier:
        found = identifier.identify_prepared(PreparedPhoto(pixels=greenish, seconds=0.0), top_k=4)

        answer = verifier.verify(PHOTO, found, top_k=2)

    assert answer.best.index_id == 2
    assert answer.best.matched_points is not None
    assert answer.best.matched_points >= 100
    assert len(answer.matches) == 2
    assert answer.times.decide > found.times.decide


def test_a_changed_net_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    folder = write_colour_pack(tmp_path / "pack")
    add_net(folder, {1: label(0)})
    path = folder / NET_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(PackDamagedError, match=r"net\.onnx: its content has changed"):
        GeometryVerifier(open_pack(folder), None)


def test_a_pack_that_holds_nothing_to_compare_with_is_told(tmp_path: Path) -> None:
    pack = open_pack(write_colour_pack(tmp_path / "plain"))

    assert not can_compare(pack.manifest)
    with pytest.raises(SetupError, match="has no thumbnails"):
        GeometryVerifier(pack, None)


def test_an_older_pack_with_thumbnails_and_no_net_is_compared_by_sift(folder: Path, tmp_path: Path) -> None:
    manifest = replace(open_pack(folder).manifest, local_features=None)
    older = tmp_path / "older"
    older.mkdir()
    for path in folder.iterdir():
        if path.name != MANIFEST_NAME:
            (older / path.name).symlink_to(path)
    (older / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))

    with GeometryVerifier(open_pack(older), None) as verifier:
        counts = verifier.count_points(PHOTO, [1, 2])

    assert counts[0] == 0
    assert counts[1] >= 50


def test_the_outline_lies_where_the_reference_is_in_the_photo(
    folder: Path, verifier: GeometryVerifier, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    PHOTO.save(path)
    pixels = np.asarray(Image.new("RGB", (8, 8), (0, 200, 0)))[None]
    with Identifier(open_pack(folder)) as identifier:
        match = identifier.identify_prepared(PreparedPhoto(pixels=pixels, seconds=0.0), top_k=1).best
    assert match.index_id == 2, "green"

    comparison = verifier.compare(path, match)

    assert comparison.agreement is not None
    assert comparison.reference is not None
    assert comparison.photo.size == (480, 360)
    assert np.abs(comparison.agreement.outline - (CORNERS * 0.75 - 0.5)).max() < 6
