"""Parsing the text of a source."""

from pathlib import Path

import pytest

from edge_identify.datasets.sources import SourceOptions, parse_source
from edge_identify.datasets.sources.image_list import ImageList
from edge_identify.datasets.sources.images_folder import ImagesFolder
from edge_identify.edge_runtime.errors import SetupError


def test_a_folder_is_named_by_images() -> None:
    source = parse_source("images:some/folder", SourceOptions(recursive=False, label_from_folder=True))
    assert source == ImagesFolder(Path("some/folder"), recursive=False, label_from_folder=True)


def test_a_list_is_named_by_image_list() -> None:
    assert parse_source("image-list:some/list.csv") == ImageList(Path("some/list.csv"))


def test_only_the_first_colon_ends_the_scheme() -> None:
    assert parse_source("images:C:/pictures") == ImagesFolder(Path("C:/pictures"))


@pytest.mark.parametrize("text", ["ftp:bucket", "Images:folder", "folder", "", ":folder", "image_list:x.csv"])
def test_any_other_scheme_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(SetupError, match="images:DIR, image-list:FILE"):
        parse_source(text)


@pytest.mark.parametrize("text", ["images:", "image-list:", "s3:"])
def test_a_scheme_without_a_path_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="the path after the colon is missing"):
        parse_source(text)
