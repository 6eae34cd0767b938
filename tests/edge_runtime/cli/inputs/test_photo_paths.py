"""Which photos are meant by files, folders and standard input."""

import io
import os
import sys
from pathlib import Path

import pytest

from edge_identify.edge_runtime.answers.identification import FailedPhoto
from edge_identify.edge_runtime.cli.inputs.photo_paths import AskedPhoto, photo_paths


def asked(*words: object, null_separated: bool = False) -> list[AskedPhoto]:
    return list(photo_paths([str(word) for word in words], null_separated=null_separated))


def reason(asked_for: AskedPhoto) -> str:
    assert isinstance(asked_for, FailedPhoto)
    return str(asked_for.error)


def type_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of images, of other things, and of things that hide."""
    for name in (
        "b.jpg", "a.PNG", "c/a.webp", "c/d/z.tiff", "c.jpg", "notes.txt", "no-ending", ".hidden.jpg", ".git/x.jpg",
    ):  # fmt: skip
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


def test_a_folder_means_its_images_sorted_and_none_that_hide(folder: Path) -> None:
    names = ["a.PNG", "b.jpg", "c/a.webp", "c/d/z.tiff", "c.jpg"]

    assert asked(folder) == [str(folder / name) for name in names]


def test_paths_below_a_folder_begin_as_the_folder_was_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)

    assert asked("photos/c/d") == asked("photos/c/d/") == [str(Path("photos/c/d/z.tiff"))]
    assert asked(".")[0] == str(Path("photos/a.PNG"))


def test_files_are_taken_as_they_are_and_as_often_as_they_are_named(folder: Path) -> None:
    notes = folder / "notes.txt"  # whoever names a file means it, whatever its ending

    assert asked(notes, folder / "c/d", notes, "none.jpg") == [
        str(notes), str(folder / "c/d/z.tiff"), str(notes), "none.jpg",
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_link_to_a_folder_is_not_followed_so_that_a_circle_ends(folder: Path) -> None:
    (folder / "c/d/up").symlink_to(folder)
    (folder / "link.jpg").symlink_to(folder / "b.jpg")

    assert len(asked(folder)) == 6


def test_a_folder_without_images_says_so_and_the_others_are_still_meant(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty, photo = asked(tmp_path / "empty", folder / "b.jpg")

    assert "empty: no image in this folder or its subfolders; known file name endings: .avif .bmp" in reason(empty)
    assert photo == str(folder / "b.jpg")


@pytest.mark.parametrize("within", ["", "c"])
def test_a_folder_that_may_not_be_read_is_told_and_not_passed_over(
    folder: Path, within: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = folder / within
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read every folder, so that no mode refuses it
    *others, failed = asked(folder)

    assert f"{locked}: the folder cannot be read (Permission denied)" in reason(failed)
    assert len(others) == (3 if within else 0)


def test_standard_input_names_photos_and_folders_a_line_each(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, f"{folder}/b.jpg\n\n{folder}/c/d\r\n-\nlast.jpg".encode())

    # A line of "-" is a file of that name: standard input is read already.
    assert asked("first.jpg", "-") == ["first.jpg", f"{folder}/b.jpg", f"{folder}/c/d/z.tiff", "-", "last.jpg"]


def test_paths_that_end_with_nul_may_hold_line_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, b"a\nb.jpg\0c\r\0\0\xff.jpg\0")

    assert asked("-", null_separated=True) == ["a\nb.jpg", "c\r", os.fsdecode(b"\xff.jpg")]


@pytest.mark.parametrize(("null_separated", "end"), [(False, "a line break"), (True, "NUL")])
def test_standard_input_without_a_path_says_so(null_separated: bool, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, b"\0" if null_separated else b"\n\r\n")
    (empty,) = asked("-", null_separated=null_separated)

    assert reason(empty) == f"standard input: names no photo; write paths, each followed by {end}"


def test_a_path_with_a_nul_is_left_for_whoever_opens_it() -> None:
    assert asked("a\0b.jpg") == ["a\0b.jpg"]
