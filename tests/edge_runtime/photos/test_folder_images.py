"""The images below a folder, and what is passed over and counted."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from edge_identify.edge_runtime.photos.folder_images import FolderImages

LINKS = pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def names_in(folder: FolderImages) -> list[str]:
    return [path.relative_to(folder.root).as_posix() for path in folder.paths()]


@pytest.mark.parametrize(
    "litter",
    ["@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "x/@eaDir/b.jpg", "#recycle/a.jpg", "$RECYCLE.BIN/$R1.jpg",
     "@sharesnap/a.jpg", "~snapshot/a.jpg", "~$a.jpg", "Cat.lrdata/0/a.jpg", "P.photoslibrary/resources/a.jpg",
     "$Recycle.Bin/S-1/a.jpg", ".Trash-1000/files/a.jpg", ".Trashes/501/a.jpg", "__MACOSX/a.jpg", "._a.jpg",
     "x/._b.jpg", "Thumbs.db", "desktop.ini"],
)  # fmt: skip
def test_what_storage_systems_and_waste_baskets_leave_is_passed_over_and_counted(tmp_path: Path, litter: str) -> None:
    folder = FolderImages(root=make(tmp_path, "a.jpg", litter))
    assert names_in(folder) == ["a.jpg"]
    assert folder.passed_over.total == 1
    assert str(folder.passed_over).startswith("1 of a storage system or a waste basket (")


def test_everything_passed_over_is_told_on_one_line(tmp_path: Path) -> None:
    names = ("a.jpg", ".DS_Store", ".hidden.jpg", "notes.txt", "raw.cr2", "README", "thumbs/a.jpg", "b_small.jpg")
    folder = FolderImages(root=make(tmp_path, *names), exclude=("thumbs", "*_small.jpg"))
    assert names_in(folder) == ["a.jpg"]
    told = str(folder.passed_over)
    assert told.startswith("2 hidden, 3 no images by their ending (")
    assert told.endswith(", 2 excluded (thumbs, b_small.jpg)") or told.endswith(", 2 excluded (b_small.jpg, thumbs)")
    assert all(ending in told for ending in (".txt", ".cr2", "no ending"))


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".JFIF", ".jif", ".pjpeg", ".jpg"])
def test_jpegs_of_all_endings_are_read(tmp_path: Path, ending: str) -> None:
    assert names_in(FolderImages(root=make(tmp_path, f"a{ending}"))) == [f"a{ending}"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("raw", ["b.jpg", "deep/a.jpg"]),
        ("raw/", ["b.jpg", "deep/a.jpg"]),
        ("raw/*", ["b.jpg", "deep/a.jpg", "deep/raw/d.jpg"]),
        ("./deep/raw", ["b.jpg", "deep/a.jpg", "raw/c.jpg"]),
        ("?.jpg", []),
        (unicodedata.normalize("NFD", "é*"), ["b.jpg", "deep/a.jpg", "deep/raw/d.jpg", "raw/c.jpg"]),
    ],
)
def test_a_pattern_excludes_names_or_with_a_slash_paths(tmp_path: Path, pattern: str, left: list[str]) -> None:
    make(tmp_path, "b.jpg", "raw/c.jpg", "deep/a.jpg", "deep/raw/d.jpg", "été.jpg")
    found = names_in(FolderImages(root=tmp_path, exclude=(pattern,)))
    assert [name for name in found if name != "été.jpg"] == left
    assert ("été.jpg" in found) is not pattern.endswith("*") or "/" in pattern


@LINKS
def test_a_link_to_a_folder_is_followed_once_and_never_in_a_circle(tmp_path: Path) -> None:
    root = make(tmp_path / "root", "z/a.jpg")
    make(tmp_path / "outside", "b.jpg", "deep/c.jpg")
    (root / "first").symlink_to("z")  # sorts before z, whose files keep their ids all the same
    (root / "up").symlink_to(tmp_path)
    (root / "z/self").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out2").symlink_to(tmp_path / "outside")
    (root / "broken").symlink_to(tmp_path / "nowhere")
    folder = FolderImages(root=root)
    assert names_in(folder) == ["out/b.jpg", "out/deep/c.jpg", "z/a.jpg"]
    assert "4 links to folders that are read already" in str(folder.passed_over)


@LINKS
def test_without_subfolders_no_link_is_followed(tmp_path: Path) -> None:
    root = make(tmp_path / "root", "a.jpg")
    make(tmp_path / "outside", "b.jpg")
    (root / "out").symlink_to(tmp_path / "outside")
    assert names_in(FolderImages(root=root, recursive=False)) == ["a.jpg"]
