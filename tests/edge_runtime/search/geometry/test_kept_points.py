"""Points of thumbnails that are kept between runs: the same answers, sooner, and nothing that is trusted unseen."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from feature_nets import photo_of_label, write_label_pack
from installed_packs import install

from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.search.geometry import kept_points
from edge_identify.edge_runtime.search.geometry.kept_points import parse, serialise
from edge_identify.edge_runtime.search.geometry.point_methods import NetMethod
from edge_identify.edge_runtime.search.geometry.points import Points
from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier
from edge_identify.edge_runtime.store.installed_packs import open_installed
from edge_identify.edge_runtime.store.pack_store import PackStore

PHOTO = photo_of_label(1)
IDS = (1, 2, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_label_pack(tmp_path_factory.mktemp("packs") / "labels")


def counts(folder: Path, kept: Path | None) -> list[int]:
    with GeometryVerifier(replace(open_pack(folder), points_folder=kept), None) as verifier:
        return verifier.count_points(PHOTO, IDS)


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The thumbnails whose points are found."""
    found: list[object] = []
    describe = NetMethod.reference_points

    def watched(method: NetMethod, image: object) -> Points:
        found.append(image)
        return describe(method, image)  # type: ignore[arg-type]  # any image

    monkeypatch.setattr(NetMethod, "reference_points", watched)
    return found


def some_points(count: int = 5) -> Points:
    rng = np.random.default_rng(3)
    return Points(
        size=(40, 30),
        positions=rng.uniform(0, 30, (count, 2)).astype(np.float32),
        descriptors=rng.normal(size=(count, 4)).astype(np.float32),
    )


def with_checksum(content: bytes) -> bytes:
    return b"EIP1" + hashlib.sha256(content).digest() + content


@pytest.mark.parametrize("count", [0, 5])
def test_the_file_gives_back_what_was_written(count: int) -> None:
    points = some_points(count)

    found = parse(serialise(points), dim=4, most_points=5)

    assert found is not None
    assert found.size == points.size
    np.testing.assert_array_equal(found.positions, points.positions)
    np.testing.assert_array_equal(found.descriptors, points.descriptors)


NOT_FINITE = replace(some_points(), positions=np.full((5, 2), np.nan, np.float32))
LIES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "another kind of file": lambda data: b"RIFF" + data[4:],
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "another byte": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "no size": lambda data: with_checksum(bytes(4) + data[40:]),
    "more points than it holds": lambda data: with_checksum(data[36:44] + b"\x09\0\0\0" + data[48:]),
    "a count beyond all memory": lambda data: with_checksum(data[36:44] + b"\xff\xff\xff\xff" + data[48:]),
    "another dim": lambda data: with_checksum(data[36:48] + b"\x02\0\0\0" + data[52:]),
    "numbers that are none": lambda _: serialise(NOT_FINITE),
    "a header alone": lambda data: with_checksum(data[36:52]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_file_that_is_damaged_or_of_another_shape_does_not_count(lie: Callable[[bytes], bytes]) -> None:
    assert parse(lie(serialise(some_points())), dim=4, most_points=9) is None


def test_more_points_than_the_recipe_has_do_not_count() -> None:
    assert parse(serialise(some_points(5)), dim=4, most_points=4) is None


def test_the_second_run_finds_no_points_again_and_counts_the_same(
    folder: Path, tmp_path: Path, described: list[object]
) -> None:
    without = counts(folder, None)
    described.clear()

    first, second = counts(folder, tmp_path / "kept"), counts(folder, tmp_path / "kept")

    assert first == second == without
    assert len(described) == len(IDS)
    assert len(list((tmp_path / "kept").iterdir())) == len(IDS)


def test_a_damaged_file_is_made_again(folder: Path, tmp_path: Path, described: list[object]) -> None:
    before = counts(folder, tmp_path / "kept")
    damaged = min((tmp_path / "kept").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-4])
    described.clear()

    assert counts(folder, tmp_path / "kept") == before
    assert counts(folder, tmp_path / "kept") == before
    assert len(described) == 1


def test_a_store_that_cannot_be_written_to_keeps_nothing_and_answers(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")  # no folder can be made below it, not even by root

    assert counts(folder, tmp_path / "file" / "kept") == counts(folder, None)


def test_the_oldest_files_go_where_the_folder_grows_too_large(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    old = kept / "old.points"
    old.write_bytes(bytes(1000))
    os.utime(old, (1, 1))
    (kept / "of somebody else").write_bytes(bytes(1000))
    monkeypatch.setattr(kept_points, "MOST_BYTES", 500_000)
    counts(folder, kept)
    assert old.exists()

    monkeypatch.setattr(kept_points, "MOST_BYTES", 200_000)
    for path in kept.glob("*.points"):
        if path != old:
            path.write_bytes(b"")
    counts(folder, kept)

    assert not old.exists()
    assert (kept / "of somebody else").exists()
    assert sum(path.stat().st_size for path in kept.glob("*.points")) <= 200_000


def test_an_installed_pack_keeps_points_beside_its_versions(folder: Path, tmp_path: Path) -> None:
    store = PackStore(tmp_path / "store")
    install(store, folder)

    assert open_installed(store.active("colours")).points_folder == tmp_path / "store/colours/points"
    assert open_pack(folder).points_folder is None
