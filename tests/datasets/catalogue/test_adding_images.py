"""Adding images: new, changed, unchanged and unusable ones."""

import os
import random
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from edge_identify.datasets.catalogue import adding_images
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import Source, SourceImage
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos import images as runtime_images
from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto

WriteImage = Callable[..., Path]
SourceOf = Callable[..., Source]


def _image_rows(tmp_path: Path) -> list[tuple[int, int, str, int]]:
    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as database:
        query = "SELECT width, height, format, length_bytes FROM image ORDER BY rowid"
        return list(database.execute(query))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_every_format_is_taken_and_measured(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, tmp_path: Path, image_format: str
) -> None:
    path = write_image("a.dat", image_format=image_format)
    assert catalogue.add(source_of((path, "a"))).added == 1
    assert _image_rows(tmp_path) == [(12, 8, image_format, path.stat().st_size)]


def test_an_animated_gif_counts_by_its_first_frame(catalogue: Catalogue, source_of: SourceOf, tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (12, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert catalogue.add(source_of((tmp_path / "a.gif", "a"))).added == 1
    assert _image_rows(tmp_path)[0][:3] == (12, 8, "GIF")
    assert runtime_images.open_image(tmp_path / "a.gif").getpixel((6, 4)) == (255, 0, 0)


@pytest.mark.parametrize(("orientation", "size"), [(1, (12, 8)), (3, (12, 8)), (6, (8, 12)), (8, (8, 12))])
def test_an_image_is_measured_upright(
    catalogue: Catalogue,
    write_image: WriteImage,
    source_of: SourceOf,
    tmp_path: Path,
    orientation: int,
    size: tuple[int, int],
) -> None:
    catalogue.add(source_of((write_image("a.jpg", image_format="JPEG", orientation=orientation), "a")))
    assert _image_rows(tmp_path)[0][:2] == size


def test_broken_images_are_skipped_with_path_and_reason_and_the_run_goes_on(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, tmp_path: Path
) -> None:
    good = write_image("good.png")
    whole = write_image("whole.jpg", image_format="JPEG", size=(200, 200)).read_bytes()
    broken = {
        "truncated.jpg": (whole[: len(whole) // 2], "damaged or truncated"),
        "text.png": (b"I am no picture", "not an image"),
        "zero.png": (b"", "0 bytes"),
        "missing.png": (None, "no such file"),
    }
    for name, (data, _) in broken.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
    report = catalogue.add(
        source_of(*((tmp_path / name, name) for name in broken), (tmp_path, "folder"), (good, "good"))
    )
    assert (report.added, report.usable, report.references_added) == (1, 1, 1)
    assert [skipped.path for skipped in report.skipped] == [*(tmp_path / name for name in broken), tmp_path]
    reasons = [*(reason for _, reason in broken.values()), "is not a file"]
    for skipped, reason in zip(report.skipped, reasons, strict=True):
        assert skipped.reason.startswith(str(skipped.path))
        assert reason in skipped.reason
    assert [reference.id for reference in catalogue.references()] == ["good"]


def test_an_image_beyond_the_pixel_cap_is_skipped(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_images, "MAX_PIXELS", 95)
    report = catalogue.add(source_of((write_image("a.png"), "a")))
    assert report.usable == 0
    assert "12 x 8 pixels" in report.skipped[0].reason


@pytest.mark.skipif(os.name != "posix", reason="only there may a file name be any bytes")
def test_a_file_whose_name_is_not_text_is_skipped_under_a_name_that_can_be_printed(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, tmp_path: Path
) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    try:
        write_image("a.png").rename(path)
    except OSError:
        pytest.skip("this file system wants names to be text")
    [skipped] = catalogue.add(source_of((path, "a"))).skipped
    assert "not valid UTF-8" in skipped.reason
    assert f"{skipped.path} {skipped.reason}".encode()


def test_known_content_is_not_decoded_again(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of((write_image("a.png"), "a"), (write_image("copy.png"), "b"))
    decoded: list[str] = []
    decode = runtime_images.decode_photo

    def counted(data: bytes, *, name: str, enough_px: int | None) -> DecodedPhoto:
        decoded.append(name)
        return decode(data, name=name, enough_px=enough_px)

    monkeypatch.setattr(adding_images, "decode_photo", counted)
    assert catalogue.add(source).added == 2
    assert catalogue.add(source).unchanged == 2
    assert len(decoded) == 1


def test_one_image_may_belong_to_two_references(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, tmp_path: Path
) -> None:
    path = write_image("a.png")
    catalogue.add(source_of((path, "a"), (path, "b")))
    assert [(image.index_id, image.reference_id) for image in catalogue.images()] == [(1, "a"), (2, "b")]
    assert len(_image_rows(tmp_path)) == 1


def test_two_equal_files_are_one_image_of_a_reference(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf
) -> None:
    source = source_of((write_image("a.png"), "a"), (write_image("copy.png"), "a"))
    report = catalogue.add(source)
    assert (report.added, report.unchanged) == (1, 1)
    assert [image.path.name for image in catalogue.images()] == ["a.png"]


def test_a_changed_file_replaces_its_older_content_under_a_new_index_id(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, tmp_path: Path
) -> None:
    source = source_of((write_image("a.png", "red"), "a"), (write_image("b.png", "green"), "b"))
    catalogue.add(source)
    write_image("a.png", "black")
    report = catalogue.add(source)
    assert (report.added, report.updated, report.unchanged) == (0, 1, 1)
    assert [(image.index_id, image.reference_id) for image in catalogue.images()] == [(2, "b"), (3, "a")]
    assert len(_image_rows(tmp_path)) == 2


def test_a_file_that_breaks_keeps_what_was_known_of_it(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf
) -> None:
    path = write_image("a.png")
    catalogue.add(source_of((path, "a")))
    before = catalogue.images()
    path.write_bytes(b"")
    assert len(catalogue.add(source_of((path, "a"))).skipped) == 1
    assert catalogue.images() == before


def test_a_file_that_moved_keeps_its_index_id(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf
) -> None:
    path = write_image("a.png")
    catalogue.add(source_of((path, "a")))
    moved = path.rename(path.with_name("b.png"))
    assert catalogue.add(source_of((moved, "a"))).unchanged == 1
    assert [(image.index_id, image.path) for image in catalogue.images()] == [(1, moved)]


def test_facts_that_changed_update_the_reference_and_not_its_images(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf
) -> None:
    path = write_image("a.png")
    catalogue.add(source_of((path, Reference(id="a", name="Cat", licence="MIT", attributes={"artist": "Ada"}))))
    images = catalogue.images()
    changed = Reference(id="a", name="Dog", labels={"label": "dog"})
    report = catalogue.add(source_of((path, changed)))
    assert (report.references_updated, report.unchanged) == (1, 1)
    assert catalogue.references() == [changed]
    assert catalogue.images() == [replace(image, licence=None) for image in images]


def test_the_namespace_is_given_to_references_that_have_none(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf
) -> None:
    own = Reference(id="b", name="b", namespace="own")
    catalogue.add(source_of((write_image("a.png"), "a"), (write_image("b.png"), own)), namespace="given")
    assert [reference.namespace for reference in catalogue.references()] == ["given", "own"]


def test_progress_sees_every_image_of_a_known_number(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, tmp_path: Path
) -> None:
    seen: list[list[SourceImage]] = []

    def watch(images: Iterable[SourceImage]) -> Iterable[SourceImage]:
        seen.append(list(images))
        return images

    catalogue.add(source_of((write_image("a.png"), "a"), (tmp_path / "missing.png", "b")), progress=watch)
    assert [len(images) for images in seen] == [2]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_to_the_files_the_second_run_finds_nothing_to_do(
    catalogue: Catalogue, write_image: WriteImage, source_of: SourceOf, tmp_path: Path, seed: int
) -> None:
    # Swapped, copied, changed and deleted files of shared references: the places where two rules meet.
    dice = random.Random(seed)
    names = ["a.png", "b.png", "c.png", "d.png"]
    used: set[int] = set()
    for _ in range(6):
        for name in names:
            if dice.random() < 0.7:
                write_image(name, dice.choice(["red", "green", "black"]))
            elif dice.random() < 0.3:
                (tmp_path / name).unlink(missing_ok=True)
        order = dice.sample(names, len(names))
        source = source_of(*((tmp_path / name, "x" if name < "c" else "y") for name in order))
        catalogue.add(source)
        first = catalogue.images()
        report = catalogue.add(source)
        assert (report.added, report.updated, catalogue.images()) == (0, 0, first)
        ids = {image.index_id for image in first}
        assert not any(new < max(used, default=0) for new in ids - used)
        used |= ids
