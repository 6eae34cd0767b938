"""`table:FILE`: CSV, TSV, JSON Lines and Parquet give the same result, and errors name the row."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import PIL.Image
import pytest

from edge_identify.convert.cli.main import main
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources.rows.column_mapping import ColumnMapping, parse_mapping
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.datasets.sources.table_source import Table
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

ROWS = [
    {"Code": "007", "Title": "Cat, seated", "File": "a.jpg", "Latitude": "48.50", "Lon": "-2.25", "score": "40"},
    {"Code": "008", "Title": "Dog", "File": "b.jpg", "Latitude": "", "Lon": "", "score": ""},
]
CAT = Reference(id="007", name="Cat, seated", latitude=48.5, longitude=-2.25, attributes={"score": "40"})
DOG = Reference(id="008", name="Dog")


def read(file: Path, **mapping: object) -> list[SourceImage]:
    return list(Table(file, ColumnMapping(**mapping)).images())  # type: ignore[arg-type]


def write_delimited(file: Path, rows: Sequence[dict[str, str]], delimiter: str) -> Path:
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_jsonl(file: Path, rows: Sequence[dict[str, object]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def write_parquet(file: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file


@pytest.mark.parametrize(
    ("name", "delimiter"),
    [("t.csv", ","), ("semicolons.csv", ";"), ("tabs.csv", "\t"), ("t.TSV", "\t"), ("t.tab", "\t")],
)
def test_delimited_tables_are_read_by_the_names_of_their_columns(tmp_path: Path, name: str, delimiter: str) -> None:
    images = read(write_delimited(tmp_path / name, ROWS, delimiter), all_attributes=True)
    assert [image.reference for image in images] == [CAT, DOG]
    assert [image.path for image in images] == [tmp_path / "a.jpg", tmp_path / "b.jpg"]


def test_json_lines_keep_the_spelling_of_numbers_and_take_objects_apart(tmp_path: Path) -> None:
    rows = [
        {"code": "007", "title": "Cat, seated", "file": "a.jpg", "location": {"lat": 48.5, "lng": -2.25}, "score": 40},
        {
            "code": "008",
            "title": "Dog",
            "file": "b.jpg",
            "location": {"lat": None, "lng": None},
            "big": 1e3,
            "no": False,
        },
    ]
    cat, dog = read(write_jsonl(tmp_path / "t.jsonl", rows), all_attributes=True)
    assert cat.reference == CAT
    assert dog.reference.attributes == {"big": "1000.0", "no": "false"}
    assert dog.reference.latitude is None


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"Code": "007", "Title": "Cat, seated", "File": "a.jpg", "Latitude": 48.5, "Lon": -2.25, "score": 40},
        {"Code": "008", "Title": "Dog", "File": "b.jpg", "Latitude": float("nan"), "Lon": None, "score": None},
    ]
    images = read(write_parquet(tmp_path / "t.parquet", rows), all_attributes=True)
    assert [image.reference for image in images] == [CAT, DOG]


def test_other_columns_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    file = write_delimited(tmp_path / "t.csv", ROWS, ",")
    assert read(file)[0].reference.attributes == {}
    assert read(file, attributes=("score", "Code"))[0].reference.attributes == {"score": "40", "Code": "007"}


def test_a_mapping_goes_before_the_names(tmp_path: Path) -> None:
    rows = [{"name": "not me", "titre": "Chat", "image": "thumb.jpg", "photo": "a.jpg", "id": "x"}]
    [image] = read(write_delimited(tmp_path / "t.csv", rows, ","), columns=parse_mapping(["name=titre, path=photo"]))
    assert (image.reference.name, image.path.name) == ("Chat", "a.jpg")


@pytest.mark.parametrize(
    ("texts", "message"),
    [(["id"], "write FIELD=COLUMN"), (["id=a,id=b"], "mapped to 'a' and to 'b'"), (["=a"], "write FIELD=COLUMN")],
)
def test_a_mapping_that_is_none_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        parse_mapping(texts)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"columns": {"id": "codes"}}, r"has no column 'codes'; columns: Code, Title, File, Latitude, Lon, score"),
        ({"attributes": ("points",)}, r"has no column 'points'; columns: Code, Title"),
        ({"columns": {"nmae": "Title"}}, r"there is no field 'nmae'; the fields are path, url, id, name"),
    ],
)
def test_a_column_or_field_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, mapping: dict[str, object], message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        read(write_delimited(tmp_path / "t.csv", ROWS, ","), **mapping)


def test_a_table_without_a_column_for_the_images_says_which_columns_there_are(tmp_path: Path) -> None:
    file = write_delimited(tmp_path / "t.csv", [{"code": "1", "where": "a.jpg"}], ",")
    with pytest.raises(SetupError, match=r"--map path=COLUMN. Columns: code, where"):
        read(file)


def test_rows_with_one_id_are_several_images_where_they_agree(tmp_path: Path) -> None:
    rows = [{"id": "1", "name": "Cat", "path": "a.jpg"}, {"id": "1", "name": "", "path": "b.jpg"}]
    first, second = read(write_delimited(tmp_path / "t.csv", rows, ","))
    assert first.reference is second.reference
    assert first.reference.name == "Cat"


def test_rows_with_one_id_that_contradict_each_other_are_both_named(tmp_path: Path) -> None:
    rows = [{"id": "1", "name": "Cat", "path": "a.jpg"}, {"id": "1", "name": "Dog", "path": "b.jpg"}]
    _, second = read(write_delimited(tmp_path / "t.csv", rows, ","))
    told = "differs from {} in name, and both describe '1' ('Cat' and 'Dog')"
    assert f"line 3 {told.format('line 2')}" in (second.problem or "")
    _, second = read(write_parquet(tmp_path / "t.parquet", rows))
    assert f"row 2 {told.format('row 1')}" in (second.problem or "")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "", "has no rows"),
        ("t.csv", "path\n", "has no rows"),
        ("t.csv", "path,path\na,b\n", "has the column 'path' twice"),
        ("t.csv", 'path\n"a\n', "line 2 is not a row"),
        ("t.jsonl", "[1]\n", "line 1 is not an object"),
        ("t.jsonl", '{"path": NaN}\n', "line 1 is not JSON"),
        ("t.jsonl", "[" * 200_000, "line 1 is not JSON"),
        ("t.parquet", "PAR1", "not a readable Parquet"),
        ("t.xlsx", "", "tables end with .csv, .tsv"),
    ],
)
def test_a_malformed_table_is_refused_in_words(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SetupError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("t.csv", "path,id\nok.jpg,1\na,b,c\n", "line 3 has 3 fields"),
        ("t.csv", "path,id\nok.jpg,1\n,b\n", "line 3 has no path"),
        (
            "t.csv",
            "path\nok.jpg\nhttps://example.org/a.jpg\n",
            "line 3 has a URL in place of a file; for URLs write urls:",
        ),
        ("t.csv", "path,lat\nok.jpg,\na,4\n", "line 3 has only one of lat and lng"),
        ("t.csv", "path,lat,lng\nok.jpg,,\na,91,4\n", "line 3 has lat '91'"),
        ("t.jsonl", '{"path": "ok.jpg"}\n\n[1]\n', "line 3 is not an object"),
        ("t.jsonl", '{"path": "ok.jpg"}\n\n{"path": "a.jpg",}\n', "line 3 is not JSON"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_and_the_other_is_read(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text)
    ok, bad = read(tmp_path / name)
    assert (ok.path.name, ok.problem) == ("ok.jpg", None)
    assert f"{name}: {problem}" in (bad.problem or "")


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "none.jsonl"])
def test_a_missing_table_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match=rf"{name}: no such file"):
        read(tmp_path / name)


def test_a_table_of_mosaics_becomes_a_catalogue_with_everything_that_is_known(tmp_path: Path) -> None:
    columns = ["path", "id", "city_code", "city", "points", "status", "hint", "lat", "lng"]
    facts = [
        ["PA_01", "PA", "Paris", "50", "OK", "Behind the bridge,\nleft", "48.8584", "2.2945"],
        ["AIX_02", "AIX", "Aix-en-Provence", "10", "destroyed", "", "", ""],
    ]
    (tmp_path / "reference").mkdir()
    for at, (identifier, *_) in enumerate(facts):
        PIL.Image.new("RGB", (16, 16), (at * 90, 40, 90)).save(tmp_path / f"reference/{identifier}.webp")
    rows = [dict(zip(columns, [f"reference/{row[0]}.webp", *row], strict=True)) for row in facts]
    table = write_delimited(tmp_path / "references.csv", rows, ",")
    options = ["--map", "namespace=city", "--attributes", "all", "--catalogue", str(tmp_path / "c.db")]
    assert main(["add", f"table:{table}", *options]) == 0
    with Catalogue.open_existing(tmp_path / "c.db") as catalogue:
        aix, paris = catalogue.references()
        assert len(catalogue.images()) == 2
    assert (paris.id, paris.namespace, paris.latitude, paris.longitude) == ("PA_01", "Paris", 48.8584, 2.2945)
    assert paris.attributes == {
        "city_code": "PA", "points": "50", "status": "OK", "hint": "Behind the bridge,\nleft",
    }  # fmt: skip
    assert (aix.namespace, aix.latitude) == ("Aix-en-Provence", None)
    assert aix.attributes == {"city_code": "AIX", "points": "10", "status": "destroyed"}


def test_options_of_tables_are_refused_for_other_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add", f"images:{tmp_path}", "--map", "id=code", "--catalogue", str(tmp_path / "c.db")]) == 8
    assert "--map and --attributes are for table:FILE" in capsys.readouterr().err
