"""The files that a table names, as another machine wrote their paths."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from edge_identify.datasets.sources.rows.row_facts import RowError
from edge_identify.datasets.sources.rows.written_paths import WrittenPaths

POSIX_ONLY = pytest.mark.skipif(os.sep == "\\", reason="Windows reads such paths by itself")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@POSIX_ONLY
def test_a_windows_path_names_the_file_below_the_table_and_has_its_id(tmp_path: Path) -> None:
    file = touch(tmp_path / "pics/cats/a.jpg")
    found = WrittenPaths(tmp_path).find("pics\\cats\\a.jpg")
    assert (found.path, found.default_id, found.source_path) == (file, "pics/cats/a", "pics/cats/a.jpg")
    assert found.problem is None


@POSIX_ONLY
def test_a_file_whose_name_holds_a_backslash_goes_first(tmp_path: Path) -> None:
    file = touch(tmp_path / "a\\b.jpg")
    touch(tmp_path / "a/b.jpg")
    assert WrittenPaths(tmp_path).find("a\\b.jpg").path == file


@POSIX_ONLY
@pytest.mark.parametrize("text", ["C:\\pics\\a.jpg", "d:\\a.jpg", "C:/pics/a.jpg", "\\\\server\\share\\a.jpg"])
def test_a_path_of_a_windows_drive_is_named_as_the_cause(tmp_path: Path, text: str) -> None:
    found = WrittenPaths(tmp_path).find(text)
    assert (found.problem or "").startswith(f"{text}: is a path of a Windows machine")
    assert (found.default_id, found.source_path) == ("a", None)


@POSIX_ONLY
def test_a_file_url_names_the_file(tmp_path: Path) -> None:
    file = touch(tmp_path / "my pics/é.jpg")
    for text in (file.as_uri(), f"file://localhost{tmp_path}/my%20pics/é.jpg", f"FILE:{file}"):
        assert WrittenPaths(tmp_path).find(text).path == file
    for text, path in (("file:///C:/pics/a.jpg", "C:/pics/a.jpg"), ("file://nas/pics/a.jpg", "\\\\nas/pics/a.jpg")):
        assert (WrittenPaths(tmp_path).find(text).problem or "").startswith(f"{path}: is a path of a Windows machine")


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_in_another_unicode_form_name_the_same_file_and_folder(
    tmp_path: Path, on_disk: Literal["NFC", "NFD"], in_table: Literal["NFC", "NFD"]
) -> None:
    name = "Zürich/Café.jpg"
    file = touch(tmp_path / unicodedata.normalize(on_disk, name))
    found = WrittenPaths(tmp_path).find(unicodedata.normalize(in_table, name))
    assert found.path.samefile(file)
    assert (found.default_id, found.source_path) == ("Zürich/Café", "Zürich/Café.jpg")


def test_a_missing_file_is_told_which_file_differs_in_capital_letters(tmp_path: Path) -> None:
    touch(tmp_path / "pics/IMG_1.JPG")
    if (tmp_path / "pics/img_1.jpg").exists():
        pytest.skip("this disk does not tell capital letters apart")
    found = WrittenPaths(tmp_path).find("pics/img_1.jpg")
    assert (found.problem or "").endswith("no such file; there is IMG_1.JPG, which differs in capital letters")
    assert WrittenPaths(tmp_path).find("pics/none.jpg").problem is None
    found = WrittenPaths(tmp_path).find("Pics/img_1.jpg")
    assert (found.problem or "").endswith(f"there is {tmp_path}/pics/IMG_1.JPG, which differs in capital letters")


@pytest.mark.parametrize(
    ("text", "message"), [("", "has no path"), ("a\0.jpg", "NUL"), ("https://example.org/a.jpg", "write urls:")]
)
def test_what_is_no_path_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RowError, match=message):
        WrittenPaths(tmp_path).find(text)


def test_folders_in_another_unicode_form_are_listed_once_however_many_rows_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"Caf\u00e9 {number}" for number in range(20)]
    for name in names:
        touch(tmp_path / unicodedata.normalize("NFD", name) / "a.jpg")
    listed: list[Path] = []
    iterdir = Path.iterdir

    def counted(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", counted)
    paths = WrittenPaths(tmp_path)

    assert all(paths.find(f"{name}/a.jpg").path.is_file() for name in names)
    assert listed.count(tmp_path) == 1
