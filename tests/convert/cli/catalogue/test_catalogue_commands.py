"""What is in a catalogue, and changing it: list, show, remove, withdraw, restore, export and back."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.datasets.catalogue.table_export import write_table
from edge_identify.datasets.sources import ListedImages, SourceImage, parse_source
from edge_identify.datasets.sources.rows.row_facts import given as given_text
from edge_identify.edge_runtime.cli.main import main as identify
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.pack.references import Reference

pytestmark = pytest.mark.usefixtures("few_photos")

CAT = Reference(
    id="1",
    name="Cat, seated",
    namespace="museum",
    labels={"label": "cat", "category": "animal"},
    latitude=48.5,
    longitude=-2.25,
    url="https://example.org/1",
    licence="CC0-1.0",
    attributes={"hint": 'two\nlines; "quoted"', "valid_until": "2026-06-30"},
)
DOG = Reference(id="2", name="Dog")


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    listed: list[SourceImage] = []
    for reference, names in ((CAT, ["a.png", "b.png"]), (DOG, ["c.png"])):
        for name in names:
            Image.new("RGB", (20, 10), (len(listed) * 80, 40, 9)).save(tmp_path / name)
            listed.append(SourceImage(path=tmp_path / name, reference=reference))
    with Catalogue.open(tmp_path / "c.db") as opened:
        opened.add(ListedImages(tuple(listed)))
    return tmp_path / "c.db"


def run(catalogue: Path, command: str, *words: str) -> int:
    return main([command, "--catalogue", str(catalogue), *words])


def test_list_shows_each_reference_with_its_images(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(catalogue, "list") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "1  Cat, seated  museum  label=cat  category=animal  2 images",
        "2  Dog  1 image",
    ]
    assert "2 references, 3 images" in shown.err
    assert run(catalogue, "list", "--namespace", "museum", "--json") == 0
    assert json.loads(capsys.readouterr().out)["references"] == [
        {
            "id": "1", "name": "Cat, seated", "namespace": "museum", "labels": {"label": "cat", "category": "animal"},
            "licence": "CC0-1.0", "pictures": 2, "withdrawn": False,
        }
    ]  # fmt: skip


def test_list_shows_what_is_known_of_each_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p/cats").mkdir(parents=True)
    Image.new("RGB", (9, 9), "red").save(tmp_path / "p/cats/tabby.jpg")
    given = ["--namespace", "town", "--licence", "CC-BY-4.0", "--provenance", "Ada Example", "--label-from-folder"]
    assert run(tmp_path / "c.db", "add", f"images:{tmp_path / 'p'}", *given) == 0
    capsys.readouterr()
    assert run(tmp_path / "c.db", "list", "--pictures", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == [
        {
            "reference": "cats/tabby", "index_id": 1, "type": "JPEG", "filename": "tabby.jpg", "extension": ".jpg",
            "path": str(tmp_path / "p/cats/tabby.jpg"), "source_path": "cats/tabby.jpg", "label": "cats",
            "namespace": "town", "licence": "CC-BY-4.0", "provenance": "Ada Example",
        }
    ]  # fmt: skip
    assert run(tmp_path / "c.db", "list", "--pictures") == 0
    assert capsys.readouterr().out.endswith("tabby.jpg  JPEG  cats  town  CC-BY-4.0  Ada Example\n")


def test_licence_and_provenance_of_each_image_survive_the_way_through_a_table(tmp_path: Path) -> None:
    rows = [
        "path,id,licence,source_url",
        "a.png,1,MIT,https://example.org/a",
        "b.png,1,CC0-1.0,",
        "c.png,2,,",
        "d.png,1,,",
    ]
    for row in rows[1:]:
        Image.new("RGB", (9, 9), (len(row), 2, 3)).save(tmp_path / row.partition(",")[0])
    (tmp_path / "t.csv").write_text("\n".join(rows))
    assert run(tmp_path / "c.db", "add", f"table:{tmp_path / 't.csv'}") == 0
    assert run(tmp_path / "c.db", "export", "--out", str(tmp_path / "e.csv")) == 0
    with Catalogue.open_existing(tmp_path / "c.db") as opened:
        before = opened.images(), opened.references()
        report = opened.add(parse_source(f"image-list:{tmp_path / 'e.csv'}"))
        assert (report.unchanged, report.references_unchanged) == (4, 2)
        assert (opened.images(), opened.references()) == before
    assert [(image.licence, image.provenance, image.source_path) for image in before[0]] == [
        ("MIT", "https://example.org/a", "a.png"), ("CC0-1.0", None, "b.png"), (None, None, "c.png"),
        (None, None, "d.png"),
    ]  # fmt: skip


def test_a_pack_credits_its_images_and_tells_nothing_of_the_makers_disk(
    tmp_path: Path, tiny_vit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret-folder/cats").mkdir(parents=True)
    photo = tmp_path / "secret-folder/cats/tabby.jpg"
    Image.effect_noise((64, 64), 80).convert("RGB").save(photo)
    given = ["--licence", "CC-BY-4.0", "--provenance", "Ada Example"]
    assert run(tmp_path / "c.db", "add", f"images:{tmp_path / 'secret-folder'}", *given) == 0
    words = ["--name", "t", "--model", tiny_vit, "--pretrained", "random", "--variants", "onnx-fp32"]

    assert run(tmp_path / "c.db", "pack", *words, "--out", str(tmp_path / "pack"), "--file-names") == 0
    for file in (tmp_path / "pack").rglob("*"):
        assert file.is_dir() or b"secret-folder" not in file.read_bytes(), file
    capsys.readouterr()
    identify([str(photo), "--pack", str(tmp_path / "pack"), "--json"])
    [match] = json.loads(capsys.readouterr().out)["answers"][0]["matches"]
    assert match["licence"] == "CC-BY-4.0"
    assert match["picture"] == {
        "type": "JPEG", "filename": "tabby.jpg", "path": "cats/tabby.jpg", "extension": ".jpg",
        "licence": "CC-BY-4.0", "provenance": "Ada Example",
    }  # fmt: skip
    assert "licences of the pictures: CC-BY-4.0 (1)" in (tmp_path / "pack/PACK.md").read_text()


def test_show_tells_everything_of_each_image(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(catalogue, "show", "1", "--json") == 0
    [reference] = json.loads(capsys.readouterr().out)["references"]
    first = reference["images"][0]
    assert (reference["namespace"], reference["labels"]["label"]) == ("museum", "cat")
    assert {key: first[key] for key in ("index_id", "type", "filename", "extension", "width", "height", "path")} == {
        "index_id": 1, "type": "PNG", "filename": "a.png", "extension": ".png", "width": 20, "height": 10,
        "path": str(catalogue.parent / "a.png"),
    }  # fmt: skip
    assert run(catalogue, "show", "1") == 0
    assert "  name: Cat, seated" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["show", "remove", "withdraw", "restore", "export"])
def test_a_reference_that_is_not_there_is_named_and_nothing_happens(
    catalogue: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = catalogue.read_bytes()
    assert run(catalogue, command, "1", "nobody") == 8
    assert "'nobody'" in capsys.readouterr().err
    assert catalogue.read_bytes() == before


def test_removing_takes_a_reference_and_its_images_and_never_gives_their_index_ids_again(catalogue: Path) -> None:
    assert run(catalogue, "remove", "1") == 0
    with Catalogue.open_existing(catalogue) as opened:
        assert [reference.id for reference in opened.references()] == ["2"]
        assert [image.index_id for image in opened.images()] == [3]
        opened.add(ListedImages((SourceImage(path=catalogue.parent / "a.png", reference=CAT),)))
        assert [image.index_id for image in opened.images()] == [3, 4]
    assert (catalogue.parent / "a.png").exists()


def test_what_is_withdrawn_stays_withdrawn_when_it_is_added_again(
    catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(catalogue, "withdraw", "2", "--reason", "destroyed") == 0
    with Catalogue.open_existing(catalogue) as opened:
        opened.add(ListedImages((SourceImage(path=catalogue.parent / "c.png", reference=DOG),)))
        assert opened.withdrawals() == {"2": "destroyed"}
    assert run(catalogue, "list") == 0
    assert "2  Dog  1 image  withdrawn" in capsys.readouterr().out
    assert run(catalogue, "restore", "2") == 0
    with Catalogue.open_existing(catalogue) as opened:
        assert opened.withdrawals() == {}


def test_a_table_that_was_exported_and_edited_changes_what_it_says_and_nothing_else(
    catalogue: Path, tmp_path: Path
) -> None:
    table = tmp_path / "edited.csv"
    assert run(catalogue, "export", "--out", str(table)) == 0
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["id"] == "2":
            row["name"] = "Old dog"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with Catalogue.open_existing(catalogue) as opened:
        before = opened.images()
        report = opened.add(parse_source(f"image-list:{table}"))
        assert (report.references_updated, report.references_unchanged, report.unchanged) == (1, 1, 3)
        assert [reference.name for reference in opened.references()] == ["Cat, seated", "Old dog"]
        assert opened.images() == before


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12).map(
    lambda text: composed(text).strip()
)
REFERENCES = st.builds(
    Reference,
    id=TEXT.filter(given_text),  # "n/a" is no id
    name=TEXT.filter(bool),
    namespace=TEXT,
    labels=st.dictionaries(st.sampled_from(["label", "category", "subcategory"]), TEXT.filter(bool)),
    latitude=st.just(1.5),
    longitude=st.floats(-180, 180),
    url=st.none() | TEXT.filter(bool),
    attributes=st.dictionaries(st.sampled_from(["artist", "Jahr", "a,b"]), TEXT.filter(bool)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(REFERENCES, min_size=1, max_size=4, unique_by=lambda reference: reference.id))
def test_what_is_exported_is_what_is_read_back(tmp_path: Path, references: list[Reference]) -> None:
    images = [
        CatalogueImage(index_id=at, reference_id=each.id, sha256="", path=tmp_path / f"{at}.png")
        for at, each in enumerate(references)
    ]
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        assert write_table(references, images, file) == len(references)
    read = [each.reference for each in parse_source(f"image-list:{tmp_path / 't.csv'}").images()]
    assert read == references


def test_a_pack_leaves_out_what_was_withdrawn_or_is_not_valid_on_the_day(
    catalogue: Path, tmp_path: Path, tiny_vit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--name", "t", "--model", tiny_vit, "--pretrained", "random", "--variants", "onnx-fp32", "--json"]
    assert run(catalogue, "pack", *words, "--out", str(tmp_path / "pack"), "--as-of", "2026-07-01") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["references"] == 1
    assert "left out: 0 references withdrawn, 1 not valid" in shown.err
    run(catalogue, "withdraw", "2")
    assert run(catalogue, "pack", *words, "--out", str(tmp_path / "none"), "--as-of", "2026-07-01") == 8
    assert "(1 reference withdrawn, 1 not valid on the day, 0 with a date" in capsys.readouterr().err
    run(catalogue, "withdraw", "1")
    assert run(catalogue, "pack", *words, "--out", str(tmp_path / "none")) == 8
    assert "(2 references withdrawn" in capsys.readouterr().err


def test_list_refuses_a_namespace_that_is_not_there_with_the_nearest(
    catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(catalogue, "list", "--namespace", "Museums") == 8
    assert "has no namespace 'Museums'; the nearest are museum" in capsys.readouterr().err
    assert run(catalogue, "list", "--namespace", "", "--json") == 0  # those without a namespace
    assert [each["id"] for each in json.loads(capsys.readouterr().out)["references"]] == ["2"]


def test_names_typed_in_another_unicode_form_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Zürich é") for form in ("NFC", "NFD"))
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    Image.new("RGB", (9, 9), "blue").save(tmp_path / "b.png")
    table = tmp_path / "t.csv"
    table.write_text(f"path,id,namespace\na.png,{nfd},{nfd}\nb.png,{nfc},{nfc}\n", encoding="utf-8")
    assert run(tmp_path / "c.db", "add", f"image-list:{table}") == 0
    for form in (nfc, nfd):
        capsys.readouterr()
        assert run(tmp_path / "c.db", "list", "--namespace", form) == 0
        assert capsys.readouterr().out == f"{nfc}  {nfc}  {nfc}  2 images\n"
        assert run(tmp_path / "c.db", "show", form) == 0
    assert run(tmp_path / "c.db", "withdraw", nfd) == 0
    assert run(tmp_path / "c.db", "remove", nfd) == 0
    assert capsys.readouterr().out.endswith("1 removed, 2 images\n")


def test_a_reference_that_an_earlier_version_stored_decomposed_is_the_same_one(tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    stored = SourceImage(path=tmp_path / "a.png", reference=Reference(id=nfd, name=nfd))
    with Catalogue.open(tmp_path / "c.db") as opened:
        opened.add(ListedImages((stored,)))
    (tmp_path / "t.csv").write_text(f"path,id\na.png,{nfc}\n", encoding="utf-8")
    assert run(tmp_path / "c.db", "add", f"image-list:{tmp_path / 't.csv'}") == 0
    with Catalogue.open_existing(tmp_path / "c.db") as opened:
        assert [(image.index_id, image.reference_id) for image in opened.images()] == [(1, nfd)]
        assert opened.remove([nfc]) == 1


def test_one_removed_image_is_counted_in_the_singular(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(catalogue, "remove", "2") == 0
    assert capsys.readouterr().out == "1 removed, 1 image\n"


def test_a_pack_names_the_references_whose_date_cannot_be_read(
    catalogue: Path, tmp_path: Path, tiny_vit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (20, 10), "white").save(tmp_path / "d.png")
    odd = Reference(id="odd", name="odd", attributes={"valid_until": "31/12/25"})
    with Catalogue.open_existing(catalogue) as opened:
        opened.add(ListedImages((SourceImage(path=tmp_path / "d.png", reference=odd),)))
    words = ["--name", "t", "--model", tiny_vit, "--pretrained", "random", "--variants", "onnx-fp32", "--json"]
    assert run(catalogue, "pack", *words, "--out", str(tmp_path / "pack"), "--as-of", "2026-06-01") == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["references"] == 2
    assert "skipped: odd has valid_until '31/12/25', which is no date or may be several" in shown.err
