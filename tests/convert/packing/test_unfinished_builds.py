"""Folders of killed builds are removed, and those of running builds are not."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.packing.unfinished_builds import RETIRED, clear_abandoned, folder_in_the_making

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
    with folder_in_the_making(tmp_path / "street") as making:
        clear_abandoned(tmp_path / "street")
        assert making.exists()
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


def test_the_old_pack_of_a_build_at_work_is_neither_taken_nor_put_back(tmp_path: Path) -> None:
    with folder_in_the_making(tmp_path / "street") as making:
        retired = _folder(making.with_suffix(RETIRED))

        clear_abandoned(tmp_path / "street")
        assert retired.exists()
        assert not (tmp_path / "street").exists()
    clear_abandoned(tmp_path / "street")
    assert (tmp_path / "street/pack.json").exists()


def test_a_folder_that_another_build_took_for_abandoned_before_it_was_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def looked_at_by_another(**words: Any) -> str:
        made.append(Path(right(**words)))
        if len(made) == 1:
            clear_abandoned(tmp_path / "street")
        return str(made[-1])

    right = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", looked_at_by_another)

    with folder_in_the_making(tmp_path / "street") as making:
        assert making.is_dir()
        assert len(made) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_build_waits_for_another_that_is_just_removing_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    made: list[Path] = []

    def held_by_another(**words: Any) -> str:
        made.append(Path(right(**words)))
        if len(made) == 1:
            handle = os.open(made[0], os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            threading.Timer(0.1, remove_and_let_go, (made[0], handle)).start()
        return str(made[-1])

    def remove_and_let_go(making: Path, handle: int) -> None:
        making.rmdir()
        os.close(handle)

    right = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", held_by_another)

    with folder_in_the_making(tmp_path / "street") as making:
        assert making.is_dir()
        assert making == made[1]
