"""`images:DIR`: each image in a folder is a reference."""

import os
import re
import unicodedata
from pathlib import Path

import pytest

from edge_identify.datasets.sources.images_folder import ImagesFolder
from edge_identify.edge_runtime.errors import SetupError


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _ids(source: ImagesFolder) -> list[str]:
    return [image.reference.id for image in source.images()]


def test_images_come_sorted_with_ids_from_their_paths(tmp_path: Path) -> None:
    _touch(tmp_path, "b.png", "a.jpg", "deep/er/c.webp", "deep/d.tiff")
    images = list(ImagesFolder(tmp_path).images())
    assert [image.reference.id for image in images] == ["a", "b", "deep/d", "deep/er/c"]
    assert [image.reference.name for image in images] == ["a", "b", "d", "c"]
    assert [image.path for image in images] == [
        tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "deep/d.tiff", tmp_path / "deep/er/c.webp",
    ]  # fmt: skip
    assert all(not image.reference.labels for image in images)


def test_folders_inside_are_left_out_when_not_recursive(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg", "deep/b.jpg")
    assert _ids(ImagesFolder(tmp_path, recursive=False)) == ["a"]


def test_endings_are_known_in_any_case_and_others_are_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path, "a.JPG", "b.Png", "c.gif", "d.BMP", "e.tif", "notes.txt", "f.jpg.part", "g")
    assert _ids(ImagesFolder(tmp_path)) == ["a", "b", "c", "d", "e"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg", ".b.jpg", ".thumbnails/c.jpg", "deep/._d.jpg")
    assert _ids(ImagesFolder(tmp_path)) == ["a"]


def test_a_folder_named_like_an_image_is_searched_and_not_taken_for_one(tmp_path: Path) -> None:
    _touch(tmp_path, "album.jpg/a.jpg")
    assert _ids(ImagesFolder(tmp_path)) == ["album.jpg/a"]


def test_a_name_with_dots_loses_only_its_ending(tmp_path: Path) -> None:
    _touch(tmp_path, "v1.2.jpg", "v1.3.jpg")
    assert _ids(ImagesFolder(tmp_path)) == ["v1.2", "v1.3"]


def test_the_label_is_the_folder_s_name_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "animals/a.jpg", "animals/cats/b.jpg")
    monkeypatch.chdir(tmp_path / "animals")
    source = ImagesFolder(Path(), label_from_folder=True)
    assert [image.reference.labels for image in source.images()] == [{"label": "animals"}, {"label": "cats"}]


def test_two_files_with_one_id_are_both_refused_with_what_to_do_and_the_others_are_read(tmp_path: Path) -> None:
    _touch(tmp_path, "cat.jpg", "cat.png", "dog.jpg")
    one, other, dog = ImagesFolder(tmp_path).images()
    assert re.search(r"cat\.jpg: has the id 'cat', as .*cat\.png; rename .*image-list", one.problem or "")
    assert re.search(r"cat\.png: has the id 'cat', as .*cat\.jpg", other.problem or "")
    assert (dog.reference.id, dog.problem) == ("dog", None)


def test_a_subfolder_that_cannot_be_read_is_listed_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path, "a.jpg", "lost+found/b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == tmp_path / "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read every folder, so that no mode refuses it
    image, unreadable = ImagesFolder(tmp_path).images()
    assert (image.reference.id, image.problem) == ("a", None)
    assert "lost+found: the folder cannot be read (Permission denied)" in (unreadable.problem or "")


def test_names_are_composed_whatever_the_disk_writes(tmp_path: Path) -> None:
    _touch(tmp_path, unicodedata.normalize("NFD", "Zürich/Café.jpg"))
    [image] = ImagesFolder(tmp_path, label_from_folder=True).images()
    assert (image.reference.id, image.reference.name, image.reference.labels["label"], image.source_path) == (
        "Zürich/Café", "Café", "Zürich", "Zürich/Café.jpg",
    )  # fmt: skip
    assert image.path.exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nowhere: no such folder"):
        list(ImagesFolder(tmp_path / "nowhere").images())


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    _touch(tmp_path, "list.csv")
    with pytest.raises(SetupError, match=r"not a folder; .* image-list:"):
        list(ImagesFolder(tmp_path / "list.csv").images())


@pytest.mark.parametrize(("recursive", "where"), [(True, "in it or its subfolders"), (False, "directly in it")])
def test_a_folder_without_images_is_refused(tmp_path: Path, recursive: bool, where: str) -> None:
    _touch(tmp_path, "readme.txt", ".hidden.jpg")
    if not recursive:
        _touch(tmp_path, "deep/a.jpg")
    with pytest.raises(SetupError, match=f"{where}.*jpg"):
        list(ImagesFolder(tmp_path, recursive=recursive).images())
