"""What kept counts of points depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import pytest
from feature_nets import NET_SPEC, write_net

from edge_identify.convert.calibrating.built_points import built_points
from edge_identify.edge_runtime.pack.manifest import ThumbnailsSpec
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails


@dataclass(frozen=True)
class Image:
    """An image of an index; built_points needs no more of it."""

    index_id: int
    sha256: str = "the same file"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack")
    write_net(path)
    return path


def keys(folder: Path, name: str, thumbnails: Sequence[tuple[int, int]]) -> list[str]:
    """Return the keys of images whose thumbnails have these grey values."""
    path = folder / name
    write_thumbnails(path, [(index_id, _webp(grey, folder)) for index_id, grey in thumbnails])
    spec = ThumbnailsSpec(file=name, side_px=64)
    images = [Image(index_id=index_id) for index_id, _ in thumbnails]
    with built_points(folder, NET_SPEC, spec, images) as points:  # type: ignore[arg-type]  # two fields of an image
        assert points is not None
        return [points.image_key(index_id) for index_id, _ in thumbnails]


def _webp(grey: int, folder: Path) -> bytes:
    path = folder / f"{grey}.webp"
    PIL.Image.new("RGB", (32, 32), (grey, grey, grey)).save(path)
    return path.read_bytes()


def test_another_thumbnail_of_the_same_image_counts_anew(folder: Path) -> None:
    first, second = keys(folder, "first", [(1, 10), (2, 10)]), keys(folder, "second", [(1, 200), (2, 10)])

    assert first[0] != second[0]
    assert first[1] == second[1]


def test_an_image_without_a_thumbnail_has_a_key_of_its_own(folder: Path) -> None:
    path = folder / "one"
    write_thumbnails(path, [(1, _webp(10, folder))])
    spec = ThumbnailsSpec(file="one", side_px=64)
    with built_points(folder, NET_SPEC, spec, []) as points:
        assert points is not None
        assert points.image_key(1) != points.image_key(7)
