"""User errors: one line that says what to do, the documented exit code, and no lost data."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from colour_packs import write_colour_pack


def one_line(finished) -> str:  # type: ignore[no-untyped-def]
    lines = finished.err.strip().splitlines()
    assert lines, finished
    assert "Traceback" not in finished.err
    assert lines[-1].startswith("error: "), finished.err
    return str(lines[-1])


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_pack(tmp_path_factory.mktemp("pack") / "colours")


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Path]:
    buffer = io.BytesIO()
    Image.effect_noise((400, 300), 90).convert("RGB").save(buffer, "JPEG")
    contents = {
        "good.jpg": buffer.getvalue(),
        "truncated.jpg": buffer.getvalue()[: len(buffer.getvalue()) // 2],
        "empty.jpg": b"",
        "notes.jpg": b"these are my notes",
        "poster.png": b"",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    Image.new("1", (20_000, 10_000)).save(tmp_path / "poster.png")
    return {name: tmp_path / name for name in contents}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("truncated.jpg", "is damaged or truncated"),
        ("empty.jpg", "the file is empty (0 bytes)"),
        ("notes.jpg", "is not an image"),
        ("poster.png", "100-megapixel limit"),
    ],
)
def test_a_photo_that_cannot_be_used(run, pack: Path, photos: dict[str, Path], name: str, message: str) -> None:  # type: ignore[no-untyped-def]
    finished = run("edge-identify", photos[name], "--pack", pack)

    assert finished.code == 5
    assert name in one_line(finished)
    assert message in one_line(finished)
    assert finished.out == ""

    as_json = run("edge-identify", photos[name], "--pack", pack, "--json")
    assert as_json.code == 5
    assert message in json.loads(as_json.out)["answers"][0]["error"]


def test_one_bad_photo_among_good_ones_is_skipped_and_counted(run, pack: Path, photos: dict[str, Path]) -> None:  # type: ignore[no-untyped-def]
    finished = run("edge-identify", photos["good.jpg"], photos["notes.jpg"], "--pack", pack, "--json")

    assert finished.code == 1
    good, bad = json.loads(finished.out)["answers"]
    assert good["matches"][0]["rank"] == 1
    assert "is not an image" in bad["error"]
    assert "2 photos: 1 answered without a decision, 1 skipped" in finished.err


def test_no_pack_on_the_device(run, photos: dict[str, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finished = run("edge-identify", photos["good.jpg"], "--store", tmp_path / "store")

    assert finished.code == 6
    assert "edge-identify sync" in one_line(finished)


def test_a_wrong_pack_name_and_a_wrong_folder(run, photos: dict[str, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("nosuch", f"{tmp_path}/nosuch"):
        finished = run("edge-identify", photos["good.jpg"], "--pack", name, "--store", tmp_path / "store")
        assert finished.code == 6
        assert "nosuch" in one_line(finished)


def test_a_pack_from_the_future(run, photos: dict[str, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = write_colour_pack(tmp_path / "future")
    manifest = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps(manifest | {"format": 7}))

    finished = run("edge-identify", photos["good.jpg"], "--pack", folder)

    assert finished.code == 6
    assert "pack format 7" in one_line(finished)
    assert "update edge-identify" in one_line(finished)


def test_a_server_that_is_down(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finished = run("edge-identify", "sync", "http://127.0.0.1:9/", "--store", tmp_path / "store")

    assert finished.code == 7
    assert "127.0.0.1:9" in one_line(finished)


@pytest.mark.parametrize(
    "words", [(), ("photo.jpg", "--top-k", "0"), ("photo.jpg", "--top-k", "five"), ("--no-such-option",)]
)
def test_wrong_usage(run, words: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    finished = run("edge-identify", *words)

    assert finished.code == 2
    what, advice = finished.err.splitlines()
    assert what.startswith("error: ")
    assert advice


def test_sources_that_hold_nothing_usable(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    empty.mkdir()
    broken.mkdir()
    (broken / "x.jpg").write_bytes(b"nothing")
    (tmp_path / "list.txt").write_text("absent-1.jpg\nabsent-2.jpg\n")
    (tmp_path / "twice.csv").write_text("path,id,name\na.jpg,1,One\nb.jpg,1,Two\n")
    catalogue = tmp_path / "c.sqlite"

    for source, message in (
        (f"images:{tmp_path / 'nowhere'}", "nowhere"),
        (f"images:{empty}", "empty"),
        (f"images:{broken}", "no usable image"),
        (f"image-list:{tmp_path / 'list.txt'}", "no usable image"),
        (f"image-list:{tmp_path / 'twice.csv'}", "no usable image"),
        ("pictures:somewhere", "images:"),
    ):
        finished = run("edge-build", "add", source, "--catalogue", catalogue)
        assert finished.code == 8, finished
        assert message in one_line(finished)
    assert (
        "absent-1.jpg" in run("edge-build", "add", f"image-list:{tmp_path / 'list.txt'}", "--catalogue", catalogue).err
    )


def test_a_source_that_names_nothing_leaves_no_catalogue_behind(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("edge-build", "add", f"images:{tmp_path / 'nowhere'}", "--catalogue", tmp_path / "c.sqlite").code == 8

    assert not list(tmp_path.iterdir())


def test_a_broken_image_is_skipped_and_the_rest_is_added(run, photos: dict[str, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = photos["good.jpg"].parent

    first = run("edge-build", "add", f"images:{folder}", "--catalogue", tmp_path / "c.sqlite", "--json")
    second = run("edge-build", "add", f"images:{folder}", "--catalogue", tmp_path / "c.sqlite", "--json")

    assert first.code == second.code == 1
    assert json.loads(first.out) | {"references_added": 1} == {
        "added": 1, "updated": 0, "unchanged": 0, "skipped": 4, "references_added": 1,
        "passed_over": 0,
    }  # fmt: skip
    assert json.loads(second.out)["unchanged"] == 1
    assert "skipped:" in first.err
    assert "truncated.jpg" in first.err


def test_builds_that_cannot_begin(run, photos: dict[str, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    catalogue = tmp_path / "c.sqlite"
    assert run("edge-build", "add", f"images:{photos['good.jpg'].parent}", "--catalogue", catalogue).code == 1
    (tmp_path / "occupied").mkdir()

    def refused(*options: object) -> str:
        words = ["--catalogue", catalogue, "--name", "street", "--out", tmp_path / "out", *options]
        finished = run("edge-build", "pack", *words)
        assert finished.code in (6, 8), finished
        assert not (tmp_path / "out").exists()
        return one_line(finished)

    assert "no such catalogue" in refused("--catalogue", tmp_path / "none.sqlite")
    assert "cannot name a pack" in refused("--name", "Street Art")
    assert "is not a pack version" in refused("--version", "one")
    assert "'onnx-int3' is not known" in refused("--variants", "onnx-int3")
    assert "at least one onnx variant" in refused("--variants", "coreml-int8")
    assert "exists and is not a pack" in refused("--out", tmp_path / "occupied")
    assert "no such folder" in refused("--out", tmp_path / "a/b")


def test_serving_an_empty_folder(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    finished = run("edge-serve", "run", "--repo", tmp_path)

    assert finished.code == 8
    assert "edge-serve publish" in one_line(finished)
