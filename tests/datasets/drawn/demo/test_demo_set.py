"""The demo set on the disk."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.drawn.demo import DemoSet, draw_demo_set
from edge_identify.datasets.drawn.demo.demo_set import as_phone_writes_it
from edge_identify.datasets.sources import parse_source
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.images import decode_image, open_image

COUNT = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def drawn(folder: Path) -> DemoSet:
    """Draw a small set once for this file."""
    return draw_demo_set(folder, count=COUNT, seed=4)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_references_go_into_a_catalogue_with_all_their_facts(drawn: DemoSet, tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        report = catalogue.add(parse_source(f"image-list:{drawn.references}"))
        references = catalogue.references()
    assert (report.added, report.skipped, report.references_added) == (COUNT, (), COUNT)
    assert all(reference.labels == {"label": "street mosaic"} for reference in references)
    assert all(reference.latitude and reference.longitude and reference.licence for reference in references)
    assert all(set(reference.attributes) == {"design", "wall"} for reference in references)


def test_reference_images_come_in_three_formats_and_sizes_of_the_web(drawn: DemoSet, folder: Path) -> None:
    sizes, formats = [], set()
    for row in _rows(drawn.references):
        with PIL.Image.open(folder / row["path"]) as image:
            formats.add(image.format)
            sizes.append(max(image.size))
    assert formats == {"JPEG", "PNG", "WEBP"}
    assert 300 <= min(sizes) <= max(sizes) <= 400


def test_every_query_is_a_photo_and_names_a_reference_or_nothing(drawn: DemoSet, folder: Path) -> None:
    known = {row["id"] for row in _rows(drawn.references)}
    queries = _rows(drawn.queries)
    answers = [row["id"] for row in queries if row["id"]]
    assert set(answers) == known
    assert (len(answers), len(queries) - len(answers)) == (drawn.photo_count, drawn.unknown_photo_count)
    assert drawn.photo_count == 2 * drawn.reference_count == 2 * COUNT
    assert drawn.unknown_photo_count > 0
    assert {row["kind"] for row in queries if not row["id"]} == {"not-in-set"}
    assert {row["kind"] for row in queries if row["id"]} <= {"unique", "shared-design"}
    for row in queries:
        assert 600 <= max(open_image(folder / row["query"]).size) <= 800


def test_photos_come_in_more_than_one_orientation(drawn: DemoSet, folder: Path) -> None:
    orientations = set()
    for row in _rows(drawn.queries):
        with PIL.Image.open(folder / row["query"]) as stored:
            orientations.add(stored.getexif()[0x0112])
    assert len(orientations) > 1


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photo_that_lies_or_stands_on_its_head_is_upright_when_opened(orientation: int) -> None:
    upright = PIL.Image.new("RGB", (64, 48), "white")
    upright.paste("red", (0, 0, 32, 24))  # the top left quarter
    data = as_phone_writes_it(upright, orientation=orientation)
    opened = np.asarray(decode_image(data, name="photo"), dtype=int)
    assert np.abs(opened - np.asarray(upright)).mean() < 4


def test_no_file_is_there_that_no_list_names(drawn: DemoSet, folder: Path) -> None:
    named = {row["path"] for row in _rows(drawn.references)} | {row["query"] for row in _rows(drawn.queries)}
    assert set(_digests(folder)) == named | {"references.csv", "queries.csv"}


def test_one_seed_gives_the_same_bytes_and_another_seed_other_images(tmp_path: Path) -> None:
    draw_demo_set(tmp_path / "one", count=1, seed=9)
    draw_demo_set(tmp_path / "same", count=1, seed=9)
    draw_demo_set(tmp_path / "other", count=1, seed=10)
    one, same, other = (_digests(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert one.keys() == other.keys()
    image_paths = [path for path in one if not path.endswith(".csv")]
    assert all(one[path] != other[path] for path in image_paths)


@pytest.mark.parametrize("count", [0, -3])
def test_a_set_of_nothing_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(SetupError, match="at least 1"):
        draw_demo_set(tmp_path, count=count)


def test_a_place_that_is_taken_by_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SetupError, match="taken: the drawn set cannot be written"):
        draw_demo_set(tmp_path / "taken", count=1)
