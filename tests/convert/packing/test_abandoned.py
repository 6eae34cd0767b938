"""A build that was killed leaves nothing for good, and a build at work is left alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_identify.convert.packing.abandoned import claimed, clear_abandoned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")


def _folder(path: Path) -> Path:
    path.mkdir()
    (path / "pack.json").write_text(path.name)
    return path


def test_the_folder_of_a_killed_build_is_removed_and_others_stay(tmp_path: Path) -> None:
    abandoned = _folder(tmp_path / ".street.x1.making")
    others = [
        _folder(tmp_path / name) for name in (".street.art.x2.making", ".streets.x3.making", "street", ".street.x4")
    ]

    clear_abandoned(tmp_path / "street")

    assert not abandoned.exists()
    assert all(other.exists() for other in others)


def test_a_build_at_work_keeps_its_folder(tmp_path: Path) -> None:
    making = _folder(tmp_path / ".street.x1.making")

    with claimed(making):
        clear_abandoned(tmp_path / "street")
        assert making.exists()
    clear_abandoned(tmp_path / "street")
    assert not making.exists()


def test_a_pack_that_was_only_moved_away_is_put_back(tmp_path: Path) -> None:
    _folder(tmp_path / ".street.x1.retired")

    clear_abandoned(tmp_path / "street")

    assert (tmp_path / "street/pack.json").read_text() == ".street.x1.retired"
    assert list(tmp_path.iterdir()) == [tmp_path / "street"]


def test_an_old_pack_is_removed_once_the_new_one_stands(tmp_path: Path) -> None:
    _folder(tmp_path / ".street.x1.retired")
    _folder(tmp_path / "street")

    clear_abandoned(tmp_path / "street")

    assert (tmp_path / "street/pack.json").read_text() == "street"
    assert list(tmp_path.iterdir()) == [tmp_path / "street"]
