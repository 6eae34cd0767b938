"""The catalogue file: opening, refusing, storing, and its laws."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import Source, SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.references import Reference

WriteImage = Callable[..., Path]
SourceOf = Callable[..., Source]


def test_what_was_added_is_there_when_opened_again(
    tmp_path: Path, write_image: WriteImage, source_of: SourceOf
) -> None:
    reference = Reference(
        id="a",
        name="Ä cat",
        namespace="museum",
        labels={"label": "cat"},
        latitude=48.25,
        longitude=-2.5,
        url="https://example.org",
        licence="CC0-1.0",
        attributes={"artist": "Ada"},
    )
    path = write_image("a.png")
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        catalogue.add(source_of((path, reference)))
    with Catalogue.open_existing(tmp_path / "c.db") as catalogue:
        assert catalogue.references() == [reference]
        [image] = catalogue.images()
        assert (image.index_id, image.reference_id, image.path) == (1, "a", path)
        assert image.sha256 == sha256_of_file(path)


def test_adding_twice_changes_nothing(catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf) -> None:
    source = source_of((write_image("a.png"), "a"), (write_image("b.png", "green"), "b"))
    catalogue.add(source)
    before = catalogue.references(), catalogue.images()
    report = catalogue.add(source)
    assert (report.added, report.updated, report.unchanged) == (0, 0, 2)
    assert (report.references_added, report.references_updated, report.references_unchanged) == (0, 0, 2)
    assert (catalogue.references(), catalogue.images()) == before


def test_references_are_sorted_by_id_and_images_by_the_order_they_came_in(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf
) -> None:
    catalogue.add(source_of(*((write_image(f"{name}.png", name), name) for name in ("red", "green", "black"))))
    assert [reference.id for reference in catalogue.references()] == ["black", "green", "red"]
    assert [(image.index_id, image.reference_id) for image in catalogue.images()] == [
        (1, "red"), (2, "green"), (3, "black"),
    ]  # fmt: skip


def test_an_index_id_is_never_used_again(catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf) -> None:
    source = source_of((write_image("a.png", "red"), "a"))
    catalogue.add(source)
    for expected, colour in ((2, "green"), (3, "black"), (4, "red")):
        write_image("a.png", colour)  # the last row is deleted each time, whose id plain SQLite would give again
        catalogue.add(source)
        assert [image.index_id for image in catalogue.images()] == [expected]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_what_an_interrupted_run_has_added_stays_and_the_next_adds_the_rest(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, interruption: type[BaseException]
) -> None:
    catalogue.add(source_of((write_image("a.png", "red"), "a")))
    write_image("a.png", "green")

    def interrupt_before_the_last(images: Iterable[SourceImage]) -> Iterator[SourceImage]:
        *first, _ = images
        yield from first
        raise interruption

    source = source_of((tmp := write_image("a.png", "green"), "a"), (write_image("b.png"), "b"), (tmp, "c"))
    with pytest.raises(interruption):
        catalogue.add(source, progress=interrupt_before_the_last)
    assert [(image.index_id, image.reference_id) for image in catalogue.images()] == [(2, "a"), (3, "b")]
    report = catalogue.add(source)
    assert (report.unchanged, report.updated, report.added) == (2, 0, 1)


def test_a_malformed_source_is_refused_before_anything_is_added(catalogue: Catalogue, write_image: WriteImage) -> None:
    path = write_image("a.png")

    class Malformed:
        def images(self) -> Iterator[SourceImage]:
            yield SourceImage(path=path, reference=Reference(id="a", name="a"))
            raise SetupError("line 2 is wrong")

    with pytest.raises(SetupError, match="line 2"):
        catalogue.add(Malformed())
    assert catalogue.images() == []


def test_open_existing_wants_a_catalogue_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no such catalogue.*edge-build add"):
        Catalogue.open_existing(tmp_path / "c.db")
    assert not (tmp_path / "c.db").exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nowhere does not exist"):
        Catalogue.open(tmp_path / "nowhere" / "c.db")


def test_a_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is a folder"):
        Catalogue.open(tmp_path)


def test_a_file_that_is_not_sqlite_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"path,id\n" * 100)
    with pytest.raises(SetupError, match=r"list\.csv: is not a catalogue"):
        Catalogue.open(path)
    assert path.read_bytes() == b"path,id\n" * 100


def test_a_catalogue_that_another_program_writes_to_is_refused_in_one_line(
    tmp_path: Path, write_image: WriteImage, source_of: SourceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **_: connect(path, timeout=0))  # do not wait five seconds
    with (
        Catalogue.open(tmp_path / "c.db") as catalogue,
        closing(connect(tmp_path / "c.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SetupError, match=r"c\.db: .*database is locked.*wait"):
            catalogue.add(source_of((write_image("a.png"), "a")))
        other.execute("ROLLBACK")
        assert catalogue.add(source_of((write_image("a.png"), "a"))).added == 1


def test_a_damaged_catalogue_is_refused_in_one_line(
    tmp_path: Path, write_image: WriteImage, source_of: SourceOf
) -> None:
    path = tmp_path / "c.db"
    with Catalogue.open(path) as catalogue:
        catalogue.add(source_of((write_image("a.png"), "a")))
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with (
        Catalogue.open(path) as catalogue,
        pytest.raises(SetupError, match=r"c\.db: is not a catalogue, or is damaged"),
    ):
        catalogue.references()
