"""Facts from file names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import PIL.Image
import pytest

from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import ListedImages, SourceImage, SourceOptions, parse_source
from edge_identify.datasets.sources.name_pattern import NamedByPattern, checked_pattern
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

ID_AND_NAME = r"(?P<id>\d+)_(?P<name>.+)"


def named(pattern: str, *names: str, origin: str | None = None) -> list[SourceImage]:
    listed = (
        SourceImage(
            path=Path("/pictures", name), reference=Reference(id=Path(name).stem, name=Path(name).stem), origin=origin
        )
        for name in names
    )
    return list(NamedByPattern(ListedImages(tuple(listed)), checked_pattern(pattern)).images())


@pytest.mark.parametrize("pattern", [ID_AND_NAME, ID_AND_NAME + r"\.jpe?g"])
def test_id_and_name_are_taken_out_of_the_file_name(pattern: str) -> None:
    [image] = named(pattern, "1_cat.jpeg")
    assert (image.reference.id, image.reference.name) == ("1", "cat")


def test_other_groups_become_labels_and_attributes_and_a_group_that_is_not_there_says_nothing() -> None:
    pattern = r"(?P<id>\w+)-(?P<label>[a-z]+)(-(?P<artist>\w+))?"
    first, second = named(pattern, "7-cat-ada.png", "8-dog.png")
    assert first.reference == Reference(id="7", name="7", labels={"label": "cat"}, attributes={"artist": "ada"})
    assert second.reference == Reference(id="8", name="8", labels={"label": "dog"})


def test_two_images_of_one_id_are_one_reference() -> None:
    first, second = named(r"(?P<id>\d+)_\w+", "1_front.jpg", "1_back.jpg")
    assert first.reference == second.reference == Reference(id="1", name="1")


def test_a_name_that_contradicts_an_earlier_one_is_refused_with_both_files() -> None:
    first, second, third = named(ID_AND_NAME, "1_cat.jpg", "1_dog.jpg", "2_owl.jpg")
    assert (first.problem, third.problem) == (None, None)
    assert "1_dog.jpg: shows '1', as " in (second.problem or "")
    assert "1_cat.jpg, but their names give different facts" in (second.problem or "")


def test_a_date_in_a_name_that_may_be_several_is_refused() -> None:
    [image] = named(r"(?P<id>\d+) (?P<valid_until>.+)", "1 05-06-2026.jpg")
    assert "has valid_until '05-06-2026'" in (image.problem or "")


def test_a_pattern_and_a_name_may_have_their_accents_in_two_forms() -> None:
    [image] = named(unicodedata.normalize("NFC", r"été (?P<id>\d+)"), unicodedata.normalize("NFD", "été 7.jpg"))
    assert (image.problem, image.reference.id) == (None, "7")


def test_of_a_fetched_image_the_name_in_its_address_counts() -> None:
    [image] = named(ID_AND_NAME, "abcdef.bin", origin="https://example.org/pics/1_fat%20cat.jpeg?size=2")
    assert (image.reference.id, image.reference.name) == ("1", "fat cat")


@pytest.mark.parametrize(
    ("text", "message"), [("(", "not a regular expression"), (".*", "no named group"), ("(?P<lat>.)", "lat cannot")]
)
def test_a_pattern_that_says_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        checked_pattern(text)


def test_an_image_whose_name_does_not_fit_is_skipped_and_the_others_are_added(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for name in ("1_cat.png", "readme.png"):
        PIL.Image.new("RGB", (8, 8)).save(tmp_path / "p" / name)
    source = parse_source(f"images:{tmp_path / 'p'}", SourceOptions(name_pattern=checked_pattern(ID_AND_NAME)))
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        report = catalogue.add(source)
        assert [reference.id for reference in catalogue.references()] == ["1"]
    [skipped] = report.skipped
    assert "readme.png: its name does not match the pattern" in skipped.reason
